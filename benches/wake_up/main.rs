//! From a job that is rung to its start, on an idle worker: `cargo bench --bench wake_up [-- TIMES]`.
//!
//! Two figures of each way of carrying. *Handed over*: a job is rung here and taken by a second end of the queue, as another process would have
//! it; nothing but the queue. *Filed to started*: `created_at` to `started_at` of a run in the ledger, of leaves that are filed one after the other
//! with pauses between them. The program takes the first time before it files the run and the second before it claims the last step, to the
//! microsecond and by one clock. So this holds more than the bar asks for: the commit that files the run, and the look whether it waits for a turn.
//! PostgreSQL and Redis are reached by an http and a worker process; SQLite by one process, with the queue in it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

#[path = "../site/mod.rs"]
#[expect(dead_code, reason = "a bench needs a part of what benches need")]
mod site;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "a bench needs a part of what tests need")]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use guildsync::domain::{RunId, SystemClock};
use guildsync::queue::{Handler, Job, Places, Queue, RedisOptions, local, redis};
use sqlx::Connection as _;
use support::postgres::PrivatePostgres;
use support::redis::PrivateRedis;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use site::{Site, Times};

/// Jobs of each figure, unless said.
const TIMES: usize = 200;
/// Between two jobs, so that the worker is idle: longer than any step, and no divisor of the ticks it wakes by in any case.
const PAUSE: Duration = Duration::from_millis(63);
/// The first jobs open connections and compile scripts.
const WARM: usize = 10;
const GUILD: i64 = 200_000_000_000_000_002;
const BAR: &str = "median <= 5 ms";

#[tokio::main]
async fn main() {
    let times = site::argument(TIMES);
    let server = PrivatePostgres::durable();
    let cache = PrivateRedis::start();
    Times::head();

    let prefix = support::redis::unique_prefix();
    let end =
        || redis(RedisOptions { url: cache.url().into(), prefix: prefix.clone(), host: "bench".into() }, Arc::new(SystemClock));
    let (site, machine) = (end().await.unwrap(), end().await.unwrap());
    handed_over(&site, &machine, times).await.print("Redis: rung to handed over", BAR);
    let queue = local();
    handed_over(&queue, &queue, times).await.print("in one process: rung to handed over", BAR);

    let database = server.database().await;
    let site = Site::new(database.url(), GUILD.try_into().unwrap()).with_redis(&cache.url());
    let (front, _worker) = tokio::join!(site.serve("http"), site.serve("worker"));
    leave(&front.door, times).await;
    let sql = "SELECT (extract(epoch FROM started_at - created_at) * 1e6)::bigint FROM sync_runs ORDER BY id";
    let mut connection = sqlx::PgConnection::connect(database.url()).await.unwrap();
    print(
        "PostgreSQL + Redis, two processes: filed to started",
        sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap(),
    );

    let database = support::sqlite::sqlite();
    let site = Site::new(&database.url(), GUILD.try_into().unwrap());
    let alone = site.serve("http,worker").await;
    leave(&alone.door, times).await;
    let sql = "SELECT started_at - created_at FROM sync_runs ORDER BY id";
    let mut connection = sqlx::SqliteConnection::connect(&database.url()).await.unwrap();
    print("SQLite, one process: filed to started", sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap());
}

/// Rings at one end of a queue, one job at a time, and takes at the other.
async fn handed_over(site: &Queue, machine: &Queue, count: usize) -> Times {
    let (tell, mut begun) = mpsc::unbounded_channel();
    let handler: Handler = Arc::new(move |_| {
        // Nobody listens once the bench is over.
        let _ = tell.send(Instant::now());
        async {}.boxed()
    });
    let stop = CancellationToken::new();
    let (take, token) = (machine.take.clone(), stop.clone());
    let taking = tokio::spawn(async move { take.take(Places { batches: 2, runs: 2 }, handler, token).await });
    let mut times = Times::default();
    for number in 0..WARM + count {
        tokio::time::sleep(PAUSE).await;
        let rung = Instant::now();
        site.ring.ring(&[Job::Run(RunId::new(site::now(), [7; 32]))]).await;
        let begun = begun.recv().await.unwrap();
        if number >= WARM {
            times.add(begun - rung);
        }
    }
    stop.cancel();
    taking.await.unwrap();
    times
}

/// Files leaves, one after the other; each answer comes when its run has ended.
async fn leave(door: &site::Door, count: usize) {
    for number in 1..=WARM + count {
        door.post(&format!("member_left/{number}"), None, "").await;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Prints times in microseconds, oldest first.
fn print(name: &str, micros: Vec<i64>) {
    let mut times = Times::default();
    for time in micros.into_iter().skip(WARM) {
        times.add(Duration::from_micros(time.unsigned_abs()));
    }
    times.print(name, BAR);
}
