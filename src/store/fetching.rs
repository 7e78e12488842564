//! What a fetch from Discord says to the ledger, the same for both databases.

use chrono::{DateTime, Utc};

use super::StagedBatch;
use crate::domain::{DiscordId, HeldReason, Mode, RunId};

/// A claimed fetch: the list of a run that is to come from Discord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchClaim {
    /// The run.
    pub run: RunId,
    /// Which claim this is, from 1; the fencing token.
    pub attempt: i32,
    /// When the fetch began, which is when its list was true.
    pub observed_at: DateTime<Utc>,
    /// The run's mode.
    pub mode: Mode,
    /// The highest id that has come so far; the fetch goes on behind it.
    pub after: Option<DiscordId>,
    /// Batches staged so far; the next one has this number.
    pub batches: i32,
    /// Members in those batches.
    pub members: i64,
}

/// A page of the list, on its way into the ledger.
#[derive(Debug, Clone)]
pub struct FetchedPage {
    /// Its members.
    pub batch: StagedBatch,
    /// Ids of entries that could not be used; whoever they are, they are present.
    pub spared: Vec<i64>,
    /// The highest id of the page.
    pub last: Option<DiscordId>,
    /// Entries.
    pub received: i64,
    /// Entries that had come before.
    pub duplicates: i64,
    /// Entries that could not be used.
    pub skipped: i64,
    /// What a person should know of them. Once a run has twenty, further pages leave none.
    pub warnings: Vec<String>,
}

/// Once a run has so many warnings, further pages of its list leave none; `skipped` counts on.
pub const MAX_WARNINGS: i32 = 20;

/// The departures of a fetched list, before they are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departing {
    /// The run's mode.
    pub mode: Mode,
    /// Distinct members of the list, with those of whom only the id could be used.
    pub listed: u64,
    /// How many members Discord says there are.
    pub expected: Option<u64>,
    /// When the last of the list had come.
    pub listed_at: DateTime<Utc>,
    /// Present members that the list misses, by id.
    pub departed: Vec<DiscordId>,
    /// Whether the guard believes that many.
    pub believed: bool,
}

/// What was found out at Discord about the departures of a fetched list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// All departures are to be held, for this reason.
    pub doubt: Option<HeldReason>,
    /// If every departure was asked for one by one: those that are true. Others are deferred, to be seen by the next list.
    pub gone: Option<Vec<i64>>,
}

impl Findings {
    /// Of the departures found in the end those that stand.
    pub(super) fn sift(&self, departed: Vec<i64>) -> Vec<i64> {
        let Some(gone) = &self.gone else { return departed };
        let gone: std::collections::HashSet<i64> = gone.iter().copied().collect();
        departed.into_iter().filter(|id| gone.contains(id)).collect()
    }
}
