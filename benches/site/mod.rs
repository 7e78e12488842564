//! An installation that is measured: the built program in processes of its own, a guild, and the words for figures.
//!
//! A bench that uses it brings `support` in beside it.

use std::time::Duration;

use guildsync::domain::{Clock as _, DiscordId, SystemClock};
use guildsync::store::{Connect, Stores};
use serde_json::Value;

use crate::support::process::{Guildsync, Launch};
use crate::support::redis;

pub const KEY: &str = "bench-0123456789abcdef";

/// What the processes of one installation have in common.
#[derive(Clone)]
pub struct Site {
    pub guild: DiscordId,
    vars: Vec<(&'static str, String)>,
}

impl Site {
    pub fn new(database: &str, guild: DiscordId) -> Self {
        let vars = vec![
            ("DATABASE_URL", database.to_owned()),
            ("GUILD_ID", guild.to_string()),
            ("DBOT_AUTH_KEY", KEY.to_owned()),
            ("HTTP_BIND", "127.0.0.1:0".to_owned()),
            ("GUILDSYNC__API__WAIT_SECS", "600".to_owned()),
        ];
        Self { guild, vars }
    }

    pub fn with_redis(self, url: &str) -> Self {
        self.set("REDIS_URL", url).set("GUILDSYNC__REDIS__PREFIX", redis::unique_prefix())
    }

    pub fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.vars.retain(|(known, _)| *known != name);
        self.vars.push((name, value.into()));
        self
    }

    /// The value of a variable that was set.
    pub fn value(&self, name: &str) -> &str {
        &self.vars.iter().find(|(known, _)| *known == name).expect("it was set").1
    }

    /// Starts a process with these roles and waits until it serves.
    pub async fn serve(&self, roles: &str) -> Serving {
        let launch = Guildsync::with(["serve", "--role", roles]);
        let process = self.vars.iter().fold(launch, |launch: Launch, (name, value)| launch.var(name, value)).start();
        let line = process.wait_for_line("roles=").await;
        let address = line.split_once("http://").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
        Serving { process, door: Door::new(address.unwrap_or_default(), self.guild) }
    }

    /// The database, opened from here.
    pub async fn stores(&self) -> Stores {
        let connect = Connect {
            url: self.value("DATABASE_URL").into(),
            max_connections: 4,
            acquire_timeout: Duration::from_mins(1),
            statement_timeout: Duration::from_mins(5),
        };
        guildsync::store::open(&connect).await.unwrap()
    }
}

/// A process that serves. It is killed when this value goes.
pub struct Serving {
    pub process: Guildsync,
    pub door: Door,
}

impl Serving {
    /// The most memory the process has had, in MiB.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn peak_memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() as f64 / 1_024.0
    }
}

/// The API of a process.
#[derive(Clone)]
pub struct Door {
    client: reqwest::Client,
    address: String,
    guild: DiscordId,
}

impl Door {
    fn new(address: String, guild: DiscordId) -> Self {
        Self { client: reqwest::Client::new(), address, guild }
    }

    /// Posts to an address of the API; answers what it answered, which must be a success.
    pub async fn post(&self, path: &str, body: Option<bytes::Bytes>, prefer: &str) -> Value {
        let request = self
            .client
            .post(format!("http://{}/api/dbot/{path}", self.address))
            .header("X-API-Key", KEY)
            .header("X-Guild-Id", self.guild.to_string())
            .header("Content-Type", "application/json")
            .header("Prefer", prefer);
        let answer = request.body(body.unwrap_or_default()).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Files a list and does not wait for its run; answers the run's id.
    pub async fn file(&self, list: bytes::Bytes) -> guildsync::domain::RunId {
        let filed = self.post("sync_guild_members", Some(list), "respond-async").await;
        let id = filed.get("id").or_else(|| filed.get("run_id")).and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("no run in {filed}")).parse().unwrap()
    }
}

/// The first number among the arguments of the bench; cargo adds flags of its own.
pub fn argument(default: usize) -> usize {
    arguments().next().unwrap_or(default)
}

/// The numbers among the arguments.
pub fn arguments() -> impl Iterator<Item = usize> {
    std::env::args().skip(1).filter_map(|argument| argument.parse().ok())
}

/// Now, as the program tells it.
pub fn now() -> chrono::DateTime<chrono::Utc> {
    SystemClock.now()
}

/// Figures of one kind.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that so many of a hundred keep within.
    pub fn at(&self, share: usize) -> Duration {
        let mut times = self.0.clone();
        times.sort_unstable();
        times.get((times.len() * share / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// Prints median, 99th percentile and the longest.
    pub fn print(&self, name: &str, bar: &str) {
        let [median, p99, most] = [50, 99, 100].map(|share| millis(self.at(share)));
        println!("{name:<52} {:>6} {median:>8.1} ms {p99:>8.1} ms {most:>8.1} ms  {bar}", self.count());
    }

    pub fn head() {
        println!("{:<52} {:>6} {:>11} {:>11} {:>11}  bar", "", "times", "median", "p99", "most");
    }
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
