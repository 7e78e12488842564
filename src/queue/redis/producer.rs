//! The producer's side: rings jobs and notices, and sees how many jobs wait.
//!
//! The library's own push is not used: it puts every id into the scheduled set, where a burst of 8,000 makes its fetch script fail
//! for good, and it wakes nobody. A script of ours puts ids onto the active list, in chunks, and then wakes the workers.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::ConnectionManager;
use redis::{AsyncTypedCommands as _, Script};
use tokio::sync::Semaphore;
use ulid::Ulid;

use super::Hub;
use super::link::{Outage, silent};
use crate::domain::RunId;
use crate::queue::job::Line;
use crate::queue::{Depth, Job, QueueError, Ring};

/// How long a ring may take in all; what is not rung by then, the sweeper rings.
const RING_LIMIT: Duration = Duration::from_secs(5);
/// Most jobs in one call of the script: Lua unpacks no more than a few thousand arguments, and Redis does nothing else meanwhile.
const CHUNK: usize = 500;
/// Most jobs that may wait in Redis. While no worker runs, the sweeper rings the same steps again and again.
const MOST_WAITING: usize = 100_000;
/// Most notices on their way to Redis at once; more are only told within this process.
const MOST_NOTICES: usize = 32;

static ENQUEUE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("enqueue.lua")));

pub(super) struct Producer {
    hub: Arc<Hub>,
    outage: Outage,
    notices: Arc<Semaphore>,
}

impl Producer {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self { hub, outage: Outage::new("ringing jobs"), notices: Arc::new(Semaphore::new(MOST_NOTICES)) }
    }

    async fn enqueue(&self, jobs: &[Job]) -> Result<(), QueueError> {
        for line in [Line::Runs, Line::Batches] {
            let of_line: Vec<Job> = jobs.iter().copied().filter(|job| job.line() == line).collect();
            self.enqueue_in(line, &of_line).await?;
        }
        Ok(())
    }

    async fn enqueue_in(&self, line: Line, jobs: &[Job]) -> Result<(), QueueError> {
        let config = self.hub.keys.line(line).config();
        for chunk in jobs.chunks(CHUNK) {
            let mut call = ENQUEUE.prepare_invoke();
            call.key(config.job_data_hash()).key(config.job_meta_hash()).key(config.active_jobs_list());
            call.arg(self.hub.keys.wake()).arg(MOST_WAITING);
            for job in chunk {
                call.arg(Ulid::generate().to_string()).arg(job.to_wire().to_string());
            }
            let taken: usize = self.hub.link.with(|mut redis| async move { call.invoke_async(&mut redis).await }).await?;
            // Workers of this process need not wait for the word to come back from Redis.
            self.hub.wake.send_replace(());
            if taken == 0 {
                tracing::warn!(most = MOST_WAITING, "too many jobs wait in Redis; the sweeper rings the new ones later");
                break;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Ring for Producer {
    async fn ring(&self, jobs: &[Job]) {
        if jobs.is_empty() {
            return;
        }
        let outcome = tokio::time::timeout(RING_LIMIT, self.enqueue(jobs)).await;
        match outcome.unwrap_or_else(|_| Err(silent(RING_LIMIT))) {
            Ok(()) => self.outage.ends(),
            Err(error) => {
                self.outage.begins(&error);
                // Also those that Redis took before it failed: to take a job twice does no harm.
                for job in jobs {
                    // Full, or nobody takes jobs here: then the sweeper rings them, in a process that does.
                    let _ = self.hub.strays.of(job.line()).try_send(*job);
                }
            }
        }
    }

    async fn notify(&self, run: RunId) {
        // Watchers of this process do not depend on Redis, and will see the notice twice.
        self.hub.notices.publish(run);
        // Nobody waits for a notice: it is sent beside the work, or dropped if Redis does not keep up.
        let Ok(place) = Arc::clone(&self.notices).try_acquire_owned() else { return };
        let (link, channel) = (self.hub.link.clone(), self.hub.keys.runs());
        tokio::spawn(async move {
            let publish = |mut redis| async move {
                redis::cmd("PUBLISH").arg(channel).arg(run.to_string()).query_async::<()>(&mut redis).await
            };
            if let Err(error) = link.with(publish).await {
                tracing::debug!("a notice was not sent: {error}");
            }
            drop(place);
        });
    }
}

#[async_trait]
impl Depth for Producer {
    fn carrier(&self) -> &'static str {
        "Redis"
    }

    async fn waiting(&self) -> Result<usize, QueueError> {
        let lists = self.hub.keys.lines().map(|line| line.config().active_jobs_list());
        let waiting = |mut redis: ConnectionManager| async move {
            let [runs, batches] = lists;
            Ok(redis.llen(runs).await? + redis.llen(batches).await?)
        };
        self.hub.link.with(waiting).await
    }
}
