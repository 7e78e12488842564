//! Workers and queue: processes that run, work or were lost, and what waits for them.

use chrono::TimeDelta;
use guildsync::domain::RunState;
use guildsync::queue::RedisOptions;
use guildsync::store::{Jobs, Lease, Process};
use poem::http::StatusCode;

use super::seed::{run, start};
use super::{Site, seed};
use crate::store::hand;
use crate::support::redis::PrivateRedis;

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

#[tokio::test]
async fn of_processes_of_several_versions_the_older_ones_are_marked() {
    let mut site = Site::as_staff().await;
    let versions = |list: &'static [(&'static str, &'static str, i64)]| {
        list.iter()
            .map(|(id, version, ago)| Process { version: (*version).to_owned(), ..process(id, "worker", *ago, Jobs::default()) })
    };
    let older = |page: &str| page.matches("<span class=\"tag off\">older</span>").count();
    for process in versions(&[("a", "0.9.0", 1), ("b", "0.10.0", 1), ("c", "0.10.0", 1), ("d", "0.2.0", 65)]) {
        site.stores.upkeep.beat(&process).await.unwrap();
    }
    let page = site.get(WORKERS).await.body;
    assert!(page.contains("Processes of different versions"), "{page}");
    assert!(
        page.contains("0.9.0 <span class=\"tag off\">older</span>") && older(&page) == 1,
        "what was lost needs no restart: {page}"
    );
    site.stores.upkeep.retire("a-4711-0a1b2c3d").await.unwrap();
    let page = site.get(WORKERS).await.body;
    assert!(!page.contains("different versions") && older(&page) == 0, "{page}");
}

#[tokio::test]
async fn a_queue_that_is_away_or_silent_is_told_of_and_keeps_nobody_waiting() {
    let mut redis = PrivateRedis::start();
    let options = RedisOptions { url: redis.url().into(), prefix: "pages".into(), host: "here".into() };
    let queue = guildsync::queue::redis(options, std::sync::Arc::new(guildsync::domain::SystemClock)).await.unwrap();
    let mut site = Site::made_of("http://127.0.0.1:8080", None, false, None, queue).await;
    seed::people(&site.ledger).await;
    site.log_in("anna", super::PASSWORD).await;
    let page = site.get(WORKERS).await.body;
    assert!(page.contains("<dt>Jobs queued in Redis</dt><dd>0</dd>") && !page.contains("The queue is silent"), "{page}");

    redis.pause();
    let page = site.get(WORKERS).await;
    assert_eq!(page.status, StatusCode::OK);
    for told in ["The queue is silent", "<dd>not known</dd>", "within a second", "no worker is running either"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    site.stores.upkeep.beat(&process("busy", "worker", 1, Jobs::default())).await.unwrap();
    redis.resume();
    redis.kill();
    let page = site.get(WORKERS).await.body;
    assert!(page.contains("The queue is silent") && page.contains("Workers find it there, more slowly"), "{page}");
    assert!(!page.contains("No worker is running"), "{page}");
}

/// Files a list under an id that is the same each time.
async fn seed_list(site: &Site, mut list: hand::List) -> guildsync::domain::RunId {
    list.run.id = guildsync::domain::RunId::new(list.run.observed_at, [0; 32]);
    list.file(&site.stores).await
}
