//! The handle of whoever looks after the processes: who has which duty, and what waits for a worker.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use super::columns::{Columns, word};
use crate::domain::{Act, Mode, RunId, RunState, Source};

/// A duty that one process has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// The duty.
    pub name: String,
    /// The process that has it.
    pub holder: String,
}

/// A run that has not ended, and its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// Its id.
    pub id: RunId,
    /// Where its evidence came from.
    pub source: Source,
    /// What it may conclude.
    pub mode: Mode,
    /// What a person decided, if that is what it is.
    pub act: Option<Act>,
    /// How far it has come.
    pub state: RunState,
    /// When it was filed.
    pub created_at: DateTime<Utc>,
    /// Steps that no worker is at.
    pub waiting: i64,
    /// Steps that a worker is at.
    pub at_work: i64,
}

/// What waits for workers. A step is the taking up of a run, a batch, a fetch from Discord, or a finish.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Runs that have not ended.
    pub runs: i64,
    /// Steps of theirs that no worker is at.
    pub waiting: i64,
    /// Steps of theirs that a worker is at.
    pub at_work: i64,
    /// When the oldest run with a step that waits was filed.
    pub oldest: Option<DateTime<Utc>>,
    /// Those runs that are under way, and then those that wait in the order of their turn; the first of them.
    pub first: Vec<OpenRun>,
}

/// Reads about processes and their work. The processes themselves are told by [`Read::processes`](super::Read::processes).
#[async_trait]
pub trait Fleet: Send + Sync + 'static {
    /// Who has which duty at `now`.
    async fn duties(&self, now: DateTime<Utc>) -> Result<Vec<Duty>, StoreError>;

    /// What waits at `now`, with the first `limit` runs.
    async fn backlog(&self, now: DateTime<Utc>, limit: i64) -> Result<Backlog, StoreError>;
}

pub(super) fn duty(row: &impl Columns) -> Result<Duty, StoreError> {
    Ok(Duty { name: row.text("name")?, holder: row.text("holder")? })
}

/// Every row has the sums of all.
pub(super) fn backlog(rows: &[impl Columns]) -> Result<Backlog, StoreError> {
    let Some(any) = rows.first() else { return Ok(Backlog::default()) };
    Ok(Backlog {
        runs: any.int("all_runs")?,
        waiting: any.int("all_waiting")?,
        at_work: any.int("all_at_work")?,
        oldest: any.opt_time("oldest")?,
        first: rows.iter().map(open_run).collect::<Result<_, _>>()?,
    })
}

fn open_run(row: &impl Columns) -> Result<OpenRun, StoreError> {
    Ok(OpenRun {
        id: row.run_id("id")?,
        source: word(&row.text("source")?, Source::from_word, "run source")?,
        mode: word(&row.text("mode")?, Mode::from_word, "run mode")?,
        act: row.opt_text("act")?.map(|text| word(&text, Act::from_word, "decision")).transpose()?,
        state: word(&row.text("state")?, RunState::from_word, "run state")?,
        created_at: row.time("created_at")?,
        waiting: row.int("waiting")?,
        at_work: row.int("at_work")?,
    })
}
