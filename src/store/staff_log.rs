//! The handle of staff's acts: who did what, and when.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::{RunId, StaffAct, StaffEntry};

/// An act of staff that files a run; it is noted with the run, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffNote {
    /// Whose account.
    pub account: i64,
    /// What it is called.
    pub name: String,
    /// What is done.
    pub act: StaffAct,
    /// The run that it is done to; the filed one if `None`.
    pub target: Option<RunId>,
    /// More about it in words, or empty.
    pub detail: String,
}

/// An act to be noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewStaffEntry<'a> {
    /// Whose account; `None` on the command line.
    pub account: Option<i64>,
    /// What it is called.
    pub name: &'a str,
    /// What is done.
    pub act: StaffAct,
    /// What it is done to, or empty.
    pub target: &'a str,
    /// More about it in words, or empty.
    pub detail: &'a str,
}

/// Which part of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaffLogPage {
    /// Only of this account.
    pub account: Option<i64>,
    /// Only acts of this kind.
    pub act: Option<StaffAct>,
    /// Only acts at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Only acts before this time.
    pub until: Option<DateTime<Utc>>,
    /// Only entries with an id below this.
    pub before: Option<i64>,
    /// Only entries with an id above this: those next to it, the newest of them first.
    pub after: Option<i64>,
    /// At most this many.
    pub limit: i64,
}

/// Notes and shows what staff do. An entry stays as it was noted, but that of a decision about departures is told once what came of it;
/// retention removes it.
#[async_trait]
pub trait StaffLog: Send + Sync + 'static {
    /// Notes an act.
    async fn note_act(&self, entry: NewStaffEntry<'_>, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// A page of the log, the newest first.
    async fn acts(&self, page: &StaffLogPage) -> Result<Vec<StaffEntry>, StoreError>;
}
