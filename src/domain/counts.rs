//! What a sync did, in numbers.

use serde::{Deserialize, Serialize};

/// The counts of a batch or a run. All are numbers of list entries or rows, never negative; `i64` because SQL sums to it.
///
/// `created + updated + skipped + duplicates = total_received`. `rejoined`, `unchanged` and `deferred` are shares of `updated`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Listed ids that had no row.
    pub created: i64,
    /// Listed ids that had a row.
    pub updated: i64,
    /// Active members that the roster did not list and that were marked as left.
    pub marked_left: i64,
    /// Listed members whose row had left and is active again.
    pub rejoined: i64,
    /// Listed members whose row needed no write.
    pub unchanged: i64,
    /// Links made between a member and an account.
    pub linked: i64,
    /// Links removed because the ids no longer match.
    pub unlinked: i64,
    /// Entries of the list.
    pub total_received: i64,
    /// Entries that a later entry of the same list replaced.
    pub duplicates: i64,
    /// Active members after the run, bots included.
    pub total_active: i64,
    /// Entries that could not be used.
    pub skipped: i64,
    /// Listed members that were left alone because newer evidence had been seen.
    pub deferred: i64,
    /// Departures that are kept back.
    pub departures_held: i64,
    /// Departures that were kept back and that a person did not believe.
    pub dismissed: i64,
}

impl Counts {
    /// Listed members whose row was there and differs now, but for those who came back, who are told of as that.
    #[must_use]
    pub fn changed(&self) -> i64 {
        (self.updated - self.unchanged - self.rejoined - self.deferred).max(0)
    }
}
