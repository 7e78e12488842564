//! Files a full sync after whatever the gateway cannot have told: a start, a session that could not be resumed, changes that had to be dropped.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Desk, STEP};
use crate::domain::{Run, RunState};
use crate::intake::Fetch;

/// How soon it is looked again when the database did not answer, or when the sync that is under way began too early to count.
const AGAIN: TimeDelta = TimeDelta::seconds(10);

/// The wish for a full sync.
pub(super) struct CatchUp {
    /// Since when there is something to catch up on: a sync that begins later does.
    since: Mutex<Option<DateTime<Utc>>>,
    wished: Notify,
}

/// What is to be done about a wish.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// A sync that began late enough has brought its list, or has failed for good.
    Covered,
    /// It is too early for another one, or one is under way.
    Wait(TimeDelta),
    /// File one.
    File,
}

impl CatchUp {
    pub fn new() -> Self {
        Self { since: Mutex::new(None), wished: Notify::new() }
    }

    /// Says that what happened until `now` may be missing.
    pub fn wish(&self, now: DateTime<Utc>) {
        *self.since() = Some(now);
        self.wished.notify_one();
    }

    /// Files full syncs as they are wished for, until `stop`. A wish that is open then is taken up by the next start, which makes one of its own.
    pub async fn run(&self, desk: &Desk, stop: &CancellationToken) {
        let filing = async {
            loop {
                self.wished.notified().await;
                loop {
                    let Some(since) = *self.since() else { break };
                    match next_step(desk, since).await {
                        Some(rest) => sleep(rest.to_std().unwrap_or_default()).await,
                        None => self.met(since),
                    }
                }
            }
        };
        let _ = stop.run_until_cancelled(filing).await;
    }

    /// Drops a wish that is met, unless there has been a newer one.
    fn met(&self, wish: DateTime<Utc>) {
        let mut since = self.since();
        if *since == Some(wish) {
            *since = None;
        }
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Option<DateTime<Utc>>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what is to be done about a wish; answers how long to wait before it is looked at again, or `None` if it is met.
async fn next_step(desk: &Desk, since: DateTime<Utc>) -> Option<TimeDelta> {
    let Ok(Ok(last)) = timeout(STEP, desk.tools.read.last_fetch()).await else { return Some(AGAIN) };
    match judge(last.as_ref(), since, desk.tools.clock.now(), desk.options.pace.full_sync) {
        Next::Covered => None,
        Next::Wait(rest) => Some(rest),
        Next::File => match timeout(STEP, desk.tools.intake.file_fetch(String::new(), false)).await {
            Ok(Ok(Fetch::New(run))) => {
                tracing::info!(%run, "filed a full sync, to catch up on what the gateway may not have told");
                // Met once it has brought its list.
                Some(AGAIN)
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "a full sync could not be filed; the next try follows");
                Some(AGAIN)
            }
            // What was joined began too early: looked at again, it counts for the time since its beginning only.
            Ok(Ok(Fetch::Joined(_))) | Err(_) => Some(AGAIN),
        },
    }
}

/// What is to be done about a wish of `since`, where `last` is the full sync from Discord that was filed last.
fn judge(last: Option<&Run>, since: DateTime<Utc>, now: DateTime<Utc>, distance: TimeDelta) -> Next {
    let Some(last) = last else { return Next::File };
    // What is still queued will begin later than any wish.
    if last.state == RunState::Queued || last.started_at.unwrap_or(last.created_at) >= since {
        match last.state {
            RunState::Queued | RunState::Fetching | RunState::Applying | RunState::Finishing => return Next::Wait(AGAIN),
            RunState::Failed if is_passing(last) => {}
            // What failed for a reason that will not pass would fail again.
            _ => return Next::Covered,
        }
    }
    let due = last.created_at + distance;
    if due > now { Next::Wait(due - now) } else { Next::File }
}

/// Whether a sync failed because Discord was away for a while.
fn is_passing(run: &Run) -> bool {
    const PASSING: [&str; 4] = ["discord_unavailable", "stood_still", "bad_answer", "blocked"];
    run.error.as_ref().is_some_and(|error| PASSING.contains(&error.code.as_str()))
}

#[cfg(test)]
mod tests;
