//! Workers beside each other, one of which is killed or stands still.

use std::time::Instant;

use super::latch::Latch;
use super::ledger::Ledger;
use super::lists;
use super::{Site, TAKEN_OVER, assert_all_created, assert_one_run_created};
use crate::support::process::Stream;
use crate::support::{eventually, postgres};

const MEMBERS: usize = 3_000;
const BATCHES: i64 = 30;
/// What changes whenever a row of the run, its batches or its members is written.
const WRITTEN: &str = "SELECT GREATEST((SELECT max(xmin::text::bigint) FROM guild_members),
    (SELECT max(xmin::text::bigint) FROM sync_batches), (SELECT max(xmin::text::bigint) FROM sync_runs))";

#[tokio::test]
async fn the_batch_of_a_killed_worker_is_applied_by_the_others_within_seconds() {
    let (guild, list) = lists::list(MEMBERS);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis().batches_of(100);
    let front = site.serve("http").await;

    // With one writer, all that this worker has taken waits for the batch that the latch holds up.
    let latch = Latch::on_member(database.url(), list.id(50)).await;
    let mut victim = site.clone().set("GUILDSYNC__WORKER__WRITERS", "1").serve("worker").await;
    let answer = front.door.posting(list.file());
    ledger.wait_for("the victim holds a batch", 1, "SELECT count(*) FROM sync_batches WHERE state = 'running'").await;
    let (one, two) = tokio::join!(site.serve("worker"), site.serve("worker"));
    ledger.wait_for_applied(BATCHES / 3).await;
    victim.process.sigkill();
    let killed = Instant::now();
    victim.process.wait().await;
    latch.release().await;

    let answer = answer.await.unwrap();
    let lasted = killed.elapsed();
    assert_all_created(&answer, MEMBERS);
    assert!(lasted < TAKEN_OVER, "the run ended {lasted:?} after the kill");
    let run = answer.run();
    assert_one_run_created(&front.door, &ledger, &run, MEMBERS).await;
    assert!(ledger.present().await == list.names());
    let applied = [&victim, &one, &two].map(|worker| worker.applied(&run));
    assert_eq!((applied[0], applied[1] + applied[2]), (0, MEMBERS / 100), "{applied:?}");
}

#[tokio::test]
async fn a_worker_that_stood_still_past_its_lease_changes_nothing_any_more() {
    let (guild, list) = lists::list(1_000);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis().batches_of(100);
    let front = site.serve("http").await;

    // It stops within the transaction that writes its batch: the worst place, because the rows stay locked.
    let latch = Latch::on_member(database.url(), list.id(50)).await;
    let mut sleeper = site.serve("worker").await;
    let answer = front.door.posting(list.file());
    ledger.wait_for_applied(9).await;
    sleeper.process.sigstop();
    latch.release().await;
    let other = site.serve("worker").await;

    let answer = answer.await.unwrap();
    assert_all_created(&answer, list.len());
    let run = answer.run();
    assert_one_run_created(&front.door, &ledger, &run, list.len()).await;
    assert_eq!(other.applied(&run), 1);

    let before = ledger.number(WRITTEN).await;
    sleeper.process.sigcont();
    let gave_up = ["another worker took the batch over", "the batch could not be applied"];
    eventually("the sleeper has seen that it came too late", async || {
        let lines = sleeper.process.lines(Stream::Err);
        lines.iter().any(|line| gave_up.iter().any(|words| line.contains(words)))
    })
    .await;
    // It stops in order, so whatever it still had in hand is done.
    sleeper.process.sigterm();
    assert!(sleeper.process.wait().await.success());
    assert_eq!(ledger.number(WRITTEN).await, before, "a worker wrote after its step had been taken over");
    assert_eq!(sleeper.applied(&run), 9);
    assert_one_run_created(&front.door, &ledger, &run, list.len()).await;
}

#[tokio::test]
async fn a_worker_that_stands_still_while_it_ends_a_run_does_not_hold_the_guild_up() {
    let (guild, list) = lists::list(500);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis().batches_of(100);
    let front = site.serve("http").await;

    // It stops while it holds the lock under which the guild's runs take turns.
    let batch = Latch::on_member(database.url(), list.id(50)).await;
    let mut sleeper = site.serve("worker").await;
    let answer = front.door.posting(list.file());
    ledger.wait_for_applied(4).await;
    let end = Latch::on_turns(database.url()).await;
    batch.release().await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    ledger.wait_for("the run is ending", 1, waiting).await;
    sleeper.process.sigstop();
    end.release().await;
    let _other = site.serve("worker").await;

    let answer = answer.await.unwrap();
    assert_all_created(&answer, list.len());
    let before = ledger.number(WRITTEN).await;
    sleeper.process.sigcont();
    sleeper.process.sigterm();
    assert!(sleeper.process.wait().await.success());
    assert_eq!(ledger.number(WRITTEN).await, before, "a worker wrote after its step had been taken over");
    assert_one_run_created(&front.door, &ledger, &answer.run(), list.len()).await;
}
