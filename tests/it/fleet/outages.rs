//! Redis or PostgreSQL goes away in the middle of things and comes back: accepted runs end all the same.

use super::latch::Latch;
use super::ledger::Ledger;
use super::lists::{self, List};
use super::{Site, assert_all_created, assert_counts, assert_one_run_created};
use crate::support::eventually;
use crate::support::postgres::{self, PrivatePostgres};
use crate::support::redis::PrivateRedis;

/// What a worker says when it has noticed that Redis is away, and when it takes jobs from it again.
const AWAY: [&str; 2] = [
    "until it is back they are carried out more slowly part=\"taking jobs\"",
    "until it is back they are carried out more slowly part=\"taking batches\"",
];
const BACK: [&str; 2] = ["Redis answers again part=\"taking jobs\"", "Redis answers again part=\"taking batches\""];

#[tokio::test]
async fn without_redis_a_process_with_a_worker_still_carries_its_lists_out() {
    let guild = lists::guild(1_000);
    let list = List::of(guild.roster().to_vec());
    let database = postgres::database().await;
    let mut redis = PrivateRedis::start();
    let site = Site::new(database.url(), guild.id()).with_redis_at(redis.url()).batches_of(100);
    let alone = site.serve("http,worker").await;

    redis.kill();
    let without = alone.door.post(list.file()).await;
    assert_all_created(&without, list.len());
    for line in AWAY {
        alone.process.wait_for_line(line).await;
    }
    redis.restart();
    for line in BACK {
        alone.process.wait_for_line(line).await;
    }
    alone.process.wait_for_line("Redis answers again part=\"hearing of jobs and changed runs\"").await;
    let all = list.len();
    let back = alone.door.post(list.file()).await;
    assert_eq!(back.status, 200, "{back:?}");
    assert_counts(&back.body, &[("updated", all), ("unchanged", all), ("total_received", all), ("total_active", all)]);
}

#[tokio::test]
async fn a_redis_that_falls_silent_holds_nothing_up_for_long() {
    let (guild, list) = lists::list(1_000);
    let database = postgres::database().await;
    let mut redis = PrivateRedis::start();
    let site = Site::new(database.url(), guild).with_redis_at(redis.url()).batches_of(100);
    let alone = site.serve("http,worker").await;
    redis.pause();
    assert_all_created(&alone.door.post(list.file()).await, list.len());
}

#[tokio::test]
async fn a_redis_that_comes_back_carries_the_next_lists_without_the_sweeper() {
    let (guild, list) = lists::list(1_000);
    let database = postgres::database().await;
    let mut redis = PrivateRedis::start();
    let site = Site::new(database.url(), guild).with_redis_at(redis.url()).batches_of(100);
    let (front, worker) = tokio::join!(site.serve("http"), site.serve("worker"));
    redis.kill();
    for line in AWAY {
        worker.process.wait_for_line(line).await;
    }
    redis.restart();
    for process in [&front, &worker] {
        process.process.wait_for_line("Redis answers again part=\"hearing of jobs and changed runs\"").await;
    }
    for line in BACK {
        worker.process.wait_for_line(line).await;
    }
    assert_all_created(&front.door.post(list.file()).await, list.len());
    assert!(!worker.rang_again(), "the first ring was not heard");
}

#[tokio::test]
async fn a_redis_that_loses_everything_in_the_middle_of_a_run_costs_nothing() {
    let (guild, list) = lists::list(3_000);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let redis = PrivateRedis::start();
    let site = Site::new(database.url(), guild).with_redis_at(redis.url()).batches_of(100);
    let alone = site.set("GUILDSYNC__WORKER__WRITERS", "1").serve("http,worker").await;
    let latch = Latch::on_member(database.url(), list.id(50)).await;
    let answer = alone.door.posting(list.file());
    ledger.wait_for("a batch is held up", 1, "SELECT count(*) FROM sync_batches WHERE state = 'running'").await;
    let client = ::redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let () = ::redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
    latch.release().await;

    let answer = answer.await.unwrap();
    assert_all_created(&answer, list.len());
    assert_one_run_created(&alone.door, &ledger, &answer.run(), list.len()).await;
}

#[tokio::test]
async fn a_postgres_that_crashes_in_the_middle_of_a_run_and_comes_back_costs_nothing() {
    let (guild, list) = lists::list(3_000);
    let mut server = PrivatePostgres::start();
    let database = server.database().await;
    let site =
        Site::new(database.url(), guild).with_redis().batches_of(100).set("GUILDSYNC__DATABASE__ACQUIRE_TIMEOUT_SECS", "1");
    let alone = site.serve("http,worker").await;
    let ready = alone.door.get("/readyz").await;
    assert_eq!(ready.status, 200, "{ready:?}");

    // Nobody lets go of this latch: it ends with its server.
    let _latch = Latch::on_member(database.url(), list.id(2_950)).await;
    let run = alone.door.file(list.file()).await;
    Ledger::of(database.url()).wait_for_applied(10).await;
    server.stop_hard();

    assert_eq!(alone.door.get("/readyz").await.status, 503);
    assert_eq!(alone.door.get("/healthz").await.status, 200);
    let refused = alone.door.post(list.file()).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.body["status"], 503, "{refused:?}");
    let after: u64 = refused.header("retry-after").parse().unwrap_or_else(|_| panic!("no number of seconds in {refused:?}"));
    assert!((1..=60).contains(&after), "{after}");

    server.restart();
    eventually("the process is ready again", async || alone.door.get("/readyz").await.status == 200).await;
    let ledger = Ledger::of(database.url());
    assert_one_run_created(&alone.door, &ledger, &run, list.len()).await;
    assert!(ledger.present().await == list.names());
}
