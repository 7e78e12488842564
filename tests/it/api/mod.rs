//! The bot API, asked over real sockets. What is expected stands in the contract, not in the code.

mod accepted;
mod bodies;
mod connections;
mod discord;
mod encodings;
mod guard;
mod holds;
mod limits;
mod order;
mod probes;
mod refused;
mod runs;
mod servers;
mod single;
mod throttle;
mod values;

use std::collections::BTreeMap;

use guildsync::app::{self, Carrier, Role, Running};
use guildsync::config::{Config, Environment, Flags};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::support::postgres::{TestDatabase, database};
use super::support::sqlite::{TempSqlite, migrated};

const KEY: &str = "key-of-the-tests-4711";
const GUILD: &str = "42000000000000001";
const LISTS: &str = "/api/dbot/sync_guild_members";

/// Where a service keeps its rows.
enum Database {
    Sqlite(TempSqlite),
    Postgres(TestDatabase),
}

/// The service in this process, and a bot before it.
struct Service {
    running: Running,
    database: Database,
    client: Client,
    /// Whose lists it takes.
    guild: String,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {}", self.text))
    }

    /// The run's counts, which a 200 has.
    #[track_caller]
    fn counts(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// Checks that this is a refusal as RFC 9457 writes it.
    #[track_caller]
    fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        for key in ["type", "title", "detail"] {
            assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {problem}");
        }
        assert!(!self.text.contains(KEY), "{problem}");
        problem
    }

    /// The faults of a 422, as `place rule`.
    #[track_caller]
    fn faults(&self) -> Vec<String> {
        let problem = self.problem(422);
        let faults = problem["faults"].as_array().unwrap_or_else(|| panic!("faults of {problem}"));
        for fault in faults {
            assert!(fault["message"].as_str().is_some_and(|text| !text.is_empty()), "{fault}");
        }
        assert!(problem["fault_count"].as_u64() >= Some(faults.len() as u64), "{problem}");
        faults.iter().map(|fault| format!("{} {}", fault["at"].as_str().unwrap(), fault["rule"].as_str().unwrap())).collect()
    }
}

impl Service {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With these settings over those of all tests; on SQLite.
    async fn with(settings: &[(&str, &str)]) -> Self {
        let place = migrated().await;
        let url = place.url();
        Self::on(Database::Sqlite(place), &url, settings).await
    }

    /// One on each store.
    async fn on_both(settings: &[(&str, &str)]) -> [Self; 2] {
        let database = database().await;
        let url = database.url().to_owned();
        [Self::with(settings).await, Self::on(Database::Postgres(database), &url, settings).await]
    }

    async fn on(database: Database, url: &str, settings: &[(&str, &str)]) -> Self {
        let common = [
            ("GUILD_ID", GUILD),
            ("DBOT_AUTH_KEY", KEY),
            ("DATABASE_URL", url),
            ("HTTP_BIND", "127.0.0.1:0"),
            ("GUILDSYNC__SHUTDOWN__GRACE_SECS", "2"),
        ];
        let environment: Environment =
            common.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let config = Config::load(&environment, &Flags::default()).unwrap();
        let running = app::start(&config, &[Role::Http, Role::Worker], Carrier::AsConfigured).await.unwrap();
        let guild = environment["GUILD_ID"].clone();
        Self { running, database, client: Client::builder().no_proxy().build().unwrap(), guild }
    }

    fn address(&self) -> String {
        self.running.address.unwrap().to_string()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// A list on its way, with the right headers.
    fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.bare_post(body).header("X-API-Key", KEY).header("X-Guild-Id", &self.guild)
    }

    /// A list on its way without key and guild.
    fn bare_post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client.post(self.url(LISTS)).header(CONTENT_TYPE, "application/json").body(body)
    }

    /// Sends a list of members.
    async fn sync(&self, members: impl Into<Value>) -> Answer {
        send(self.post(list(members))).await
    }

    async fn get(&self, path: &str) -> Answer {
        send(self.client.get(self.url(path)).header("X-API-Key", KEY).header("X-Guild-Id", &self.guild)).await
    }

    /// Follows a run to its end.
    async fn ended(&self, location: &str) -> Value {
        let mut run = Value::Null;
        super::support::eventually("the run has ended", async || {
            run = self.get(location).await.json();
            !run["finished_at"].is_null()
        })
        .await;
        run
    }

    /// Sends a request that must be refused and change nothing.
    async fn refused(&self, request: RequestBuilder, status: u16) -> Answer {
        let before = self.tables().await;
        let answer = send(request).await;
        answer.problem(status);
        assert_eq!(self.tables().await, before, "after {}", answer.text);
        answer
    }

    /// A body that must be refused.
    async fn refused_body(&self, body: impl Into<reqwest::Body>, status: u16) -> Answer {
        self.refused(self.post(body), status).await
    }

    /// Every row of every table but what a process says of itself, and what is searched by, which follows the rows beside the syncs.
    async fn tables(&self) -> BTreeMap<String, Vec<String>> {
        let names = match self.database {
            Database::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table'",
            Database::Postgres(_) => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
        };
        let mut tables = BTreeMap::new();
        for name in self.column(names).await {
            let follows = ["member_names", "member_roles", "member_search", "unindexed_members"]
                .iter()
                .any(|index| name.starts_with(index));
            if follows || ["processes", "leases"].contains(&name.as_str()) {
                continue;
            }
            let select = match self.database {
                Database::Sqlite(_) => {
                    let columns = self.column(&format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{name}')")).await;
                    format!("SELECT {} FROM {name} ORDER BY 1", columns.join(" || ' ' || "))
                }
                Database::Postgres(_) => format!("SELECT t::text FROM {name} t ORDER BY 1"),
            };
            let rows = self.column(&select).await;
            tables.insert(name, rows);
        }
        assert!(tables.contains_key("sync_batches") && tables.contains_key("guild_members"), "{tables:?}");
        tables
    }

    /// The rows of a query with one column of text.
    async fn column(&self, query: &str) -> Vec<String> {
        let query = AssertSqlSafe(query.to_owned());
        match &self.database {
            Database::Sqlite(place) => {
                let mut connection = SqliteConnection::connect(&place.url()).await.unwrap();
                sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
            }
            Database::Postgres(database) => {
                let mut connection = PgConnection::connect(database.url()).await.unwrap();
                sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
            }
        }
    }

    /// Runs a statement that no address has.
    async fn execute(&self, statement: &str) {
        assert!(self.column(statement).await.is_empty());
    }

    /// One text of one member's row.
    async fn of_member(&self, id: &str, what: &str) -> String {
        let mut found = self.column(&format!("SELECT {what} FROM guild_members WHERE discord_id = {id}")).await;
        assert_eq!(found.len(), 1, "rows of {id}");
        found.remove(0)
    }

    async fn stop(self) {
        self.running.stop().await;
    }
}

async fn send(request: RequestBuilder) -> Answer {
    Answer::of(request.send().await.unwrap()).await
}

/// The address of the service's lists, from the line with which it says where it serves.
fn lists_of(line: &str) -> String {
    let address = line.rsplit_once("http://").and_then(|(_, rest)| rest.split(' ').next());
    format!("http://{}{LISTS}", address.unwrap_or_else(|| panic!("no address in {line}")))
}

/// The body of a list.
fn list(members: impl Into<Value>) -> String {
    json!({ "members": members.into() }).to_string()
}

fn member(id: u64) -> Value {
    json!({ "id": id.to_string(), "username": format!("user{id}") })
}

fn members(ids: impl IntoIterator<Item = u64>) -> Vec<Value> {
    ids.into_iter().map(member).collect()
}

/// An answer for a snapshot: ids and times differ from run to run.
fn shown(answer: &Value) -> String {
    fn hide(value: &mut Value) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    match (key.as_str(), &value) {
                        ("id" | "run_id", Value::String(_)) => *value = "[id]".into(),
                        (key, Value::String(_)) if key.ends_with("_at") => *value = "[time]".into(),
                        _ => hide(value),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(hide),
            _ => {}
        }
    }
    let mut answer = answer.clone();
    hide(&mut answer);
    serde_json::to_string_pretty(&answer).unwrap()
}

/// Picks counts by name, in the order asked.
fn picked<const N: usize>(counts: &Value, names: [&str; N]) -> [i64; N] {
    names.map(|name| counts[name].as_i64().unwrap_or_else(|| panic!("{name} of {counts}")))
}
