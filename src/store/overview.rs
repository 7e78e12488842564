//! The handle of the overview: what each day brought, and what may need a person. Every read is as quick with a million members as with ten.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::StoreError;
use super::columns::Columns;
use crate::domain::Run;

/// How many members came and went on a day: those that runs which ended on it made, brought back, or marked as left. A departure that is
/// undone counts as a return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCounts {
    /// The day, UTC.
    pub day: NaiveDate,
    /// New, or returned.
    pub joined: i64,
    /// Departed.
    pub left: i64,
}

/// The full lists that say how things stand. Decisions, dry runs and single members are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Landmarks {
    /// The one that was filed last.
    pub filed: Option<Run>,
    /// Of those that ended by themselves, the one that was filed last: it was applied, it is held, or it failed.
    pub ended: Option<Run>,
    /// Of those that were applied, the one with the newest evidence. If it is held, its departures wait for a person.
    pub applied: Option<Run>,
}

/// Conflicts of accounts that wait for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenConflicts {
    /// How many.
    pub count: i64,
    /// When the oldest was noted.
    pub since: DateTime<Utc>,
}

/// Reads for the overview.
#[async_trait]
pub trait Overview: Send + Sync + 'static {
    /// What the days from `since` on brought, the oldest first; those that brought nothing are missing. Nothing is counted before the first
    /// full list was applied, nor is that list.
    async fn days(&self, since: NaiveDate) -> Result<Vec<DayCounts>, StoreError>;

    /// The full lists that say how things stand.
    async fn landmarks(&self) -> Result<Landmarks, StoreError>;

    /// Conflicts of accounts, if there are any.
    async fn open_conflicts(&self) -> Result<Option<OpenConflicts>, StoreError>;
}

/// The moment a day begins at, as the databases keep days.
pub(super) fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

pub(super) fn day(row: &impl Columns) -> Result<DayCounts, StoreError> {
    Ok(DayCounts { day: row.time("day")?.date_naive(), joined: row.int("joined")?, left: row.int("departed")? })
}

pub(super) fn open_conflicts(row: &impl Columns) -> Result<Option<OpenConflicts>, StoreError> {
    let count = row.int("count")?;
    Ok(row.opt_time("since")?.map(|since| OpenConflicts { count, since }))
}
