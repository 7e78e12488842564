//! The worker's side: apalis-redis, with what keeps it going.
//!
//! - Any error of Redis ends an apalis worker, and its own monitor restarts at once and under the same name, which Redis then
//!   refuses. So a loop of ours starts each worker under a fresh name, with growing pauses.
//! - A worker that died drops what it held: its handlers run on and write their outcome to SQL; what had not begun, the sweeper rings
//!   again; and a message that killed the worker does not kill the next. A worker that was stopped puts its rest back.
//! - Each line of jobs has a worker of its own, and places of its own.
//! - One job is fetched at a time, because apalis sends neither heartbeats nor acknowledgements while fetched jobs wait.
//! - apalis finds no new job by itself before its next heartbeat, so a strategy of ours wakes it: one stream of what the process
//!   hears, merged with a tick for what it misses.

use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::ext::BackendExt as _;
use apalis_core::backend::ext::poll_strategy::{PollSnapshot, PollStrategy, PollWith};
use apalis_redis::RedisStorage;
use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use redis::Script;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Hub;
use super::keys::LineKeys;
use super::link::{Backoff, Outage};
use super::upkeep::upkeep;
use crate::queue::consume::{Crew, consume, fresh_name};
use crate::queue::job::{Line, Lines};
use crate::queue::{Handler, Job, Places, QueueError, Take};

/// Heartbeats decide only when apalis gives a lost worker's jobs to another; the sweeper is sooner.
const HEARTBEAT: Duration = Duration::from_secs(5);
const MISSED_HEARTBEATS: usize = 3;
/// How often an idle worker looks for jobs it was not woken for.
const TICK: Duration = Duration::from_millis(250);
/// How long after a wake, and after each look that follows, it looks once more: a fetch that was under way may have been too early for the job, and
/// on a busy machine it may be under way for long.
const MORE_LOOKS: [Duration; 3] = [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(60)];

static RETIRE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("retire.lua")));

pub(super) struct Worker {
    hub: Arc<Hub>,
    /// Jobs of this process that Redis did not take.
    strays: Lines<Mutex<mpsc::Receiver<Job>>>,
}

/// What takes the jobs of one line: one apalis worker after another.
struct Shift<'a> {
    hub: &'a Hub,
    line: LineKeys,
    /// What does not work while Redis is away, for the log.
    part: &'static str,
    crew: &'a Crew,
    stop: &'a CancellationToken,
}

/// What becomes of the jobs a retiring worker still holds.
#[derive(Clone, Copy)]
enum Rest {
    Keep,
    Drop,
}

/// How a worker ended.
enum Life {
    Stopped,
    Died,
}

impl Worker {
    pub(super) fn new(hub: Arc<Hub>, strays: Lines<mpsc::Receiver<Job>>) -> Self {
        Self { hub, strays: Lines { runs: Mutex::new(strays.runs), batches: Mutex::new(strays.batches) } }
    }

    /// Takes the jobs of one line until `stop`, those in Redis and those that did not get there.
    async fn take_line(&self, line: Line, crew: &Crew, stop: &CancellationToken) {
        let part = match line {
            Line::Runs => "taking jobs",
            Line::Batches => "taking batches",
        };
        let shift = Shift { hub: &self.hub, line: self.hub.keys.line(line), part, crew, stop };
        tokio::join!(shift.supervise(), take_strays(self.strays.of(line), crew, stop));
        crew.finish().await;
    }
}

impl Shift<'_> {
    /// Starts one worker after another until `stop`.
    async fn supervise(&self) {
        let (stop, outage) = (self.stop, Outage::new(self.part));
        let mut backoff = Backoff::new();
        let mut dead: Option<String> = None;
        while !stop.is_cancelled() {
            match self.next_life(&mut dead, &outage, &mut backoff).await {
                Ok(Life::Stopped) => return,
                Ok(Life::Died) => {}
                Err(error) => outage.begins(&error),
            }
            self.hub.link.forget();
            tokio::select! {
                () = sleep(backoff.next()) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Retires the worker that died last, if any, and runs the next one. No new worker starts before the dead one is off the books,
    /// so that there is never more than one to retire.
    async fn next_life(&self, dead: &mut Option<String>, outage: &Outage, backoff: &mut Backoff) -> Result<Life, QueueError> {
        if let Some(name) = dead.as_deref()
            && self.retire(name, Rest::Drop).await? > 0
        {
            // It had taken something: this is no start that fails over and over.
            backoff.reset();
        }
        *dead = None;
        let name = fresh_name(&self.hub.host);
        self.enrol(&name).await?;
        outage.ends();
        let since = Instant::now();
        let outcome = consume(name.clone(), self.jobs()?, self.crew.clone(), self.stop.clone()).await;
        if since.elapsed() > Backoff::LONGEST {
            backoff.reset();
        }
        if let Err(error) = outcome {
            tracing::warn!(worker = name, "a worker died ({error}); what it had begun runs on, the sweeper rings the rest again");
            *dead = Some(name);
            return Ok(Life::Died);
        }
        if let Err(error) = self.retire(&name, Rest::Keep).await {
            tracing::debug!("a stopped worker stays on the books until it counts as lost: {error}");
        }
        Ok(Life::Stopped)
    }

    /// The queue as an apalis backend that wakes when there are jobs.
    fn jobs(&self) -> Result<PollWith<RedisStorage<Value>, Wakes>, QueueError> {
        let config = self.line.config().batch_size(1).heartbeat_interval(HEARTBEAT).missed_heartbeats(MISSED_HEARTBEATS);
        let config = config.lock_tasks(false).emit_events(false);
        let storage = RedisStorage::<Value>::new(self.hub.link.manager()?).with_config(config);
        Ok(storage.poll_with_strategy(Wakes(wakes(self.hub.wake.subscribe()))))
    }

    async fn enrol(&self, name: &str) -> Result<(), QueueError> {
        let mut enrol = redis::cmd("ZADD");
        enrol.arg(self.line.started()).arg(self.hub.clock.now().timestamp()).arg(name);
        self.hub.link.with(|mut redis| async move { enrol.query_async(&mut redis).await }).await
    }

    async fn retire(&self, name: &str, rest: Rest) -> Result<usize, QueueError> {
        let config = self.line.config();
        let mut call = RETIRE.prepare_invoke();
        call.key(self.line.inflight(name)).key(config.active_jobs_list()).key(config.workers_set());
        call.key(self.line.worker_metadata() + name)
            .key(self.line.started())
            .key(config.job_data_hash())
            .key(config.job_meta_hash());
        let rest = match rest {
            Rest::Keep => "keep",
            Rest::Drop => "drop",
        };
        call.arg(name).arg(rest).arg(self.hub.keys.wake());
        self.hub.link.with(|mut redis| async move { call.invoke_async(&mut redis).await }).await
    }
}

#[async_trait]
impl Take for Worker {
    async fn take(&self, places: Places, handler: Handler, stop: CancellationToken) {
        let _upkeep = AbortOnDropHandle::new(tokio::spawn(upkeep(Arc::clone(&self.hub))));
        let crews = Crew::of_each_line(places, &handler);
        tokio::join!(self.take_line(Line::Runs, &crews.runs, &stop), self.take_line(Line::Batches, &crews.batches, &stop),);
    }
}

/// Carries out what this process could not ring, until `stop`.
async fn take_strays(strays: &Mutex<mpsc::Receiver<Job>>, crew: &Crew, stop: &CancellationToken) {
    let mut strays = strays.lock().await;
    let take = async {
        while let Some(job) = strays.recv().await {
            // Its end is nobody's concern here; `finish` waits for it.
            drop(crew.begin(job).await);
        }
    };
    stop.run_until_cancelled(take).await;
}

/// Whenever there may be jobs.
fn wakes(heard: watch::Receiver<()>) -> BoxStream<'static, ()> {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((heard, tick, MORE_LOOKS.len()), |(mut heard, mut tick, looks)| async move {
        let again = MORE_LOOKS.get(looks).copied();
        let looks = tokio::select! {
            Ok(()) = heard.changed() => 0,
            () = sleep(again.unwrap_or_default()), if again.is_some() => looks + 1,
            _ = tick.tick() => looks,
        };
        Some(((), (heard, tick, looks)))
    })
    .boxed()
}

/// Wakes an idle worker. Drained to the end at each look: a stream that is left ready has given its waker back, and would sleep on.
struct Wakes(BoxStream<'static, ()>);

impl PollStrategy for Wakes {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut woken = Poll::Pending;
        while let Poll::Ready(Some(())) = self.0.poll_next_unpin(cx) {
            woken = Poll::Ready(Some(()));
        }
        woken
    }
}
