//! Logins with Discord from the first click to the last page, over real sockets, on both stores.

/// Makes two tests of each function: one on PostgreSQL and one on SQLite.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::login::Store::postgres().await).await;
            })+
        }

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(crate::login::Store::sqlite()).await;
            })+
        }
    };
}

mod people;
mod refused;

use std::collections::BTreeMap;

use chrono::Utc;
use guildsync::app::{self, Carrier, Role, Running};
use guildsync::config::{Config, Environment, Flags};
use guildsync::domain::{Account, DiscordId, MemberRow};
use guildsync::store::{Claim, ImportRow, NewStaff};
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use url::Url;

use super::support::discord::{APPLICATION, CLIENT_SECRET, Fake, GUILD, Person, Route, Visitor};
use super::support::postgres::{TestDatabase, database};
use super::support::sqlite::{TempSqlite, sqlite};

/// Where people reach the pages, as far as Discord knows. The browser of the tests goes where they really are.
const PUBLIC: &str = "https://members.example.org";
const KEY: &str = "key-of-the-tests-4711";
const BEGIN: &str = "/accounts/discord/login/";
const ME: &str = "/accounts/me/";

/// Where a site keeps its rows.
enum Store {
    Sqlite(TempSqlite),
    Postgres(TestDatabase),
}

impl Store {
    async fn postgres() -> Self {
        Self::Postgres(database().await)
    }

    fn sqlite() -> Self {
        Self::Sqlite(sqlite())
    }

    fn url(&self) -> String {
        match self {
            Self::Sqlite(place) => place.url(),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }
}

/// A person with a verified address.
fn person(id: u64, username: &str) -> Visitor {
    Visitor { person: Person::new(id).username(username), email: Some(format!("{username}@example.org")), verified: true }
}

/// The program in this process, and the Discord it asks.
struct Site {
    running: Running,
    discord: Fake,
    store: Store,
}

impl Site {
    async fn start(store: Store) -> Self {
        Self::with(store, &[]).await
    }

    /// Where only members may log in.
    async fn for_members(store: Store) -> Self {
        Self::with(store, &[("GUILDSYNC__LOGIN__REQUIRE_MEMBER", "true")]).await
    }

    async fn with(store: Store, settings: &[(&str, &str)]) -> Self {
        let (discord, url) = (Fake::start().await, store.url());
        discord.world(|world| world.oauth.redirects.push(format!("{PUBLIC}/accounts/discord/login/callback/")));
        let (guild, application, discord_url) = (GUILD.to_string(), APPLICATION.to_string(), discord.url());
        let common = [
            ("GUILD_ID", guild.as_str()),
            ("DBOT_AUTH_KEY", KEY),
            ("DATABASE_URL", url.as_str()),
            ("HTTP_BIND", "127.0.0.1:0"),
            ("PUBLIC_URL", PUBLIC),
            ("DISCORD_API_URL", discord_url.as_str()),
            ("DISCORD_CLIENT_ID", application.as_str()),
            ("DISCORD_CLIENT_SECRET", CLIENT_SECRET),
            ("GUILDSYNC__SHUTDOWN__GRACE_SECS", "2"),
        ];
        let environment: Environment =
            common.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let config = Config::load(&environment, &Flags::default()).unwrap();
        let running = app::start(&config, &[Role::Http, Role::Worker], Carrier::AsConfigured).await.unwrap();
        Self { running, discord, store }
    }

    /// A browser that was never here.
    fn browser(&self) -> Browser {
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Browser { client, base: format!("http://{}", self.running.address.unwrap()), cookies: BTreeMap::new() }
    }

    /// From here on this person sits before the browser and agrees at Discord; nobody: whoever sits there says no.
    fn seat(&self, person: Option<Visitor>) {
        self.discord.world(|world| world.oauth.visitor = person);
    }

    /// How often Discord was asked whose code it is.
    fn exchanges(&self) -> usize {
        self.discord.world(|world| world.asked(Route::Token).count())
    }

    /// Logs a person in with a browser of their own.
    async fn log_in(&self, person: &Visitor) -> (Browser, Answer) {
        self.seat(Some(person.clone()));
        let mut browser = self.browser();
        let answer = browser.log_in().await;
        (browser, answer)
    }

    /// The members are these and no others, as a bot says.
    async fn sync(&self, ids: &[u64]) {
        let members: Vec<_> = ids.iter().map(|id| json!({ "id": id.to_string(), "username": format!("user{id}") })).collect();
        let url = format!("http://{}/api/dbot/sync_guild_members", self.running.address.unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .post(url)
            .header("X-API-Key", KEY)
            .header("X-Guild-Id", GUILD.to_string())
            .json(&json!({ "members": members }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["state"], "succeeded", "{answer}");
    }

    async fn member(&self, id: u64) -> MemberRow {
        self.running.stores.read.member(DiscordId::try_from(id).unwrap()).await.unwrap().unwrap()
    }

    async fn account(&self, name: &str) -> Option<Account> {
        self.running.stores.accounts.credentials(name).await.unwrap().map(|found| found.account)
    }

    async fn import(&self, name: &str, email: &str, claim: Claim) {
        let row = ImportRow { username: name.into(), email: email.into(), discord_id: claim };
        self.running.stores.accounts.import(&[row], now()).await.unwrap();
    }

    async fn make_staff(&self, name: &str) {
        let staff = NewStaff { username: name.into(), password_hash: "no hash".into(), is_superuser: false };
        self.running.stores.accounts.create_staff(&staff, now()).await.unwrap().unwrap();
    }

    /// Switches an account off, which no handle can.
    async fn deactivate(&self, name: &str) {
        let statement =
            |off: &str| sqlx::raw_sql(AssertSqlSafe(format!("UPDATE users SET is_active = {off} WHERE username = '{name}'")));
        match &self.store {
            Store::Sqlite(place) => {
                let mut connection = SqliteConnection::connect(&place.url()).await.unwrap();
                statement("0").execute(&mut connection).await.unwrap();
            }
            Store::Postgres(database) => {
                let mut connection = PgConnection::connect(database.url()).await.unwrap();
                statement("false").execute(&mut connection).await.unwrap();
            }
        }
    }

    /// How many rows a table has.
    async fn rows(&self, table: &str) -> i64 {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        match &self.store {
            Store::Sqlite(place) => {
                let mut connection = SqliteConnection::connect(&place.url()).await.unwrap();
                sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
            }
            Store::Postgres(database) => {
                let mut connection = PgConnection::connect(database.url()).await.unwrap();
                sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    /// That nobody was let in and no account was made.
    async fn assert_untouched(&self) {
        assert_eq!((self.rows("users").await, self.rows("sessions").await), (0, 0));
    }

    async fn stop(self) {
        self.running.stop().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the program's own clock is the machine's, too")]
fn now() -> chrono::DateTime<Utc> {
    Utc::now()
}

/// A browser: it keeps cookies, and goes where it is told.
#[derive(Clone)]
struct Browser {
    client: reqwest::Client,
    base: String,
    /// By name: the value, and the paths it is sent to.
    cookies: BTreeMap<String, (String, String)>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }
}

impl Browser {
    async fn get(&mut self, path: &str) -> Answer {
        let sent = self.cookies.iter().filter(|(_, (_, under))| path.starts_with(under.as_str()));
        let sent = sent.map(|(name, (value, _))| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let answer = self.client.get(format!("{}{path}", self.base)).header(COOKIE, sent).send().await.unwrap();
        for set in answer.headers().get_all(SET_COOKIE) {
            self.keep(set.to_str().unwrap());
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.text().await.unwrap() }
    }

    fn keep(&mut self, set: &str) {
        let mut parts = set.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let path = parts.clone().find_map(|part| part.strip_prefix("Path=")).unwrap();
        assert!(set.contains("HttpOnly; SameSite=Lax; Secure"), "{set}");
        if parts.any(|part| part == "Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), (value.to_owned(), path.to_owned()));
        }
    }

    /// Goes to Discord, where whoever sits there answers, and says under which address it is to come back.
    async fn agree(&mut self, begin: &str) -> String {
        let sent = self.get(begin).await;
        assert_eq!(sent.status, 303, "{}", sent.body);
        let agreed = self.client.get(sent.location()).send().await.unwrap();
        assert_eq!(agreed.status(), 302, "Discord does not take the way it was asked");
        let back = Url::parse(agreed.headers()[LOCATION].to_str().unwrap()).unwrap();
        assert!(back.as_str().starts_with(PUBLIC), "{back}");
        format!("{}?{}", back.path(), back.query().unwrap())
    }

    /// There and back.
    async fn log_in(&mut self) -> Answer {
        let back = self.agree(BEGIN).await;
        self.get(&back).await
    }

    fn has_session(&self) -> bool {
        self.cookies.contains_key("__Host-guildsync_session")
    }
}
