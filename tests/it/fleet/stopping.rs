//! Processes that are asked to end: whoever waits is answered, what is in hand is finished or handed back.

use super::latch::Latch;
use super::ledger::Ledger;
use super::lists;
use super::{Site, assert_all_created, assert_one_run_created};
use crate::support::postgres;

#[tokio::test]
async fn a_waiting_post_gets_its_counts_from_a_process_that_stops() {
    let (guild, list) = lists::list(1_000);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let mut alone = Site::new(database.url(), guild).batches_of(100).serve("http,worker").await;
    let latch = Latch::on_member(database.url(), list.id(50)).await;
    let answer = alone.door.posting(list.file());
    ledger.wait_for_applied(1).await;
    alone.process.sigterm();
    alone.process.wait_for_line("stopping").await;
    latch.release().await;

    assert_all_created(&answer.await.unwrap(), list.len());
    assert!(alone.process.wait().await.success());
}

#[tokio::test]
async fn a_post_whose_run_cannot_end_in_time_is_answered_before_the_process_ends() {
    let (guild, list) = lists::list(100);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis();
    let mut front = site.clone().set("GUILDSYNC__SHUTDOWN__GRACE_SECS", "2").serve("http").await;
    let answer = front.door.posting(list.file());
    ledger.wait_for("the run is filed", 1, "SELECT count(*) FROM sync_runs").await;
    front.process.sigterm();

    let answer = answer.await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    let run = answer.run();
    assert_eq!(answer.header("location"), format!("/api/dbot/sync_runs/{run}"));
    assert!(front.process.wait().await.success());

    let second = site.serve("http,worker").await;
    assert_one_run_created(&second.door, &ledger, &run, list.len()).await;
}

#[tokio::test]
async fn a_worker_that_stops_hands_back_what_it_has_not_begun() {
    let (guild, list) = lists::list(3_000);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis().batches_of(100);
    let front = site.serve("http").await;
    let latch = Latch::on_member(database.url(), list.id(50)).await;
    let mut leaver = site.clone().set("GUILDSYNC__WORKER__WRITERS", "1").serve("worker").await;
    let answer = front.door.posting(list.file());
    ledger.wait_for("the leaver holds a batch", 1, "SELECT count(*) FROM sync_batches WHERE state = 'running'").await;
    leaver.process.sigterm();
    leaver.process.wait_for_line("stopping").await;
    let stayer = site.serve("worker").await;
    ledger.wait_for_applied(10).await;
    latch.release().await;

    assert!(leaver.process.wait().await.success());
    let answer = answer.await.unwrap();
    assert_all_created(&answer, list.len());
    let run = answer.run();
    assert_one_run_created(&front.door, &ledger, &run, list.len()).await;
    let applied = [leaver.applied(&run), stayer.applied(&run)];
    assert!(applied[0] >= 1 && applied[1] >= 10 && applied[0] + applied[1] == 30, "{applied:?}");
}
