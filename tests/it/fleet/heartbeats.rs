//! What processes tell of their jobs with their heartbeats.

use super::latch::Latch;
use super::ledger::Ledger;
use super::lists;
use super::{Site, assert_all_created};
use crate::support::postgres;

#[tokio::test]
async fn a_heartbeat_tells_the_jobs_in_hand_and_those_that_are_done() {
    let (guild, list) = lists::list(300);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis().batches_of(100);
    let front = site.serve("http").await;
    let _worker = site.serve("worker").await;
    let of = |column: &str, role: &str| format!("SELECT {column} FROM processes WHERE roles = '{role}'");
    assert_eq!(ledger.number(&of("jobs_in_hand + jobs_done + jobs_failed", "worker")).await, 0);

    let latch = Latch::on_member(database.url(), list.id(50)).await;
    let answer = front.door.posting(list.file());
    ledger.wait_for("the worker tells of the batch it is at", 1, &of("jobs_in_hand", "worker")).await;
    latch.release().await;
    assert_all_created(&answer.await.unwrap(), list.len());
    // The run is taken up, and three batches are applied, the last of which ends in its finish.
    let is_told = of("(jobs_in_hand = 0 AND jobs_done >= 4 AND jobs_failed = 0)::int::bigint", "worker");
    ledger.wait_for("the worker tells that all is done", 1, &is_told).await;
    assert_eq!(ledger.number(&of("jobs_in_hand + jobs_done + jobs_failed", "http")).await, 0);
}
