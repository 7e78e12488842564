//! Processes of two versions work on one database while an installation is upgraded.

use super::ledger::Ledger;
use super::lists;
use super::{Site, assert_one_run_created};
use crate::support::postgres;

/// What a worker says of what it cannot read yet.
const LEFT: &str = "a newer version of guildsync wrote this";

#[tokio::test]
async fn what_a_newer_version_has_staged_waits_for_a_newer_worker() {
    let (guild, list) = lists::list(500);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis().batches_of(100);
    let front = site.serve("http").await;
    let run = front.door.file(list.file()).await;
    // As if the newer version had another form of it.
    ledger.numbers("UPDATE sync_batches SET payload = set_byte(payload, 0, 9) RETURNING 1::bigint").await;
    let worker = site.serve("worker").await;
    // Each batch once, and then again.
    worker.process.wait_for_lines(LEFT, 6).await;
    assert_eq!(front.door.run(&run).await["state"], "applying");
    ledger.numbers("UPDATE sync_batches SET payload = set_byte(payload, 0, 1) RETURNING 1::bigint").await;
    assert_one_run_created(&front.door, &ledger, &run, list.len()).await;
}

#[tokio::test]
async fn what_a_newer_version_tells_of_one_member_waits_too() {
    let (guild, list) = lists::list(100);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis();
    let mut both = site.serve("http,worker").await;
    both.door.post(list.file()).await;
    both.process.sigterm();
    both.process.wait().await;
    let front = site.serve("http").await;
    let leave = front.act(&format!("member_left/{}", list.id(0))).await;
    let change = |byte: u8| {
        format!("UPDATE sync_batches SET payload = set_byte(payload, 0, {byte}) WHERE payload IS NOT NULL RETURNING 1::bigint")
    };
    assert_eq!(ledger.numbers(&change(200)).await, [1]);
    let worker = site.serve("worker").await;
    worker.process.wait_for_lines(LEFT, 4).await;
    assert_eq!(front.door.run(&leave).await["finished_at"], serde_json::Value::Null);
    ledger.numbers(&change(128)).await;
    ledger.wait_for("it has ended", 1, "SELECT count(*) FROM sync_runs WHERE mode = 'delta' AND state = 'succeeded'").await;
    assert_eq!(front.door.run(&leave).await["counts"]["marked_left"], 1);
}
