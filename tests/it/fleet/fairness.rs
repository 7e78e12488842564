//! What is small does not wait for what is large. On SQLite nothing can be held up from outside in the middle of a run; there the queue is the same as
//! that of one process here, and its two lines are tested by themselves.

use super::latch::Latch;
use super::ledger::Ledger;
use super::lists;
use super::{Site, assert_counts};
use crate::support::postgres;

const MEMBERS: usize = 3_000;

/// A leave, while the only writer is held up in the first of thirty batches and all the others wait for it.
async fn a_leave_overtakes_a_list(site: Site, database: &str, roles: &str, others: &[&str]) {
    let list = lists::list(MEMBERS).1;
    let ledger = Ledger::of(database);
    let front = site.serve(roles).await;
    let latch = Latch::on_member(database, list.id(50)).await;
    let mut workers = Vec::new();
    for roles in others {
        workers.push(site.serve(roles).await);
    }
    let answer = front.door.posting(list.file());
    ledger.wait_for("a batch is held up", 1, "SELECT count(*) FROM sync_batches WHERE state = 'running'").await;

    let leave = front.act(&format!("member_left/{}", list.id(2_950))).await;
    let ended = "SELECT count(*) FROM sync_runs WHERE mode = 'delta' AND state = 'succeeded'";
    ledger.wait_for("the leave has ended", 1, ended).await;
    assert_eq!(ledger.number("SELECT count(*) FROM sync_runs WHERE mode = 'full' AND state = 'applying'").await, 1);
    let waiting =
        "SELECT count(*) FROM sync_batches b JOIN sync_runs r ON r.id = b.run_id WHERE r.mode = 'full' AND b.state <> 'applied'";
    // One other batch may have come before the one that is held up.
    assert!(ledger.number(waiting).await >= 29, "the list is where it was");
    let counts = front.door.run(&leave).await["counts"].clone();
    let active = usize::try_from(counts["total_active"].as_u64().unwrap()).unwrap();
    assert!(active == 0 || active == 100, "those of the batch that came first: {active}");
    assert_counts(&counts, &[("created", 1), ("total_received", 1), ("total_active", active)]);

    latch.release().await;
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, answer.body["state"].as_str()), (200, Some("succeeded")), "{answer:?}");
    let most = MEMBERS - 1;
    let expected = [("created", most), ("updated", 1), ("deferred", 1), ("total_received", MEMBERS), ("total_active", most)];
    assert_counts(&answer.body, &expected);
}

#[tokio::test]
async fn a_leave_overtakes_a_list_through_redis() {
    let database = postgres::database().await;
    let site = Site::new(database.url(), lists::guild(MEMBERS).id()).with_redis().batches_of(100);
    let site = site.set("GUILDSYNC__WORKER__WRITERS", "1");
    a_leave_overtakes_a_list(site, database.url(), "http", &["worker"]).await;
}

#[tokio::test]
async fn a_leave_overtakes_a_list_in_one_process() {
    let database = postgres::database().await;
    let site = Site::new(database.url(), lists::guild(MEMBERS).id()).batches_of(100);
    a_leave_overtakes_a_list(site.set("GUILDSYNC__WORKER__WRITERS", "1"), database.url(), "http,worker", &[]).await;
}
