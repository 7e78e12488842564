//! What the queue makes of a Redis that is slow, empty, away or fed by hand.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use guildsync::domain::{Clock as _, ManualClock, SystemClock};
use guildsync::queue::{Job, Queue, QueueError, RedisOptions, inspect, redis};
use tokio::time::{sleep, timeout};

use crate::queue::{PATIENCE, Worker, batch, run};
use crate::queue_redis_server::RedisServer;

async fn connect(server: &RedisServer) -> Queue {
    redis(server.options(), Arc::new(SystemClock)).await.unwrap()
}

/// Polls a condition outside this process.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn push_by_hand(server: &RedisServer, id: &str, body: Option<&str>, metadata: bool) {
    if let Some(body) = body {
        server.run::<()>(&["HSET", "test:jobs:data", id, body]);
    }
    if metadata {
        let key = format!("test:jobs:meta:{id}");
        server.run::<()>(&["HSET", &key, "attempts", "0", "max_attempts", "1", "status", "Pending"]);
    }
    server.run::<()>(&["RPUSH", "test:jobs:active", id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_wakes_at_once() {
    let server = RedisServer::start();
    // Two processes, so that the word goes through Redis.
    let (site, machine) = (connect(&server).await, connect(&server).await);
    let mut worker = Worker::start(&machine, 1);
    site.ring.ring(&[batch(0)]).await;
    worker.next_begun().await;
    let mut latencies = Vec::new();
    for number in 1..=50 {
        // Until the job before has been acknowledged, its worker is not idle.
        let done = || server.run::<i32>(&["SCARD", "test:jobs:done"]);
        until("the last job should be acknowledged", || done() == number).await;
        let since = Instant::now();
        site.ring.ring(&[batch(number)]).await;
        assert_eq!(worker.next_begun().await, batch(number));
        latencies.push(since.elapsed());
    }
    latencies.sort();
    println!("idle ring to start: median {:?}, worst {:?}", latencies[25], latencies[49]);
    assert!(latencies[25] < Duration::from_millis(60), "the median is {:?}: the tick woke it, not the word", latencies[25]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_process_hears_of_changes_also_after_a_lost_subscription() {
    let server = RedisServer::start();
    let (site, machine) = (connect(&server).await, connect(&server).await);
    let mut watcher = site.notices.subscribe();
    machine.ring.notify(run(3)).await;
    assert_eq!(timeout(PATIENCE, watcher.recv()).await.unwrap().unwrap(), run(3));

    server.run::<()>(&["PUBLISH", "test:runs", "no run at all"]);
    server.run::<()>(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    until("both should subscribe again", || {
        let reply: HashMap<String, usize> = server.run(&["PUBSUB", "NUMSUB", "test:runs"]);
        reply["test:runs"] == 2
    })
    .await;
    machine.ring.notify(run(4)).await;
    assert_eq!(timeout(PATIENCE, watcher.recv()).await.unwrap().unwrap(), run(4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_cancels_nothing() {
    let server = RedisServer::start();
    let queue = connect(&server).await;
    let mut worker = Worker::start_gated(&queue, 16);
    worker.leave.add_permits(1);
    worker.sweep(&queue, batch(1)).await;
    worker.next_ended().await;

    // Idle.
    server.run::<()>(&["CLIENT", "KILL", "TYPE", "normal"]);
    worker.sweep(&queue, batch(2)).await;

    // Busy: the second job is in hand while its worker dies.
    server.run::<()>(&["CLIENT", "KILL", "TYPE", "normal"]);
    worker.sweep(&queue, batch(3)).await;
    worker.leave.add_permits(100);
    // The job in hand ran on. What is rung over a cut connection may come twice, which is why there are places to spare.
    let mut ended = HashSet::new();
    while !(ended.contains(&batch(2)) && ended.contains(&batch(3))) {
        ended.insert(worker.next_ended().await);
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_a_dead_worker_count_as_in_hand() {
    let server = RedisServer::start();
    let queue = connect(&server).await;
    let mut worker = Worker::start_gated(&queue, 1);
    queue.ring.ring(&[batch(1)]).await;
    worker.next_begun().await;
    server.run::<()>(&["FLUSHALL"]);
    // The next worker has registered once it has fetched the new job; it must not begin it yet.
    queue.ring.ring(&[batch(2)]).await;
    until("the next worker should fetch", || server.run::<usize>(&["LLEN", "test:jobs:active"]) == 0).await;
    worker.leave.add_permits(1);
    assert_eq!(worker.next_ended().await, batch(1));
    worker.leave.add_permits(1);
    worker.sweep(&queue, batch(2)).await;
    assert_eq!(worker.most_at_once.load(std::sync::atomic::Ordering::SeqCst), 1);
    worker.leave.add_permits(100);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis_is_found_again() {
    let mut server = RedisServer::start();
    let queue = connect(&server).await;
    let mut worker = Worker::start(&queue, 2);
    worker.sweep(&queue, batch(1)).await;
    server.kill();
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        let ring = Instant::now();
        queue.ring.ring(&[batch(2)]).await;
        queue.ring.notify(run(2)).await;
        assert!(ring.elapsed() < Duration::from_secs(6), "ringing takes a bounded time");
        sleep(Duration::from_millis(100)).await;
    }
    server.restart();
    let found = worker.sweep(&queue, batch(3)).await;
    assert!(found < Duration::from_secs(10), "found again after {found:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_redis_is_waited_for() {
    let server = RedisServer::start();
    let queue = connect(&server).await;
    let mut worker = Worker::start(&queue, 2);
    worker.sweep(&queue, batch(1)).await;
    server.stall();
    let since = Instant::now();
    queue.ring.ring(&[batch(2)]).await;
    assert!(since.elapsed() < Duration::from_secs(6), "ringing takes a bounded time");
    sleep(Duration::from_secs(8).saturating_sub(since.elapsed())).await;
    server.go_on();
    let found = worker.sweep(&queue, batch(3)).await;
    assert!(found < Duration::from_secs(10), "found again after {found:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_is_used_again() {
    let server = RedisServer::start();
    let queue = connect(&server).await;
    let mut worker = Worker::start(&queue, 2);
    worker.sweep(&queue, batch(1)).await;
    for number in 2..5 {
        server.run::<()>(&["FLUSHALL"]);
        worker.sweep(&queue, batch(number)).await;
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_does_not_wait_for_redis() {
    let mut server = RedisServer::not_started();
    let since = Instant::now();
    let queue = connect(&server).await;
    assert!(since.elapsed() < Duration::from_secs(3));
    let mut worker = Worker::start(&queue, 1);
    queue.ring.ring(&[batch(1)]).await;
    assert!(matches!(inspect(&server.options()).await, Err(QueueError::Unavailable(_))));
    server.restart();
    worker.sweep(&queue, batch(2)).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_never_reached_redis_stops() {
    let server = RedisServer::not_started();
    let queue = connect(&server).await;
    let worker = Worker::start(&queue, 1);
    let since = Instant::now();
    worker.stop().await;
    assert!(since.elapsed() < Duration::from_secs(6));
}

#[tokio::test]
async fn a_bad_address_is_an_error_at_once() {
    let options = RedisOptions { url: "redis//:secret@nowhere".into(), prefix: "test".into(), host: "here".into() };
    let error = redis(options.clone(), Arc::new(SystemClock)).await.err().unwrap();
    assert!(matches!(error, QueueError::BadUrl(_)));
    assert!(!format!("{error} {error:?} {options:?}").contains("secret"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_an_aborted_worker_do_not_stand_in_the_way() {
    let server = RedisServer::start();
    let queue = connect(&server).await;
    let mut lost = Worker::start_gated(&queue, 2);
    queue.ring.ring(&[batch(1), batch(2)]).await;
    lost.next_begun().await;
    lost.next_begun().await;
    lost.task.abort();

    let mut worker = Worker::start(&connect(&server).await, 2);
    let others: Vec<Job> = (3..100).map(batch).collect();
    queue.ring.ring(&others).await;
    for _ in &others {
        assert!(others.contains(&worker.next_ended().await));
    }
    // Nobody took the lost worker off the books, so apalis hands its jobs on once its heartbeats are overdue.
    let mut again = vec![worker.next_ended().await, worker.next_ended().await];
    again.sort_by_key(|job| format!("{job:?}"));
    assert_eq!(again, [batch(1), batch(2)]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_job_does_not_stop_the_worker() {
    let server = RedisServer::start();
    let queue = connect(&server).await;
    let mut worker = Worker::start(&queue, 1);
    worker.sweep(&queue, batch(1)).await;
    let since = Instant::now();
    for number in 0..3 {
        push_by_hand(&server, &format!("no-job-{number}"), Some(r#"{"v":1,"kind":"dance"}"#), true);
        push_by_hand(&server, &format!("no-json-{number}"), Some("\u{1}no JSON"), true);
        push_by_hand(&server, &format!("no-body-{number}"), None, true);
        push_by_hand(&server, &format!("no-metadata-{number}"), Some("{}"), false);
    }
    queue.ring.ring(&[batch(2)]).await;
    assert_eq!(worker.next_begun().await, batch(2));
    assert!(since.elapsed() < Duration::from_secs(10), "took {:?}", since.elapsed());
    until("none of it should be left", || {
        server.run::<usize>(&["LLEN", "test:jobs:active"]) == 0
            && server.run::<Vec<String>>(&["KEYS", "test:jobs:inflight:*"]).is_empty()
    })
    .await;
    let workers: Vec<String> = server.run(&["ZRANGE", "test:jobs:workers", "0", "-1"]);
    assert_eq!(workers.len(), 1, "the dead ones are off the books: {workers:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_jobs_and_lost_workers_are_deleted_and_waiting_jobs_are_not() {
    let server = RedisServer::start();
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let queue = redis(server.options(), Arc::clone(&clock) as _).await.unwrap();
    let jobs: Vec<Job> = (0..1_000).map(batch).collect();
    queue.ring.ring(&jobs).await;
    let mut worker = Worker::start(&queue, 4);
    for _ in &jobs {
        worker.next_ended().await;
    }
    worker.stop().await;
    assert_eq!(server.run::<usize>(&["SCARD", "test:jobs:done"]), 1_000);
    let metadata = ["KEYS", "test:jobs:workers:metadata:*"];
    assert_eq!(server.run::<Vec<String>>(&metadata).len(), 0, "a stopped worker leaves nothing");
    assert_eq!(server.run::<usize>(&["ZCARD", "test:jobs:workers"]), 0);

    // A worker whose process was lost, and whose name apalis has deleted.
    let long_ago = clock.now().timestamp().to_string();
    server.run::<()>(&["ZADD", "test:jobs:started", &long_ago, "lost"]);
    server.run::<()>(&["HSET", "test:jobs:workers:metadata:lost", "service", "x"]);

    clock.advance(TimeDelta::minutes(2));
    let mut worker = Worker::start_gated(&queue, 1);
    queue.ring.ring(&[batch(1), batch(2)]).await;
    worker.next_begun().await;
    until("ended jobs should be deleted", || server.run::<usize>(&["SCARD", "test:jobs:done"]) == 0).await;
    until("the lost worker should be forgotten", || server.run::<Vec<String>>(&metadata).len() == 1).await;
    assert_eq!(server.run::<usize>(&["HLEN", "test:jobs:data"]), 2, "one job is in hand and one waits");
    assert_eq!(server.run::<Vec<String>>(&["KEYS", "test:jobs:meta:*"]).len(), 2);
    worker.leave.add_permits(2);
    worker.next_ended().await;
    worker.next_ended().await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_waiting_jobs_are_refused() {
    let server = RedisServer::start();
    let queue = connect(&server).await;
    let fill = "for i = 1, 100000 do redis.call('RPUSH', KEYS[1], i) end";
    server.run::<()>(&["EVAL", fill, "1", "test:jobs:active"]);
    queue.ring.ring(&[batch(1)]).await;
    assert_eq!(server.run::<usize>(&["LLEN", "test:jobs:active"]), 100_000);
    assert_eq!(server.run::<usize>(&["HLEN", "test:jobs:data"]), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_can_ask() {
    let server = RedisServer::start();
    let queue = connect(&server).await;
    queue.ring.ring(&[batch(1), batch(2)]).await;
    let facts = inspect(&server.options()).await.unwrap();
    assert!(facts.version.chars().next().unwrap().is_ascii_digit(), "{facts:?}");
    assert_eq!((facts.maxmemory_policy.as_str(), facts.waiting), ("noeviction", 2));
    server.run::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert_eq!(inspect(&server.options()).await.unwrap().maxmemory_policy, "allkeys-lru");
}
