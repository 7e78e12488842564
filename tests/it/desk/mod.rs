//! Staff at work on syncs, over real sockets: what they start, watch, cancel, retry and decide, carried out by a real worker.

mod acts;
pub mod live;
mod uploads;

use std::sync::LazyLock;

use guildsync::app::{self, Carrier, Role, Running};
use guildsync::config::{Config, Environment, Flags};
use guildsync::domain::{Clock as _, Run, RunId, SystemClock};
use guildsync::store::{NewStaff, StaffLogPage};
use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, RequestBuilder, Response};
use secrecy::SecretString;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::support::forms::{LoginForm, hidden};
use super::support::sqlite::{TempSqlite, migrated};

const PASSWORD: &str = "correct horse battery";
const KEY: &str = "key-of-the-tests-4711";
const GUILD: &str = "42000000000000001";
const SYNCS: &str = "/admin/sync/";
const BOUNDARY: &str = "----the-tests-draw-a-line";

static HASH: LazyLock<SecretString> = LazyLock::new(|| guildsync::password::hash(&PASSWORD.into(), [5; 16]).unwrap());

/// The program in this process, and a browser before it.
struct Desk {
    running: Running,
    place: TempSqlite,
    client: Client,
    cookie: String,
    /// What this session's forms carry.
    word: String,
}

struct Answer {
    status: u16,
    location: String,
    body: String,
}

impl Answer {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, location) = (response.status().as_u16(), header(&response, LOCATION.as_str()));
        Self { status, location, body: response.text().await.unwrap() }
    }

    /// The run that this leads to.
    #[track_caller]
    fn run(&self) -> RunId {
        assert_eq!(self.status, 303, "{}", self.body);
        let rest = self.location.strip_prefix(SYNCS).unwrap_or_else(|| panic!("{} is no sync", self.location));
        rest.split('/').next().unwrap().parse().unwrap()
    }

    /// Checks that this is a page with this status that does nothing, and says these words.
    #[track_caller]
    fn refuses(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.body.contains(words), "{words:?} is not in {}", self.body);
    }
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

/// The parts of a form with a file, as a browser writes them.
fn multipart(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"").bytes());
        if let Some(file) = file {
            body.extend(format!("; filename=\"{file}\"\r\nContent-Type: application/json").bytes());
        }
        body.extend(b"\r\n\r\n");
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

/// A member list.
fn list(ids: impl IntoIterator<Item = u64>) -> String {
    let members: Vec<_> = ids.into_iter().map(|id| json!({"id": id.to_string(), "username": format!("user{id}")})).collect();
    json!({ "members": members }).to_string()
}

impl Desk {
    /// With `root` logged in, who may act.
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let place = migrated().await;
        let url = place.url();
        let common = [
            ("GUILD_ID", GUILD),
            ("DBOT_AUTH_KEY", KEY),
            ("DATABASE_URL", url.as_str()),
            ("HTTP_BIND", "127.0.0.1:0"),
            ("GUILDSYNC__SHUTDOWN__GRACE_SECS", "2"),
        ];
        let environment: Environment =
            common.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let config = Config::load(&environment, &Flags::default()).unwrap();
        let running = app::start(&config, &[Role::Http, Role::Worker], Carrier::AsConfigured).await.unwrap();
        for (username, is_superuser) in [("root", true), ("anna", false)] {
            let staff = NewStaff { username: username.into(), password_hash: HASH.clone(), is_superuser };
            running.stores.accounts.create_staff(&staff, SystemClock.now()).await.unwrap().unwrap();
        }
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let mut desk = Self { running, place, client, cookie: String::new(), word: String::new() };
        desk.log_in("root").await;
        desk
    }

    async fn log_in(&mut self, name: &str) {
        self.cookie = LoginForm::ask(&self.client, &self.url("")).await.log_in(name, PASSWORD).await;
        let body = self.get(SYNCS).await.body;
        let (_, rest) = body.split_once("name=\"form_word\" value=\"").unwrap();
        rest.split('"').next().unwrap().clone_into(&mut self.word);
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address.unwrap())
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(self.url(path)).header(COOKIE, &self.cookie)).await
    }

    /// Sends a form of this session.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let word = [("form_word", self.word.as_str())];
        self.forge(path, &[&word, fields].concat()).await
    }

    /// Sends a form of this session, is asked this first, and agrees. The log says that nothing is done before.
    async fn agree(&self, path: &str, fields: &[(&str, &str)], question: &str) -> Answer {
        let log = self.log().await;
        let asked = self.post(path, fields).await;
        asked.refuses(200, question);
        assert_eq!(self.log().await, log, "{path}");
        let sent = hidden(&asked.body);
        self.forge(path, &sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>()).await
    }

    /// Sends a form as it is.
    async fn forge(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        Answer::of(self.client.post(self.url(path)).header(COOKIE, &self.cookie).form(fields)).await
    }

    /// Sends a form with a file.
    fn file_form(&self, body: impl Into<Body>) -> RequestBuilder {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = self.client.post(self.url("/admin/sync/file/")).header(COOKIE, &self.cookie);
        request.header(CONTENT_TYPE, kind).body(body)
    }

    /// Sends a file, with these boxes ticked.
    async fn upload(&self, ticked: &[&str], file: impl AsRef<[u8]>) -> Answer {
        let mut parts = vec![("form_word", None, self.word.as_bytes())];
        parts.extend(ticked.iter().map(|name| (*name, None, &b"1"[..])));
        parts.push(("file", Some("members.json"), file.as_ref()));
        Answer::of(self.file_form(multipart(&parts))).await
    }

    /// Sends a list as a bot does, and waits for its end.
    async fn push(&self, ids: impl IntoIterator<Item = u64>) -> RunId {
        let request = self.client.post(self.url("/api/dbot/sync_guild_members"));
        let request = request.header("X-API-Key", KEY).header("X-Guild-Id", GUILD).header(CONTENT_TYPE, "application/json");
        let answer: serde_json::Value = request.body(list(ids)).send().await.unwrap().json().await.unwrap();
        answer["run_id"].as_str().unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
    }

    /// A run at its end.
    async fn ended(&self, run: RunId) -> Run {
        self.running.follow.to_end(run, std::time::Duration::from_mins(1), |_| {}).await.unwrap()
    }

    /// What staff did but log in, the latest first: the act, the end of its target, and more.
    async fn log(&self) -> Vec<String> {
        let page = StaffLogPage { limit: 50, ..StaffLogPage::default() };
        let acts = self.running.stores.staff_log.acts(&page).await.unwrap();
        let told = acts.into_iter().filter(|act| act.act.as_str() != "log_in");
        told.map(|act| format!("{} {} {} {}", act.name, act.act, act.target, act.detail).trim_end().to_owned()).collect()
    }

    async fn execute(&self, statements: &str) {
        let mut connection = SqliteConnection::connect(&self.place.url()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    }

    async fn number(&self, query: &str) -> i64 {
        let mut connection = SqliteConnection::connect(&self.place.url()).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut connection).await.unwrap()
    }

    /// Puts a run that somebody seems to be at for ever: whatever is filed waits behind it.
    async fn block(&self) -> RunId {
        let now = SystemClock.now();
        let (id, micros, later) = (RunId::new(now, [9; 32]), now.timestamp_micros(), now.timestamp_micros() + 3_600_000_000);
        self.execute(&format!(
            "INSERT INTO sync_runs (id, source, mode, state, observed_at, created_at, started_at, rung_at, members_total, batches_total)
                 VALUES ('{id}', 'push', 'full', 'applying', 1, {micros}, {micros}, {micros}, 1, 1);
             INSERT INTO sync_batches (run_id, batch, state, members, attempts, lease_until, rung_at, staged_at)
                 VALUES ('{id}', 0, 'running', 1, 1, {later}, {micros}, {micros});"
        ))
        .await;
        id
    }
}
