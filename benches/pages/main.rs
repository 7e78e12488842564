//! The lists of members in a large guild, over HTTP: `cargo bench --bench pages [-- MEMBERS [URL …]]`.
//!
//! Starts the built program on a PostgreSQL and on an SQLite file, sends it an invented guild, gives every fifth member an account and
//! lets every tenth leave. Then it logs in as a browser does and asks for each view again and again: what is printed is the time from the
//! request to the last byte of the page, session, counts and template included. The first requests of a view, after which each connection to
//! the database has what it needs at hand, are told apart: the slowest of them is `cold`. Databases that are named are kept, and filled only
//! if they have nobody; `VIEWS=search` asks for the views alone that have this in their names.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "a bench needs a part of what tests need")]
mod support;
mod views;

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use guildsync::discord::{InventedGuild, write_roster};
use guildsync::domain::{Clock as _, DiscordId, SystemClock};
use guildsync::store::{Claim, Connect, ImportRow, MemberView, NewStaff, Stores, open};
use sqlx::Connection as _;
use support::forms::LoginForm;
use support::postgres::PrivatePostgres;
use support::process::Guildsync;

/// Members of the guild, unless said.
const MEMBERS: usize = 1_000_000;
/// Requests of each view.
const REQUESTS: usize = 200;
/// Requests before them: some for each connection, which the program uses in turn.
const COLD: usize = 20;
/// Accounts that belong to nobody who was ever in the guild.
const AWAY: i64 = 20_000;

const KEY: &str = "bench-0123456789abcdef";
const PASSWORD: &str = "correct horse battery";

#[tokio::main]
async fn main() {
    // cargo adds flags of its own.
    let members = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(MEMBERS);
    let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    let guild = InventedGuild::new(7, members, now);
    println!("{members} members, {REQUESTS} requests of each view\n");
    let kept: Vec<String> = std::env::args().skip(1).filter(|argument| argument.contains("://")).collect();
    for url in &kept {
        measure(url.split(':').next().unwrap(), url, &guild, now).await;
    }
    if kept.is_empty() {
        let server = PrivatePostgres::durable();
        let database = server.database().await;
        measure("PostgreSQL", database.url(), &guild, now).await;
        let database = support::sqlite::sqlite();
        measure("SQLite", &database.url(), &guild, now).await;
    }
}

async fn measure(name: &str, url: &str, guild: &InventedGuild, now: DateTime<Utc>) {
    let site = Site::start(url, guild).await;
    let filled = Instant::now();
    if !site.is_filled {
        fill(&site, url, guild, now).await;
    }
    println!("{name}: filled in {:.0} s", filled.elapsed().as_secs_f64());
    let wanted = std::env::var("VIEWS").unwrap_or_default();
    println!("{:<44} {:>9} {:>9} {:>9} {:>9}", "", "p50", "p99", "most", "cold");
    for (view, address) in views::views(guild).into_iter().filter(|(view, _)| view.contains(&wanted)) {
        let mut times = Vec::new();
        let mut next = address.clone();
        let mut cold = Duration::ZERO;
        for request in 0..COLD + REQUESTS {
            let (took, page) = site.get(&next).await;
            if request < COLD {
                cold = cold.max(took);
            } else {
                times.push(took);
            }
            // Deep pages follow the links; the others are the same page again and again.
            if view.starts_with("deep") {
                next = views::next_page(&page).unwrap_or_else(|| address.clone());
            }
        }
        times.sort_unstable();
        let at = |share: usize| millis(times[(times.len() * share / 100).min(times.len() - 1)]);
        println!("{view:<44} {:>6.1} ms {:>6.1} ms {:>6.1} ms {:>6.1} ms", at(50), at(99), at(100), millis(cold));
    }
    if !wanted.is_empty() {
        return;
    }
    let begun = Instant::now();
    let file = site.get("/admin/accounts/guildmember/export.csv").await.1;
    println!("{:<44} {:>6.1} s  ({} MB)\n", "export of everybody", begun.elapsed().as_secs_f64(), file.len() / 1_000_000);
}

/// Sends the list, then does by hand what a year would have done.
async fn fill(site: &Site, url: &str, guild: &InventedGuild, now: DateTime<Utc>) {
    let mut json = Vec::new();
    write_roster(guild.roster(), &mut json).unwrap();
    site.post_roster(json).await;
    let stores = stores(url).await;
    stores.roles.replace_roles(&guild.guild_roles()).await.unwrap();
    let account = |username: String, id: DiscordId| {
        let email = format!("{}@{}.example.org", id.get() % 1_000_003, if id.get() % 500 == 0 { "few" } else { "most" });
        ImportRow { username, email, discord_id: Claim::Id(id) }
    };
    let mut rows = Vec::new();
    let mut away = 1..=AWAY;
    for (place, member) in guild.roster().iter().step_by(5).enumerate() {
        rows.push(account(format!("{}.{}", member.username, member.id), member.id));
        // Among the others, as they come.
        if place % 10 == 0
            && let Some(n) = away.next()
        {
            rows.push(account(format!("away{n}"), (9_000_000_000_000_000_000 + n).try_into().unwrap()));
        }
    }
    for chunk in rows.chunks(20_000) {
        stores.accounts.import(chunk, now).await.unwrap();
    }
    let leave = "UPDATE guild_members SET date_left = joined_at WHERE discord_id % 10 = 3";
    execute(url, leave).await;
    // Nobody may be left out of what is searched; the program does the same beside this, one of them at a time.
    while is_indexing(url).await {
        stores.upkeep.index_members(20_000).await.unwrap();
    }
    if !url.starts_with("sqlite") {
        execute(url, "VACUUM ANALYZE").await;
    }
    stores.upkeep.close().await.unwrap();
}

async fn execute(url: &str, sql: &'static str) {
    if url.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
}

/// Whether somebody is not yet in what is searched.
async fn is_indexing(url: &str) -> bool {
    if url.starts_with("sqlite") {
        let sql = "SELECT EXISTS (SELECT 1 FROM unindexed_members) OR EXISTS (SELECT 1 FROM unindexed_accounts)";
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    } else {
        let sql = "SELECT EXISTS (SELECT FROM unindexed_members)";
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    }
}

async fn stores(url: &str) -> Stores {
    let connect = Connect {
        url: url.into(),
        max_connections: 2,
        acquire_timeout: Duration::from_mins(2),
        statement_timeout: Duration::from_mins(5),
    };
    let stores = open(&connect).await.unwrap();
    stores.upkeep.migrate().await.unwrap();
    stores
}

/// The built program, serving, and a browser that is logged in.
struct Site {
    _process: Guildsync,
    address: String,
    client: reqwest::Client,
    cookie: String,
    guild: String,
    /// Somebody is in it already.
    is_filled: bool,
}

impl Site {
    async fn start(url: &str, guild: &InventedGuild) -> Self {
        let people = stores(url).await;
        let view = MemberView { limit: 1, ..MemberView::default() };
        let is_filled = !people.member_lists.list_members(&view).await.unwrap().rows.is_empty();
        let password_hash = guildsync::password::hash(&PASSWORD.into(), [5; 16]).unwrap();
        let staff = NewStaff { username: "bench".into(), password_hash, is_superuser: true };
        if !is_filled {
            people.accounts.create_staff(&staff, SystemClock.now()).await.unwrap();
        }
        people.upkeep.close().await.unwrap();
        let process = Guildsync::with(["serve", "--bind", "127.0.0.1:0"])
            .var("GUILD_ID", guild.id().to_string())
            .var("DBOT_AUTH_KEY", KEY)
            .var("DATABASE_URL", url)
            .var("GUILDSYNC__API__WAIT_SECS", "600")
            .start();
        let line = process.wait_for_line("serving on http://").await;
        let address = line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let cookie = LoginForm::ask(&client, &format!("http://{address}")).await.log_in("bench", PASSWORD).await;
        Self { _process: process, address, client, cookie, guild: guild.id().to_string(), is_filled }
    }

    async fn post_roster(&self, json: Vec<u8>) {
        let begun = Instant::now();
        let answer: serde_json::Value = self
            .client
            .post(format!("http://{}/api/dbot/sync_guild_members", self.address))
            .header("Content-Type", "application/json")
            .header("X-API-Key", KEY)
            .header("X-Guild-Id", &self.guild)
            .body(json)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(answer["state"], "succeeded", "{answer}");
        println!("the first list took {:.1} s", begun.elapsed().as_secs_f64());
    }

    async fn get(&self, address: &str) -> (Duration, String) {
        let begun = Instant::now();
        let request = self.client.get(format!("http://{}{address}", self.address)).header("Cookie", &self.cookie);
        let response = request.send().await.unwrap();
        let status = response.status();
        let page = response.text().await.unwrap();
        assert_eq!(status.as_u16(), 200, "{address}: {page}");
        (begun.elapsed(), page)
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
