//! How many members there are of each kind, without counting a large guild for every page.
//!
//! Enters: the ledger. Leaves: the counts, and when they were true. A guild of up to [`SMALL`] members is counted anew each time, which
//! takes milliseconds. A larger one is counted at most once in [`FRESH`], and no sooner than [`SHARE`] times as long as the last count took, beside the page
//! that finds its counts too old and shows them.
//! Counters that the writers keep would be exact, but every batch of a sync would have to wait for the one before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;

use super::App;
use crate::store::{MemberTally, StoreError};

/// Members, present and left, up to which counting is cheap.
pub(in crate::http) const SMALL: i64 = 20_000;
/// How long counts of a large guild are good.
pub(super) const FRESH: TimeDelta = TimeDelta::seconds(10);
/// Counts are good for as many times as long as they took to count: pages would otherwise wait for the database that counts.
pub(super) const SHARE: u32 = 50;

/// The counts, and when they were true.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Counted {
    pub(in crate::http) tally: MemberTally,
    /// `None` if it was just now.
    pub(in crate::http) as_of: Option<DateTime<Utc>>,
}

impl Counted {
    /// Whether there are so few members that a list of them is counted for its page.
    pub(in crate::http) fn is_small(&self) -> bool {
        self.tally.present + self.tally.left <= SMALL
    }
}

/// What was counted last, and from when on it is too old.
#[derive(Clone, Copy)]
struct Last {
    tally: MemberTally,
    at: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// The last counts.
#[derive(Default)]
pub(in crate::http) struct Tally {
    last: Mutex<Option<Last>>,
    /// Somebody is counting.
    is_counting: AtomicBool,
}

impl App {
    /// How many members there are of each kind.
    pub(in crate::http) async fn tally(self: &Arc<Self>) -> Result<Counted, StoreError> {
        let now = self.state.clock.now();
        // Who comes while the first count is made waits for it instead of counting, too.
        let mut last = self.tally.last.lock().await;
        if let Some(Last { tally, at, until }) = *last
            && tally.present + tally.left > SMALL
        {
            let is_due = now >= until || now < at;
            if is_due && !self.tally.is_counting.swap(true, Ordering::AcqRel) {
                tokio::spawn(count_again(Arc::clone(self)));
            }
            return Ok(Counted { tally, as_of: Some(at) });
        }
        let counted = self.count().await?;
        *last = Some(counted);
        Ok(Counted { tally: counted.tally, as_of: None })
    }

    async fn count(&self) -> Result<Last, StoreError> {
        let (at, begun) = (self.state.clock.now(), Instant::now());
        let tally = self.state.member_lists.tally_members().await?;
        let took = TimeDelta::from_std(begun.elapsed() * SHARE).unwrap_or(FRESH);
        Ok(Last { tally, at, until: at + took.max(FRESH) })
    }
}

async fn count_again(app: Arc<App>) {
    match app.count().await {
        Ok(counted) => *app.tally.last.lock().await = Some(counted),
        Err(error) => tracing::warn!(%error, "members could not be counted; pages show what was counted last"),
    }
    app.tally.is_counting.store(false, Ordering::Release);
}
