//! Jobs through Redis, by apalis-redis: any number of processes and machines.
//!
//! Enters: jobs and notices of any process. Leaves: each job to one live worker, soon; each notice to every process. Redis may be
//! slow, empty or away at any time: then jobs are lost or come twice, which SQL and the sweeper make good, and everything here
//! tries again for ever, in growing pauses. What a process cannot ring meanwhile it takes itself, if it takes jobs.
//!
//! `producer` rings, `worker` takes, `listen` hears, `upkeep` tidies; all share one `link`.

mod keys;
mod link;
mod listen;
mod producer;
mod upkeep;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncTypedCommands as _, RedisResult};
use secrecy::SecretString;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use self::keys::Keys;
use self::link::{Link, brief, unavailable};
use self::listen::Ears;
use self::producer::Producer;
use self::worker::Worker;
use super::job::Lines;
use super::{Job, Notices, Queue, QueueError};
use crate::domain::Clock;

/// How long a start waits for the first subscription, so that a caller who reaches Redis misses no notice.
const FIRST_SUBSCRIPTION: Duration = Duration::from_secs(1);
/// Most jobs of a line that wait in this process while Redis is away; the sweeper rings further ones later.
const MOST_STRAYS: usize = 4_096;

/// How to reach Redis, and what to be called there.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// `redis://` or `rediss://`; may hold a password.
    pub url: SecretString,
    /// What all keys and channels begin with.
    pub prefix: String,
    /// The name of this machine; names of workers begin with it.
    pub host: String,
}

/// What a doctor asks of a Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisFacts {
    /// The server's version, say `7.0.15`; empty if it does not tell.
    pub version: String,
    /// What it does when its memory is full; anything but `noeviction` may delete jobs. Empty if it does not tell.
    pub maxmemory_policy: String,
    /// Jobs that no worker has taken yet.
    pub waiting: usize,
}

/// What the parts share.
struct Hub {
    link: Link,
    keys: Keys,
    host: String,
    clock: Arc<dyn Clock>,
    notices: Notices,
    wake: Arc<watch::Sender<()>>,
    /// Jobs that Redis did not take.
    strays: Lines<mpsc::Sender<Job>>,
    /// Ends with the queue.
    _listener: AbortOnDropHandle<()>,
}

/// A queue through Redis. If Redis does not answer yet, that is logged, and the queue works as soon as it does.
///
/// # Errors
/// [`QueueError::BadUrl`].
pub async fn redis(options: RedisOptions, clock: Arc<dyn Clock>) -> Result<Queue, QueueError> {
    let link = Link::new(&options.url)?;
    let keys = Keys::new(&options.prefix);
    let notices = Notices::new();
    let wake = Arc::new(watch::Sender::new(()));
    let mut subscribed = wake.subscribe();

    let ears = Ears { link: link.clone(), keys: keys.clone(), notices: notices.clone(), wake: Arc::clone(&wake) };
    let listener = AbortOnDropHandle::new(tokio::spawn(ears.listen()));
    // A subscription begins with a wake. Without one the listener has said why, and goes on trying.
    let _ = tokio::time::timeout(FIRST_SUBSCRIPTION, subscribed.changed()).await;

    let (runs, runs_astray) = mpsc::channel(MOST_STRAYS);
    let (batches, batches_astray) = mpsc::channel(MOST_STRAYS);
    let (strays, astray) = (Lines { runs, batches }, Lines { runs: runs_astray, batches: batches_astray });
    let hub = Hub { link, keys, host: options.host, clock, notices: notices.clone(), wake, strays, _listener: listener };
    let hub = Arc::new(hub);
    let producer = Arc::new(Producer::new(Arc::clone(&hub)));
    Ok(Queue { ring: producer.clone(), take: Arc::new(Worker::new(hub, astray)), depth: producer, notices })
}

/// Asks Redis about itself, on a connection of its own.
///
/// # Errors
/// [`QueueError::BadUrl`]; [`QueueError::Unavailable`] if it does not answer within a few seconds.
pub async fn inspect(options: &RedisOptions) -> Result<RedisFacts, QueueError> {
    let client = Link::new(&options.url)?.client().clone();
    let mut redis = client.get_multiplexed_async_connection_with_config(&brief()).await.map_err(unavailable)?;
    // INFO and not CONFIG GET, which hosted servers often forbid.
    let version = info(&mut redis, "server", "redis_version").await.map_err(unavailable)?;
    let maxmemory_policy = info(&mut redis, "memory", "maxmemory_policy").await.map_err(unavailable)?;
    let mut waiting = 0;
    for line in Keys::new(&options.prefix).lines() {
        waiting += redis.llen(line.config().active_jobs_list()).await.map_err(unavailable)?;
    }
    Ok(RedisFacts { version, maxmemory_policy, waiting })
}

/// One line of a section of `INFO`.
async fn info(redis: &mut MultiplexedConnection, section: &str, key: &str) -> RedisResult<String> {
    let text: String = redis::cmd("INFO").arg(section).query_async(redis).await?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    Ok(value.unwrap_or_default().to_owned())
}
