//! Workers and queue: processes that run, work or were lost, and what waits for them.

use chrono::TimeDelta;
use guildsync::domain::RunState;
use guildsync::store::{Jobs, Lease, Process};
use poem::http::StatusCode;

use super::seed::{run, start};
use super::{Site, seed};
use crate::store::hand;

const WORKERS: &str = "/admin/workers/";

/// A process that was seen so many seconds ago.
pub fn process(id: &str, roles: &str, ago: i64, jobs: Jobs) -> Process {
    Process {
        id: format!("{id}-4711-0a1b2c3d"),
        host: id.to_owned(),
        roles: roles.to_owned(),
        version: "0.1.0".to_owned(),
        started_at: start() - TimeDelta::hours(2),
        seen_at: start() - TimeDelta::seconds(ago),
        jobs,
    }
}

#[tokio::test]
async fn without_a_worker_it_says_how_to_start_one() {
    let mut site = Site::as_staff().await;
    let answer = site.get(WORKERS).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("workers_none", answer.page());
}

#[tokio::test]
async fn processes_that_run_work_and_were_lost_and_what_waits_for_them() {
    let mut site = Site::as_staff().await;
    let lost = Jobs { in_hand: 2, done: 40, failed: 1 };
    let busy = Jobs { in_hand: 3, done: 1_234_567, failed: 2 };
    for process in [
        process("lost <host>", "worker", 65, lost),
        process("busy", "worker", 2, busy),
        process("front", "http,worker,bot,cron", 4, Jobs::default()),
        process("long-gone", "worker", 3_601, lost),
    ] {
        site.stores.upkeep.beat(&process).await.unwrap();
    }
    let until = start() + TimeDelta::seconds(5);
    for (name, holder) in [("sweeper", "busy"), ("bot", "front"), ("replies", "lost <host>")] {
        let holder = format!("{holder}-4711-0a1b2c3d");
        assert!(site.stores.upkeep.take_lease(&Lease { name, holder: &holder, until }, start()).await.unwrap());
    }
    let early = start() - TimeDelta::seconds(90);
    let under_way = hand::List::new(early, &hand::members(1..=50), 10);
    let under_way = seed_list(&site, under_way).await;
    hand::take_up(&site.stores, under_way, early).await;
    hand::apply(&site.stores, under_way, 0, early).await;
    hand::claim(&site.stores, under_way, 1, start()).await;
    seed_list(&site, hand::List::new(start() - TimeDelta::seconds(30), &hand::members(1..=5), 10)).await;
    // What has ended waits for nobody.
    seed::put_run(&site.ledger, &run(RunState::Succeeded)).await;
    let page = site.get(WORKERS).await.page();
    assert!(!page.contains("long-gone"), "{page}");
    insta::assert_snapshot!("workers", page);
}

/// Files a list under an id that is the same each time.
async fn seed_list(site: &Site, mut list: hand::List) -> guildsync::domain::RunId {
    list.run.id = guildsync::domain::RunId::new(list.run.observed_at, [0; 32]);
    list.file(&site.stores).await
}
