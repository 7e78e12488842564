//! From POST to counts, against the raw database on the same rows in the same run: `cargo bench --bench end_to_end [-- MEMBERS]`.
//!
//! Starts a PostgreSQL (durable, as in production), a Redis and the built program, all on this machine, and prints each figure as the median
//! of its rounds with the ratio to the raw database. Machines differ and are noisy; the ratios are what counts.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

mod raw_postgres;
mod raw_sqlite;
mod roster;
mod service;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "a bench needs a part of what tests need")]
mod support;
mod written;

use std::time::Duration;

use support::postgres::PrivatePostgres;
use support::redis::PrivateRedis;

use roster::Roster;
use service::Service;
use written::{Mark, settled};

/// Members of the list, unless said.
const MEMBERS: usize = 100_000;
/// Rounds of each figure.
const ROUNDS: usize = 3;
/// Members of a small list, and how often it is sent.
const SMALL: usize = 250;
const SMALL_ROUNDS: usize = 40;

#[tokio::main]
async fn main() {
    // cargo adds flags of its own.
    let members = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(MEMBERS);
    let roster = Roster::new(members);
    let small = Roster::new(SMALL);
    println!("{members} members, {:.1} MB of JSON; median of {ROUNDS} rounds\n", mega(roster.json.len()));
    println!("{:<44} {:>10} {:>10} {:>7} {:>12}", "", "ours", "raw", "ratio", "members/s");
    postgres(&roster, &small).await;
    sqlite(&roster, &small).await;
}

async fn postgres(roster: &Roster, small: &Roster) {
    let server = PrivatePostgres::durable();
    let redis = PrivateRedis::start();
    let (mut new, mut same) = (Pair::default(), Pair::default());
    let (mut log, mut rows) = (Vec::new(), 0);
    let mut memory = 0;
    let mut quick = Vec::new();
    for _ in 0..ROUNDS {
        let raw = server.database().await;
        let (raw_new, raw_same) = raw_postgres::measure(raw.url(), roster);
        let database = server.database().await;
        let service = Service::start(database.url(), Some(&redis.url()), roster).await;
        let empty = Mark::now(database.url()).await;
        new.add(service.post(roster, "created").await, raw_new);
        let first = Mark::now(database.url()).await.since(empty);
        same.add(service.post(roster, "unchanged").await, raw_same);
        // Once more, when nothing of the first list is being written any more.
        settled(database.url()).await;
        let before = Mark::now(database.url()).await;
        service.post(roster, "unchanged").await;
        log.push((first, Mark::now(database.url()).await.since(before)));
        rows += before.rows_since(database.url()).await;
        memory = memory.max(service.peak_memory());
        drop(service);
        let database = server.database().await;
        quick.extend(small_rounds(database.url(), Some(&redis.url()), small).await);
    }
    new.print("PostgreSQL + Redis, new members", roster.members);
    same.print("PostgreSQL + Redis, the same list again", roster.members);
    let (first, again) = log.into_iter().reduce(|a, b| (a.0 + b.0, a.1 + b.1)).unwrap_or_default();
    println!(
        "{:<44} {:>5.1} % of the first list's, {rows} rows of members written",
        "  its write-ahead log",
        100.0 * again / first
    );
    print_small("PostgreSQL + Redis", quick);
    println!("{:<44} {:>7.0} MiB", "  peak memory of the serving process", mebi(memory));
}

async fn sqlite(roster: &Roster, small: &Roster) {
    let (mut new, mut same) = (Pair::default(), Pair::default());
    let mut memory = 0;
    let mut quick = Vec::new();
    for _ in 0..ROUNDS {
        let (raw_new, raw_same) = raw_sqlite::measure(roster);
        let database = support::sqlite::sqlite();
        let service = Service::start(&database.url(), None, roster).await;
        new.add(service.post(roster, "created").await, raw_new);
        same.add(service.post(roster, "unchanged").await, raw_same);
        memory = memory.max(service.peak_memory());
        drop(service);
        let database = support::sqlite::sqlite();
        quick.extend(small_rounds(&database.url(), None, small).await);
    }
    new.print("SQLite, new members", roster.members);
    same.print("SQLite, the same list again", roster.members);
    print_small("SQLite", quick);
    println!("{:<44} {:>7.0} MiB", "  peak memory of the serving process", mebi(memory));
}

/// Sends a small list again and again to a warm service.
async fn small_rounds(url: &str, redis: Option<&str>, small: &Roster) -> Vec<Duration> {
    let service = Service::start(url, redis, small).await;
    service.post(small, "created").await;
    let mut times = Vec::new();
    for _ in 0..SMALL_ROUNDS {
        times.push(service.post(small, "unchanged").await);
    }
    times
}

/// One figure, ours and raw.
#[derive(Default)]
struct Pair {
    ours: Vec<Duration>,
    raw: Vec<Duration>,
}

impl Pair {
    fn add(&mut self, ours: Duration, raw: Duration) {
        self.ours.push(ours);
        self.raw.push(raw);
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn print(self, name: &str, members: usize) {
        let (ours, raw) = (median(self.ours), median(self.raw));
        let rate = members as f64 / ours.as_secs_f64();
        let ratio = ours.as_secs_f64() / raw.as_secs_f64();
        println!("{name:<44} {:>8.2} s {:>8.2} s {ratio:>7.2} {rate:>12.0}", ours.as_secs_f64(), raw.as_secs_f64());
    }
}

fn print_small(name: &str, times: Vec<Duration>) {
    println!("{:<44} {:>7.1} ms", format!("{name}, {SMALL} members, warm"), median(times).as_secs_f64() * 1_000.0);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mebi(bytes: usize) -> f64 {
    bytes as f64 / 1_048_576.0
}
