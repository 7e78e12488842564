//! What any queue does, through Redis or in one process.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::DateTime;
use futures::FutureExt as _;
use guildsync::domain::{RunId, SystemClock};
use guildsync::queue::{Handler, Job, Places, Queue, local, redis};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::queue_redis_server::RedisServer;

/// Far above what anything here takes; only a broken queue waits so long.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn run(number: u8) -> RunId {
    RunId::new(DateTime::from_timestamp_millis(1_700_000_000_000).unwrap(), [number; 32])
}

pub fn batch(number: i32) -> Job {
    Job::Batch(run(1), number)
}

/// A worker under test: says which jobs begin, and lets them end when the test says so.
pub struct Worker {
    pub begun: mpsc::UnboundedReceiver<Job>,
    pub ended: mpsc::UnboundedReceiver<Job>,
    /// A job ends when it gets a permit.
    pub leave: Arc<Semaphore>,
    pub most_at_once: Arc<AtomicUsize>,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Worker {
    /// Jobs end at once.
    pub fn start(queue: &Queue, concurrency: usize) -> Self {
        Self::start_with(queue, concurrency, Semaphore::MAX_PERMITS)
    }

    /// Jobs end when the test adds permits to `leave`.
    pub fn start_gated(queue: &Queue, concurrency: usize) -> Self {
        Self::start_with(queue, concurrency, 0)
    }

    fn start_with(queue: &Queue, concurrency: usize, permits: usize) -> Self {
        let (tell_begun, begun) = mpsc::unbounded_channel();
        let (tell_ended, ended) = mpsc::unbounded_channel();
        let leave = Arc::new(Semaphore::new(permits));
        let (at_once, most_at_once) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (gate, most) = (Arc::clone(&leave), Arc::clone(&most_at_once));
        let handler: Handler = Arc::new(move |job| {
            let (tell_begun, tell_ended, gate) = (tell_begun.clone(), tell_ended.clone(), Arc::clone(&gate));
            let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
            async move {
                assert!(job != panics(), "this job panics on purpose");
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let _ = tell_begun.send(job);
                gate.acquire().await.unwrap().forget();
                at_once.fetch_sub(1, Ordering::SeqCst);
                let _ = tell_ended.send(job);
            }
            .boxed()
        });
        let stop = CancellationToken::new();
        let (take, token) = (Arc::clone(&queue.take), stop.clone());
        let places = Places { batches: concurrency, runs: concurrency };
        let task = tokio::spawn(async move { take.take(places, handler, token).await });
        Self { begun, ended, leave, most_at_once, stop, task }
    }

    pub async fn next_begun(&mut self) -> Job {
        timeout(PATIENCE, self.begun.recv()).await.expect("a job should begin").unwrap()
    }

    pub async fn next_ended(&mut self) -> Job {
        timeout(PATIENCE, self.ended.recv()).await.expect("a job should end").unwrap()
    }

    pub async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task).await.expect("a worker should stop").unwrap();
    }

    /// Rings `job` again and again, as the sweeper does, until it begins.
    pub async fn sweep(&mut self, queue: &Queue, job: Job) -> Duration {
        let since = Instant::now();
        loop {
            assert!(since.elapsed() < PATIENCE, "{job:?} should be taken");
            queue.ring.ring(&[job]).await;
            while let Ok(Some(begun)) = timeout(Duration::from_millis(200), self.begun.recv()).await {
                if begun == job {
                    return since.elapsed();
                }
            }
        }
    }
}

/// The job whose handler panics.
fn panics() -> Job {
    Job::Finish(run(250))
}

/// 20,000 jobs are rung while nobody takes any; then all are taken.
async fn keeps_a_heap(queue: Queue) {
    let jobs: Vec<Job> = (0..20_000).map(batch).collect();
    queue.ring.ring(&jobs).await;
    let mut worker = Worker::start(&queue, 8);
    let mut seen = HashSet::new();
    while seen.len() < jobs.len() {
        seen.insert(worker.next_begun().await);
    }
    assert!(worker.most_at_once.load(Ordering::SeqCst) <= 8);
    worker.stop().await;
}

/// Never more than `concurrency` at once, and as many as that.
async fn works_side_by_side(queue: Queue) {
    let mut worker = Worker::start_gated(&queue, 3);
    queue.ring.ring(&(0..10).map(batch).collect::<Vec<_>>()).await;
    for _ in 0..3 {
        worker.next_begun().await;
    }
    worker.leave.add_permits(10);
    for _ in 0..10 {
        worker.next_ended().await;
    }
    assert_eq!(worker.most_at_once.load(Ordering::SeqCst), 3);
    worker.stop().await;
}

/// A job that panics ends only itself.
async fn survives_a_panic(queue: Queue) {
    let mut worker = Worker::start(&queue, 1);
    let next = [Job::Finish(run(1)), Job::Run(run(2))];
    queue.ring.ring(&[panics(), next[0], panics(), next[1]]).await;
    assert_eq!([worker.next_ended().await, worker.next_ended().await], next);
    worker.stop().await;
}

/// A run is begun though every place for batches is taken and hundreds wait; and a batch, though the same is true of runs.
async fn neither_line_waits_for_the_other(queue: Queue) {
    let mut worker = Worker::start_gated(&queue, 2);
    let crowds: [Vec<Job>; 2] = [(0..500).map(batch).collect(), (0..200).map(|number| Job::Run(run(number))).collect()];
    for crowd in &crowds {
        queue.ring.ring(crowd).await;
        for _ in 0..2 {
            assert!(crowd.contains(&worker.next_begun().await));
        }
    }
    assert!(queue.depth.waiting().await.unwrap() > 600, "both lines are counted");
    worker.leave.add_permits(700);
    for _ in 0..700 {
        worker.next_ended().await;
    }
    assert_eq!(worker.most_at_once.load(Ordering::SeqCst), 4);
    worker.stop().await;
}

/// A stopping worker finishes what it has in hand and takes nothing more; the next worker, at once, takes the rest.
async fn drains_and_restarts(queue: Queue) {
    let mut worker = Worker::start_gated(&queue, 1);
    queue.ring.ring(&[batch(1), batch(2)]).await;
    assert_eq!(worker.next_begun().await, batch(1));
    worker.stop.cancel();
    assert!(timeout(Duration::from_millis(300), &mut worker.task).await.is_err(), "a job is still in hand");
    worker.leave.add_permits(1);
    assert_eq!(worker.next_ended().await, batch(1));
    timeout(PATIENCE, worker.task).await.unwrap().unwrap();
    assert_eq!(worker.begun.recv().await, None, "nothing begins after the stop");

    for number in 3..6 {
        queue.ring.ring(&[batch(number)]).await;
        let mut next = Worker::start(&queue, 1);
        assert_eq!(next.next_ended().await, batch(number - 1));
        assert_eq!(next.next_ended().await, batch(number));
        next.stop().await;
        queue.ring.ring(&[batch(number)]).await;
    }
}

/// A watcher hears of a changed run.
async fn tells_of_changes(queue: Queue) {
    let mut watcher = queue.notices.subscribe();
    queue.ring.notify(run(7)).await;
    assert_eq!(timeout(PATIENCE, watcher.recv()).await.unwrap().unwrap(), run(7));
}

/// Runs each case over both ways of carrying.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(super::local()).await;
            })*
        }
        mod through_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let server = super::RedisServer::start();
                let queue = super::redis(server.options(), super::Arc::new(super::SystemClock)).await.unwrap();
                super::$case(queue).await;
            })*
        }
    };
}

on_both!(
    keeps_a_heap,
    works_side_by_side,
    survives_a_panic,
    neither_line_waits_for_the_other,
    drains_and_restarts,
    tells_of_changes
);

#[tokio::test]
async fn what_finds_the_channel_full_is_dropped() {
    let queue = local();
    queue.ring.ring(&(0..40_000).map(batch).collect::<Vec<_>>()).await;
    let mut worker = Worker::start(&queue, 8);
    let last = Job::Finish(run(9));
    let mut taken = 0;
    for _ in 0..32_768 {
        worker.next_ended().await;
        taken += 1;
    }
    queue.ring.ring(&[last]).await;
    assert_eq!(worker.next_ended().await, last, "after {taken} jobs there is room again, and the dropped ones do not come");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_hangs_is_given_up() {
    let queue = local();
    let mut worker = Worker::start_gated(&queue, 1);
    queue.ring.ring(&[batch(1), batch(2)]).await;
    assert_eq!(worker.begun.recv().await, Some(batch(1)));
    let since = tokio::time::Instant::now();
    assert_eq!(worker.begun.recv().await, Some(batch(2)), "the first job never ends by itself");
    assert_eq!(since.elapsed().as_secs(), 600);
}
