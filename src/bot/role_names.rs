//! Renews the names of the guild's roles when the gateway tells that a role was made, changed or removed.
//!
//! All are fetched, not the one that was told of: their order changes with each, and a lost event then costs nothing but time. However many are told
//! of, there is no more than a fetch in a second.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Desk, STEP};

/// The least time between two fetches.
const DISTANCE: Duration = Duration::from_secs(1);
/// Pauses after a fetch failed, doubled from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// The wish for the names of the roles.
pub(super) struct RoleNames {
    wished: Notify,
}

impl RoleNames {
    pub fn new() -> Self {
        Self { wished: Notify::new() }
    }

    /// Says that a role is another. Never waits.
    pub fn wish(&self) {
        self.wished.notify_one();
    }

    /// Renews the names as it is wished for, until `stop`. A wish that is open then is met by the full sync after the next start.
    pub async fn run(&self, desk: &Desk, stop: &CancellationToken) {
        let renewing = async {
            loop {
                self.wished.notified().await;
                // Whoever moves one role moves several.
                sleep(desk.options.pace.gather).await;
                let mut pause = PAUSES.0;
                while !renew(desk).await {
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
                sleep(DISTANCE).await;
            }
        };
        let _ = stop.run_until_cancelled(renewing).await;
    }
}

/// Fetches the roles and keeps their names; `false` if it may succeed later.
async fn renew(desk: &Desk) -> bool {
    let roles = match timeout(STEP, desk.tools.rest.roles(desk.options.guild)).await {
        Ok(Ok(roles)) => roles,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the names of the roles could not be fetched");
            return !error.is_transient();
        }
        Err(_) => return false,
    };
    match timeout(STEP, desk.tools.roles.replace_roles(&roles)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the names of the roles could not be kept");
            false
        }
        Err(_) => false,
    }
}
