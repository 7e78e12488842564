//! What apalis-redis never deletes: ended jobs, and what is left of lost workers. Done in small steps, beside every worker; several
//! processes doing it at once do no harm.
//!
//! Only ids in the sets of ended jobs are deleted, never the body of an id that may still be queued: an id without a body kills
//! whoever fetches it. The library's own `vacuum` does just that, and walks through everything in one go.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::Script;
use tokio::time::{MissedTickBehavior, interval};

use super::Hub;
use super::keys::LineKeys;
use crate::queue::QueueError;

const EVERY: Duration = Duration::from_mins(1);
/// Ended jobs and workers' names are left alone for so long. Seconds.
const GRACE: i64 = 60;
/// How many ids one step looks at.
const STEP: usize = 200;

static PRUNE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("prune.lua")));
static REAP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("reap.lua")));

/// Tidies up now, and then every minute.
pub(super) async fn upkeep(hub: Arc<Hub>) {
    let mut turn = interval(EVERY);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        if let Err(error) = tidy(&hub).await {
            tracing::debug!("Redis was not tidied up this time: {error}");
        }
    }
}

async fn tidy(hub: &Hub) -> Result<(), QueueError> {
    for line in hub.keys.lines() {
        tidy_line(hub, &line).await?;
    }
    Ok(())
}

async fn tidy_line(hub: &Hub, line: &LineKeys) -> Result<(), QueueError> {
    let before = hub.clock.now().timestamp() - GRACE;
    let config = line.config();
    for ended in [config.done_jobs_set(), config.dead_jobs_set()] {
        let mut cursor = "0".to_owned();
        loop {
            let mut step = PRUNE.prepare_invoke();
            step.key(&ended).key(config.job_data_hash()).key(config.job_meta_hash()).arg(cursor).arg(STEP).arg(before);
            cursor = hub.link.with(|mut redis| async move { step.invoke_async(&mut redis).await }).await?;
            if cursor == "0" {
                break;
            }
        }
    }
    let mut reap = REAP.prepare_invoke();
    reap.key(line.started()).key(config.workers_set()).key(line.worker_metadata()).arg(before).arg(STEP);
    hub.link.with(|mut redis| async move { reap.invoke_async::<()>(&mut redis).await }).await
}
