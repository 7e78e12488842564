//! PIPE: carries tiny jobs to one live worker soon, and notices to whoever watches. Nothing here is durable.
//!
//! Enters: a [`Job`], which names a step that SQL already knows. Leaves: the same job, at least once if all goes well, in any order,
//! or never: then the sweeper rings again. Must not import `store`, `discord` or anything above them.
//!
//! Both ways of carrying are apalis backends under the same worker (`consume`): Redis through apalis-redis ([`redis`]), or a bounded
//! channel in this process ([`local`]). Either has two lines, each with places of its own: one for batches, one for all other jobs, so that neither
//! a huge run nor a crowd of small ones keeps the other waiting. What apalis offers beyond that (retries, results, dead letters) is left unused, because SQL
//! decides those.

mod consume;
mod job;
mod local;
mod redis;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

pub use job::{Job, UnknownJob};
pub use local::local;
pub use redis::{RedisFacts, RedisOptions, inspect, redis};

use crate::domain::RunId;

/// What a worker does with a job. It never fails: outcomes are written to SQL.
pub type Handler = Arc<dyn Fn(Job) -> BoxFuture<'static, ()> + Send + Sync>;

/// An error of the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Redis cannot be reached. Nothing is lost: accepted runs stand in SQL and are rung again.
    #[error(
        "Redis cannot be reached ({0}); accepted runs are safe in the database; until it is back they are carried out more slowly"
    )]
    Unavailable(String),
    /// The Redis URL is not one.
    #[error("the Redis URL is not valid: {0}")]
    BadUrl(String),
}

/// Rings jobs. Held by whoever files or finds work.
#[async_trait]
pub trait Ring: Send + Sync + 'static {
    /// Says that these steps may be ready. Never fails: what cannot be rung is logged, and the sweeper rings it later.
    async fn ring(&self, jobs: &[Job]);

    /// Says that a run has changed; lossy.
    async fn notify(&self, run: RunId);
}

/// How many jobs are in hand at once, at least one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// Batches.
    pub batches: usize,
    /// All other jobs.
    pub runs: usize,
}

/// Takes jobs. Held by `worker`.
#[async_trait]
pub trait Take: Send + Sync + 'static {
    /// Hands jobs to `handler`, as many at once as there are places, until `stop`; then waits for those in hand.
    async fn take(&self, places: Places, handler: Handler, stop: CancellationToken);
}

/// Tells how full the queue is. Held by whoever shows it.
#[async_trait]
pub trait Depth: Send + Sync + 'static {
    /// What carries the jobs, for people.
    fn carrier(&self) -> &'static str;

    /// Jobs that no worker has taken yet.
    async fn waiting(&self) -> Result<usize, QueueError>;
}

/// Notices that runs have changed; lossy, so a watcher also looks now and then.
#[derive(Clone)]
pub struct Notices(broadcast::Sender<RunId>);

impl Notices {
    /// How many notices a slow watcher may fall behind before it misses some.
    const BACKLOG: usize = 1_024;

    fn new() -> Self {
        Self(broadcast::Sender::new(Self::BACKLOG))
    }

    /// Begins to listen; notices from now on will be seen.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<RunId> {
        self.0.subscribe()
    }

    fn publish(&self, run: RunId) {
        // An error only means that nobody is watching.
        let _ = self.0.send(run);
    }
}

/// The ends of one queue.
#[derive(Clone)]
pub struct Queue {
    /// Rings jobs and notices.
    pub ring: Arc<dyn Ring>,
    /// Takes jobs.
    pub take: Arc<dyn Take>,
    /// Tells how full it is.
    pub depth: Arc<dyn Depth>,
    /// Carries notices.
    pub notices: Notices,
}
