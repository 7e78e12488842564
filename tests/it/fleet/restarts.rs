//! The only serving process is killed, and another is started in its place: every accepted run ends, once, with exact counts.

use super::latch::Latch;
use super::ledger::Ledger;
use super::lists;
use super::{Site, assert_one_run_created, number};
use crate::support::{postgres, sqlite};

const MEMBERS: usize = 10_000;
const BATCHES: i64 = 100;

const APPLIED: &str = "SELECT count(*) FROM sync_batches WHERE state = 'applied'";

#[tokio::test]
async fn a_run_that_is_killed_in_the_middle_goes_on_after_the_restart_with_sqlite() {
    let (guild, list) = lists::list(MEMBERS);
    let database = sqlite::sqlite();
    let ledger = Ledger::of(&database.url());
    let site = Site::new(&database.url(), guild).batches_of(100);

    let mut first = site.serve("http,worker").await;
    let run = first.door.file(list.file()).await;
    ledger.wait_for_applied(1).await;
    first.process.sigkill();
    first.process.wait().await;
    let applied = ledger.number(APPLIED).await;
    assert!((1..BATCHES).contains(&applied), "it was not killed in the middle: {applied} of {BATCHES} batches are applied");

    let second = site.serve("http,worker").await;
    assert_one_run_created(&second.door, &ledger, &run, MEMBERS).await;
    assert!(ledger.present().await == list.names());
    assert!(number(second.applied(&run)) <= BATCHES - applied, "a batch was applied twice");
}

#[tokio::test]
async fn a_run_that_is_killed_in_the_middle_goes_on_after_the_restart_with_postgres_and_redis() {
    let (guild, list) = lists::list(MEMBERS);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis().batches_of(100);

    let mut first = site.serve("http,worker").await;
    let latch = Latch::on_member(database.url(), list.id(MEMBERS / 2)).await;
    let run = first.door.file(list.file()).await;
    ledger.wait_for_applied(BATCHES / 3).await;
    first.process.sigkill();
    first.process.wait().await;
    latch.release().await;

    let second = site.serve("http,worker").await;
    assert_one_run_created(&second.door, &ledger, &run, MEMBERS).await;
    assert!(ledger.present().await == list.names());
}

#[tokio::test]
async fn a_run_that_was_only_filed_is_carried_out_after_the_restart() {
    let (guild, list) = lists::list(1_000);

    // The process dies as soon as it has accepted the list.
    let database = sqlite::sqlite();
    let ledger = Ledger::of(&database.url());
    let site = Site::new(&database.url(), guild).batches_of(100);
    let mut first = site.serve("http,worker").await;
    let run = first.door.file(list.file()).await;
    first.process.sigkill();
    first.process.wait().await;
    let second = site.serve("http,worker").await;
    assert_one_run_created(&second.door, &ledger, &run, list.len()).await;

    // There is no worker at all, and what was rung is lost as well: the next queue is another.
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).batches_of(100);
    let mut front = site.clone().with_redis().serve("http").await;
    let run = front.door.file(list.file()).await;
    front.process.sigkill();
    front.process.wait().await;
    assert_eq!(ledger.number("SELECT count(*) FROM sync_runs WHERE state = 'queued'").await, 1);
    let second = site.with_redis().serve("http,worker").await;
    assert_one_run_created(&second.door, &ledger, &run, list.len()).await;
}

#[tokio::test]
async fn a_run_whose_process_dies_between_the_last_batch_and_the_end_is_ended_after_the_restart() {
    let (guild, list) = lists::list(500);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis().batches_of(100);

    let mut first = site.serve("http,worker").await;
    let batch = Latch::on_member(database.url(), list.id(450)).await;
    let run = first.door.file(list.file()).await;
    ledger.wait_for_applied(4).await;
    let mut end = Latch::on_run(database.url(), &run).await;
    batch.release().await;
    ledger.wait_for_applied(5).await;
    first.process.sigkill();
    first.process.wait().await;
    end.cut_off_others().await;
    assert_eq!(ledger.number("SELECT count(*) FROM sync_runs WHERE state = 'applying' AND attempts = 0").await, 1);
    end.release().await;

    let second = site.serve("http,worker").await;
    assert_one_run_created(&second.door, &ledger, &run, list.len()).await;
}

#[tokio::test]
async fn a_run_whose_process_dies_while_it_ends_is_ended_after_the_restart() {
    let (guild, list) = lists::list(500);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis().batches_of(100);

    let mut first = site.serve("http,worker").await;
    let batch = Latch::on_member(database.url(), list.id(450)).await;
    let run = first.door.file(list.file()).await;
    ledger.wait_for_applied(4).await;
    let mut end = Latch::on_turns(database.url()).await;
    batch.release().await;
    ledger.wait_for("the run is ending", 1, "SELECT count(*) FROM sync_runs WHERE state = 'finishing'").await;
    first.process.sigkill();
    first.process.wait().await;
    end.cut_off_others().await;
    end.release().await;
    assert_eq!(ledger.number("SELECT count(*) FROM sync_runs WHERE state = 'finishing'").await, 1);

    let second = site.serve("http,worker").await;
    assert_one_run_created(&second.door, &ledger, &run, list.len()).await;
}
