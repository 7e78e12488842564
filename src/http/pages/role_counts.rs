//! How many members have each role, without counting a large guild for every page.
//!
//! Enters: the ledger. Leaves: the most frequent roles, and whether they were counted just now. As with the [tally](super::tally) a small guild is
//! counted anew each time and a large one beside the pages, none of which waits for it: until it was counted first, nothing is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use super::App;
use super::tally::{FRESH, SHARE, SMALL};
use crate::store::{MemberTally, RoleCount, StoreError};

/// Roles that are known at most: all that a guild can have at Discord, and as many again that only lists know.
const MOST: usize = 500;

/// The roles of members.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct RolesCounted {
    /// The most frequent first.
    pub(in crate::http) counts: Arc<[RoleCount]>,
    /// They are those of now, and not of a while ago.
    pub(in crate::http) is_exact: bool,
}

impl RolesCounted {
    /// How many members have a role, if it is among those that were counted.
    pub(in crate::http) fn members(&self, role: &str) -> Option<i64> {
        self.counts.iter().find(|count| count.role == role).map(|count| count.members)
    }
}

/// What was counted last, and from when on it is too old.
#[derive(Default)]
struct Last {
    counts: Arc<[RoleCount]>,
    until: DateTime<Utc>,
}

/// The last counts.
#[derive(Default)]
pub(in crate::http) struct RoleCounts {
    last: Mutex<Last>,
    /// Somebody is counting.
    is_counting: AtomicBool,
}

impl App {
    /// How many members have each role, in a guild of so many.
    pub(in crate::http) async fn role_counts(self: &Arc<Self>, tally: &MemberTally) -> Result<RolesCounted, StoreError> {
        if tally.present + tally.left <= SMALL {
            return Ok(RolesCounted { counts: self.count_roles().await?, is_exact: true });
        }
        let last = self.role_counts.last.lock().await;
        let is_due = self.state.clock.now() >= last.until;
        if is_due && !self.role_counts.is_counting.swap(true, Ordering::AcqRel) {
            tokio::spawn(count_again(Arc::clone(self)));
        }
        Ok(RolesCounted { counts: Arc::clone(&last.counts), is_exact: false })
    }

    async fn count_roles(&self) -> Result<Arc<[RoleCount]>, StoreError> {
        Ok(self.state.member_lists.count_roles(MOST).await?.into())
    }
}

async fn count_again(app: Arc<App>) {
    let begun = Instant::now();
    match app.count_roles().await {
        Ok(counts) => {
            let good = TimeDelta::from_std(begun.elapsed() * SHARE).unwrap_or(FRESH).max(FRESH);
            let until = app.state.clock.now() + good;
            *app.role_counts.last.lock().await = Last { counts, until };
        }
        Err(error) => tracing::warn!(%error, "roles could not be counted; pages show what was counted last"),
    }
    app.role_counts.is_counting.store(false, Ordering::Release);
}
