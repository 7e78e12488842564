//! Runs that are being looked at.
//!
//! Enters: who wants to look at which run. Leaves: the run as it stands, again and again, until it ends. One task watches each run, however
//! many people look at it; it ends with the run, or when nobody looks any more. How many may look at once is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};

use super::PagesState;
use crate::domain::{Run, RunId};
use crate::store::{RunWork, StoreError};

/// A run is looked at so often at most, however often it changes.
const PACE: Duration = Duration::from_millis(250);

/// A run as it stands.
pub(in crate::http) struct Live {
    pub(in crate::http) run: Run,
    pub(in crate::http) work: RunWork,
    /// When it was looked at.
    pub(in crate::http) at: DateTime<Utc>,
}

impl Live {
    /// Looks at a run; `None` if it is not there.
    pub(in crate::http) async fn look(state: &PagesState, id: RunId) -> Result<Option<Self>, StoreError> {
        let Some(run) = state.read.run(id).await? else { return Ok(None) };
        Ok(Some(Self { run, work: state.runs.run_work(id).await?, at: state.clock.now() }))
    }
}

type Seen = Option<Arc<Live>>;
type Watched = Arc<Mutex<HashMap<RunId, watch::Sender<Seen>>>>;

/// The runs that are being looked at.
pub(in crate::http) struct ProgressBoard {
    watched: Watched,
    viewers: Arc<Semaphore>,
}

/// Somebody's look at a run.
pub(in crate::http) struct Viewing {
    /// Changes with the run; closed once nothing more is to come.
    pub(in crate::http) seen: watch::Receiver<Seen>,
    _place: OwnedSemaphorePermit,
}

impl ProgressBoard {
    /// A board for so many viewers.
    pub(in crate::http) fn new(viewers: u32) -> Self {
        Self { watched: Arc::default(), viewers: Arc::new(Semaphore::new(viewers as usize)) }
    }

    /// Looks at a run; `None` if too many are looking already.
    pub(in crate::http) fn view(&self, state: &PagesState, run: RunId) -> Option<Viewing> {
        let place = Arc::clone(&self.viewers).try_acquire_owned().ok()?;
        let mut watched = lock(&self.watched);
        let mut seen = if let Some(sender) = watched.get(&run) {
            sender.subscribe()
        } else {
            let (sender, seen) = watch::channel(None);
            watched.insert(run, sender);
            tokio::spawn(watch(state.clone(), run, Arc::clone(&self.watched)));
            seen
        };
        // What has been seen so far is news to whoever comes later.
        seen.mark_changed();
        Some(Viewing { seen, _place: place })
    }
}

fn lock(watched: &Watched) -> MutexGuard<'_, HashMap<RunId, watch::Sender<Seen>>> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells all who look at a run how it stands, until it has ended or nobody looks any more.
async fn watch(state: PagesState, run: RunId, watched: Watched) {
    let mut changes = state.follow.changes(run);
    loop {
        let next = Instant::now() + PACE;
        let looked = Live::look(&state, run).await;
        // Both under one lock, so that whoever comes now finds either this watcher or the place free for another.
        let is_over = {
            let mut watched = lock(&watched);
            let Some(sender) = watched.get(&run) else { return };
            let is_over = match looked {
                Ok(Some(live)) => {
                    let has_ended = live.run.state.has_ended();
                    sender.send_replace(Some(Arc::new(live)));
                    has_ended
                }
                Ok(None) => true,
                Err(error) => {
                    tracing::debug!(%run, %error, "a run that is looked at could not be read just now");
                    false
                }
            };
            let is_over = is_over || sender.receiver_count() == 0;
            if is_over {
                watched.remove(&run);
            }
            is_over
        };
        if is_over {
            return;
        }
        changes.next().await;
        sleep_until(next).await;
    }
}
