//! Whole installations: the built program in real processes that share work, are killed, stopped and cut off. Expected results come from
//! design section 4; every wait is for a condition, and what must happen in the middle of a run is arranged with a [`latch`].

mod fairness;
mod fetches;
mod heartbeats;
mod latch;
mod ledger;
mod lists;
mod order;
mod outages;
mod restarts;
mod sharing;
mod small;
mod stopping;
mod uploads;
mod versions;
mod workers;

use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use guildsync::domain::DiscordId;

use super::support::process::{Guildsync, Stream};
use super::support::{DEADLINE, redis};
use ledger::Ledger;

const KEY: &str = "fleet-key";

/// What the processes of one installation have in common.
#[derive(Clone)]
struct Site {
    guild: DiscordId,
    vars: Vec<(&'static str, String)>,
}

impl Site {
    /// An installation without Redis.
    fn new(database: &str, guild: DiscordId) -> Self {
        let vars = vec![
            ("DATABASE_URL", database.to_owned()),
            ("GUILD_ID", guild.to_string()),
            ("DBOT_AUTH_KEY", KEY.to_owned()),
            ("HTTP_BIND", "127.0.0.1:0".to_owned()),
            ("GUILDSYNC__LOG__LEVEL", "info,guildsync=debug".to_owned()),
        ];
        Self { guild, vars }
    }

    /// With the Redis that all tests share.
    fn with_redis(self) -> Self {
        self.with_redis_at(redis::url())
    }

    fn with_redis_at(self, url: String) -> Self {
        self.set("REDIS_URL", url).set("GUILDSYNC__REDIS__PREFIX", redis::unique_prefix())
    }

    fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.vars.retain(|(known, _)| *known != name);
        self.vars.push((name, value.into()));
        self
    }

    fn batches_of(self, members: usize) -> Self {
        self.set("GUILDSYNC__WORKER__BATCH_MEMBERS", members.to_string())
    }

    /// Starts a process with these roles and waits until it serves.
    async fn serve(&self, roles: &str) -> Serving {
        let launch = Guildsync::with(["serve", "--role", roles]);
        let process = self.vars.iter().fold(launch, |launch, (name, value)| launch.var(name, value)).start();
        let line = process.wait_for_line("roles=").await;
        let address = line.split_once("http://").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
        Serving { process, door: Door { address: address.unwrap_or_default(), guild: self.guild } }
    }
}

/// A process that serves. It is killed when this value goes.
struct Serving {
    process: Guildsync,
    door: Door,
}

impl Serving {
    /// How many batches of `run` it applied.
    fn applied(&self, run: &str) -> usize {
        self.process.lines(Stream::Err).iter().filter(|line| line.contains("batch applied") && line.contains(run)).count()
    }

    /// Whether it had to ring steps of runs again, because nobody had heard the first ring.
    fn rang_again(&self) -> bool {
        self.process.lines(Stream::Err).iter().any(|line| line.contains("ringing steps again"))
    }
}

/// The address of a process that serves HTTP.
#[derive(Clone)]
struct Door {
    address: String,
    guild: DiscordId,
}

/// An answer, read whole.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// The id of the run it tells of.
    fn run(&self) -> String {
        let id = self.body.get("run_id").or_else(|| self.body.get("id"));
        id.and_then(Value::as_str).unwrap_or_else(|| panic!("no run in {self:?}")).to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Door {
    async fn get(&self, path: &str) -> Answer {
        let client = reqwest::Client::new();
        let request = client.get(format!("http://{}{path}", self.address)).timeout(DEADLINE);
        let answer = request.header("X-API-Key", KEY).header("X-Guild-Id", self.guild.to_string()).send().await.unwrap();
        read(answer).await
    }

    /// Posts the list in a file, streamed, and waits for the answer.
    async fn post(&self, list: &Path) -> Answer {
        self.send(list, "").await
    }

    /// Posts a list and does not wait for its run; answers the run's id.
    async fn file(&self, list: &Path) -> String {
        let answer = self.send(list, "respond-async").await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.run()
    }

    async fn send(&self, list: &Path, prefer: &str) -> Answer {
        let body = tokio::fs::File::open(list).await.unwrap();
        let request = reqwest::Client::new()
            .post(format!("http://{}/api/dbot/sync_guild_members", self.address))
            .header("X-API-Key", KEY)
            .header("X-Guild-Id", self.guild.to_string())
            .header("Content-Type", "application/json")
            .header("Prefer", prefer)
            .timeout(DEADLINE);
        read(request.body(body).send().await.unwrap()).await
    }

    /// Posts a list on a task of its own.
    fn posting(&self, list: &Path) -> tokio::task::JoinHandle<Answer> {
        let (door, list) = (self.clone(), list.to_owned());
        tokio::spawn(async move { door.post(&list).await })
    }

    /// A run, by its id.
    async fn run(&self, id: &str) -> Value {
        let answer = self.get(&format!("/api/dbot/sync_runs/{id}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }
}

async fn read(answer: reqwest::Response) -> Answer {
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

/// A number of things as databases and JSON have it.
fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap()
}

/// Checks all counts of an answer or a run: those named, and zero for the others.
fn assert_counts(counts: &Value, named: &[(&str, usize)]) {
    const ALL: [&str; 13] = [
        "created",
        "updated",
        "marked_left",
        "rejoined",
        "unchanged",
        "linked",
        "unlinked",
        "total_received",
        "duplicates",
        "total_active",
        "skipped",
        "deferred",
        "departures_held",
    ];
    assert!(named.iter().all(|(name, _)| ALL.contains(name)), "{named:?}");
    let expected = ALL.map(|name| (name, named.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| number(*count))));
    let found = ALL.map(|name| (name, counts[name].as_i64().unwrap_or(-1)));
    assert_eq!(found, expected, "{counts}");
    assert_eq!(counts["left"], counts["marked_left"]);
    assert_eq!(counts["held_reason"], Value::Null);
}

/// Checks the answer to a first list of `members`, all of them new.
fn assert_all_created(answer: &Answer, members: usize) {
    assert_eq!((answer.status, &answer.body["state"]), (200, &Value::from("succeeded")), "{answer:?}");
    assert_counts(&answer.body, &[("created", members), ("total_received", members), ("total_active", members)]);
}

/// Waits until the one run of a database has ended, and checks through `door` that it created `members`, once.
async fn assert_one_run_created(door: &Door, ledger: &Ledger, run: &str, members: usize) {
    ledger.wait_for("the run has ended", 1, "SELECT count(*) FROM sync_runs WHERE finished_at IS NOT NULL").await;
    let ended = door.run(run).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_counts(&ended["counts"], &[("created", members), ("total_received", members), ("total_active", members)]);
    let progress = &ended["progress"];
    assert_eq!(progress["batches_done"], progress["batches_total"], "{ended}");
    assert_eq!(progress["members_done"], members, "{ended}");
    assert_eq!(ledger.number("SELECT count(*) FROM sync_runs").await, 1);
    let by_it = format!("SELECT count(*) FROM guild_members WHERE created_run_id = '{run}' AND date_left IS NULL");
    assert_eq!(ledger.number(&by_it).await, number(members));
    assert_eq!(ledger.number("SELECT count(*) FROM guild_members").await, number(members));
    let payloads = "SELECT count(*) FROM sync_batches WHERE payload IS NOT NULL";
    assert_eq!(ledger.number(payloads).await, 0, "an ended run keeps no member list");
}

/// How long a step may take before the sweeper of another process takes it over: design rule 10, with room for a busy machine.
const TAKEN_OVER: Duration = Duration::from_secs(15);
