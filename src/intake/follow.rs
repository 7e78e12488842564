//! Follows a filed run to its end, for whoever waits for its counts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout};

use crate::domain::{Run, RunId};
use crate::queue::Notices;
use crate::store::{Read, StoreError};

/// How long a follower trusts that a notice would have come; notices are lossy.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Why a run could not be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// There is no such run.
    #[error("there is no such run any more")]
    Unknown,
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Follows runs.
#[derive(Clone)]
pub struct Follow {
    read: Arc<dyn Read>,
    notices: Notices,
}

impl Follow {
    /// A follower that reads runs when a notice says that they changed, and now and then without.
    #[must_use]
    pub fn new(read: Arc<dyn Read>, notices: Notices) -> Self {
        Self { read, notices }
    }

    /// The changes of a run from now on.
    #[must_use]
    pub fn changes(&self, id: RunId) -> Changes {
        Changes { id, notices: self.notices.subscribe() }
    }

    /// The run at its end, or as it stands when `patience` is over. `seen` is shown every state on the way.
    ///
    /// # Errors
    /// [`FollowError`] if the run cannot be read.
    pub async fn to_end(&self, id: RunId, patience: Duration, mut seen: impl FnMut(&Run)) -> Result<Run, FollowError> {
        let end = Instant::now() + patience;
        // Listening begins before the first look, so that no change falls between.
        let mut changes = self.changes(id);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.read.run(id).await {
                Ok(None) => return Err(FollowError::Unknown),
                Ok(Some(run)) => {
                    seen(&run);
                    if run.state.has_ended() || left.is_zero() {
                        return Ok(run);
                    }
                }
                // The run goes on; so does who waits for it.
                Err(error) if error.is_transient() && !left.is_zero() => {}
                Err(error) => return Err(error.into()),
            }
            let _ = timeout(left, changes.next()).await;
        }
    }
}

/// The changes of a run.
pub struct Changes {
    id: RunId,
    notices: broadcast::Receiver<RunId>,
}

impl Changes {
    /// Waits until the run may have changed.
    pub async fn next(&mut self) {
        let changed = async {
            loop {
                match self.notices.recv().await {
                    Ok(other) if other != self.id => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let _ = timeout(LOOK_AGAIN, changed).await;
    }
}
