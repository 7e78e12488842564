//! The handle of the pages of runs: lists of them, and what one of them is doing.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::{MemberRow, Mode, Run, RunId, RunState, Source};

/// Which runs, newest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunList {
    /// Only those in this state.
    pub state: Option<RunState>,
    /// Only those with evidence from here.
    pub source: Option<Source>,
    /// Only those that may conclude this.
    pub mode: Option<Mode>,
    /// Also those of single members. Decisions are none.
    pub deltas: bool,
    /// Runs older than this.
    pub before: Option<RunId>,
    /// Runs newer than this: those next to it, the newest of them first.
    pub after: Option<RunId>,
    /// At most this many.
    pub limit: i64,
}

/// How a run is being carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunWork {
    /// When its list had come from Discord; `None` of other lists.
    pub fetched_at: Option<DateTime<Utc>>,
    /// When all its batches were applied.
    pub applied_at: Option<DateTime<Utc>>,
    /// Its batches, by who claimed them last.
    pub shares: Vec<Share>,
    /// Batches that were tried again, those that are not applied first; ten of them at most.
    pub troubles: Vec<Trouble>,
    /// How many there are.
    pub troubled: i64,
    /// Why the fetch of its list was tried again last.
    pub fetch_error: Option<String>,
}

/// How many batches with troubles are told of a run.
pub(super) const TROUBLES: i64 = 10;

/// A batch of which a claim came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its place in the run.
    pub batch: i64,
    /// Its claims so far, but for those whose end was no fault of the batch.
    pub attempts: i64,
    /// The process that claimed it last.
    pub worker: Option<String>,
    /// It is applied by now.
    pub is_applied: bool,
    /// Why the last claim that came to nothing did.
    pub error: String,
}

/// The batches of a run that one process claimed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The process; `None` of batches that wait to be claimed.
    pub worker: Option<String>,
    /// Batches that wait.
    pub waiting: i64,
    /// Batches that it is at.
    pub in_hand: i64,
    /// Batches that are applied.
    pub applied: i64,
    /// Members in applied batches.
    pub members: i64,
    /// Claims beyond the first of a batch.
    pub repeats: i64,
}

/// Reads for the pages of runs.
#[async_trait]
pub trait Runs: Send + Sync + 'static {
    /// A page of runs.
    async fn list_runs(&self, list: &RunList) -> Result<Vec<Run>, StoreError>;

    /// How a run is being carried out, or was; of one that is not there, nothing.
    async fn run_work(&self, run: RunId) -> Result<RunWork, StoreError>;

    /// Whether somebody whom a run marked as left can still be brought back by an undo.
    async fn has_undoable(&self, run: RunId) -> Result<bool, StoreError>;

    /// These members by id, those that there are.
    async fn members_among(&self, ids: &[i64]) -> Result<Vec<MemberRow>, StoreError>;
}
