//! A first list with one, two, three and four worker processes that are some way off the database: `cargo bench --bench workers [-- MEMBERS
//! [MILLISECONDS [PROCESSES]]]`, the delay being that of each way.
//!
//! An http process beside the database takes the list in; only the workers' way to it is long. What is timed is their part: from the moment the
//! run is taken up until its last batch is applied (`started_at` and `applied_at` in the ledger), and until its end with departures and links.
//! Each number of processes has a database of its own.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

#[path = "../site/mod.rs"]
#[expect(dead_code, reason = "a bench needs a part of what benches need")]
mod site;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "a bench needs a part of what tests need")]
mod support;

use std::time::Duration;

use chrono::DateTime;
use guildsync::discord::{InventedGuild, write_roster};
use guildsync::domain::DiscordId;
use guildsync::intake::Follow;
use sqlx::Connection as _;
use support::far::Far;
use support::postgres::PrivatePostgres;
use support::redis::PrivateRedis;

use site::Site;

/// Members of the list, the delay of each way in milliseconds, and the most processes, unless said.
const MEMBERS: usize = 300_000;
const DELAY: usize = 2;
const MOST: usize = 4;
/// Rounds of each number of processes.
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let mut arguments = site::arguments();
    let members = arguments.next().unwrap_or(MEMBERS);
    let delay = Duration::from_millis(arguments.next().unwrap_or(DELAY) as u64);
    let most = arguments.next().unwrap_or(MOST);
    let guild = InventedGuild::new(7, members, DateTime::from_timestamp(1_780_000_000, 0).unwrap());
    let mut json = Vec::new();
    write_roster(guild.roster(), &mut json).unwrap();
    let list = bytes::Bytes::from(json);
    let server = PrivatePostgres::durable();
    let cache = PrivateRedis::start();
    println!("{members} members, the workers {delay:?} each way from the database; median of {ROUNDS} rounds\n");
    println!("{:<20} {:>10} {:>12} {:>14} {:>10}", "worker processes", "applied in", "members/s", "more than one", "ended in");
    let mut alone = None;
    for processes in 1..=most {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(round(&server, &cache, &guild, &list, delay, processes).await);
        }
        rounds.sort_unstable();
        let (applied, ended) = rounds[ROUNDS / 2];
        let first = *alone.get_or_insert(applied);
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let rate = members as f64 / applied.as_secs_f64();
        println!(
            "{processes:<20} {:>8.2} s {rate:>12.0} {:>14.2} {:>8.2} s",
            applied.as_secs_f64(),
            first.as_secs_f64() / applied.as_secs_f64(),
            ended.as_secs_f64()
        );
    }
}

/// How long so many processes take to apply the list, and to end its run.
async fn round(
    server: &PrivatePostgres,
    cache: &PrivateRedis,
    guild: &InventedGuild,
    list: &bytes::Bytes,
    delay: Duration,
    processes: usize,
) -> (Duration, Duration) {
    let database = server.database().await;
    let far = Far::from(database.url(), delay).await;
    let id: DiscordId = guild.id();
    let near = Site::new(database.url(), id).with_redis(&cache.url());
    let away = near.clone().set("DATABASE_URL", far.url(database.url()));
    let front = near.serve("http").await;
    let mut workers = Vec::new();
    for _ in 0..processes {
        workers.push(away.serve("worker").await);
    }
    let run = front.door.file(list.clone()).await;
    let stores = near.stores().await;
    let follow = Follow::new(stores.read.clone(), guildsync::queue::local().notices);
    let ended = follow.to_end(run, Duration::from_mins(10), |_| {}).await.unwrap();
    assert_eq!(usize::try_from(ended.counts.created), Ok(guild.roster().len()), "{ended:?}");
    let sql = "SELECT (extract(epoch FROM applied_at - started_at) * 1e6)::bigint,
                   (extract(epoch FROM finished_at - started_at) * 1e6)::bigint FROM sync_runs WHERE id = $1";
    let mut connection = sqlx::PgConnection::connect(database.url()).await.unwrap();
    let times: (i64, i64) = sqlx::query_as(sql).bind(run.uuid()).fetch_one(&mut connection).await.unwrap();
    let micros = |time: i64| Duration::from_micros(time.unsigned_abs());
    (micros(times.0), micros(times.1))
}
