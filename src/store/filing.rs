//! The handle of `intake`: from a list that is coming in to a run that is filed.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Interaction, StaffNote, StoreError};
use crate::domain::{Act, Counts, Mode, RunId, Source};

/// A slice of a run's members, encoded.
#[derive(Debug, Clone)]
pub struct StagedBatch {
    /// Its place in the run, from 0.
    pub batch: i32,
    /// Members in it.
    pub members: i64,
    /// What [`encode_payload`](super::encode_payload) made of them.
    pub payload: Vec<u8>,
}

/// Entries of one batch that a later batch of the same run replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The batch they stand in.
    pub batch: i32,
    /// Their ids.
    pub ids: Vec<i64>,
}

/// A run about to be filed.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its id; batches staged under it become its batches.
    pub id: RunId,
    /// Where its evidence came from.
    pub source: Source,
    /// What it may conclude.
    pub mode: Mode,
    /// What a person decided of another run, if that is what it is about. The decision's ids, if it names any, are its one batch.
    pub decision: Option<Decision>,
    /// Departures are believed however many they are; an empty list is not.
    pub allow_mass_departure: bool,
    /// The key under which a repeated request is to find this run.
    pub idempotency: Option<Idempotency>,
    /// The command that is to be replied to when this run ends, or the one that it joins.
    pub reply: Option<Interaction>,
    /// The act of staff that it comes from.
    pub noted: Option<StaffNote>,
    /// Who asked, or empty.
    pub requested_by: String,
    /// When its evidence was true.
    pub observed_at: DateTime<Utc>,
    /// Now.
    pub created_at: DateTime<Utc>,
    /// Distinct members in all batches.
    pub members_total: i64,
    /// Number of batches.
    pub batches_total: i32,
    /// Known already: `total_received`, `duplicates`, `skipped`.
    pub counts: Counts,
}

/// What a person decided of a run's departures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What.
    pub act: Act,
    /// Of which run.
    pub target: RunId,
}

/// A request's `Idempotency-Key`, and what it came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key.
    pub key: String,
    /// SHA-256 of the inflated body.
    pub body_hash: [u8; 32],
}

/// How long an `Idempotency-Key` is remembered (design 3.3).
pub const KEY_LIFETIME: TimeDelta = TimeDelta::days(1);

/// What became of a run that was to be filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filed {
    /// It is filed.
    New,
    /// It is not: the same key and body filed this run before.
    Repeat(RunId),
    /// It is not: the key came with another body before.
    KeyReused,
    /// It is not: a list is being fetched from Discord already, or is about to be; it joins that run.
    Joined(RunId),
}

/// What became of a run that was to be cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// It is cancelled. Runs that may go on now.
    Done(Vec<RunId>),
    /// It had ended before.
    Ended,
    /// There is no such run.
    Unknown,
}

/// A wish to file a failed run anew, from the list that is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The run that failed.
    pub failed: RunId,
    /// The new one.
    pub id: RunId,
    /// Who asked, or empty.
    pub requested_by: String,
    /// The act of staff that it comes from.
    pub noted: Option<StaffNote>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retried {
    /// The new run is filed: with the same evidence of the same time, and leave to conclude the same.
    Filed,
    /// Nothing is filed: no list of a run that failed is known by this id. A list from Discord is fetched anew instead, and a decision made anew.
    NotFailed,
    /// Nothing is filed: its list is no longer kept.
    Gone,
}

/// What a list without some of its batches is answered: those in them must not be taken for departed.
pub(super) fn not_whole() -> StoreError {
    StoreError::Refused(
        "parts of the list were removed before the last of it had come in; nothing was changed, send the list again, faster"
            .into(),
    )
}

/// Stages batches and files runs.
#[async_trait]
pub trait Filing: Send + Sync + 'static {
    /// Keeps a batch of a list that is still coming in. It has no effect until its run is filed, and is swept if it never is.
    async fn stage_batch(&self, run: RunId, batch: &StagedBatch, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Files the run with the batches staged so far and `last`, in one transaction: from here on it will be carried out.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if that makes other than `batches_total` batches: some have been swept, because the list took too long.
    async fn file_run(&self, run: &NewRun, last: &[StagedBatch], dropped: &[Dropped]) -> Result<Filed, StoreError>;

    /// Files a failed run anew.
    async fn retry_run(&self, retry: &Retry, now: DateTime<Utc>) -> Result<Retried, StoreError>;

    /// Ends a run that has not ended: what it had applied stays, nobody is marked as left. The run says who wanted it, if that is told; an act
    /// of staff is noted in the same transaction.
    async fn cancel_run(
        &self,
        run: RunId,
        requested_by: &str,
        noted: Option<&StaffNote>,
        now: DateTime<Utc>,
    ) -> Result<Cancelled, StoreError>;

    /// Whether the run has been filed: for who asked for it and never heard the answer.
    async fn is_filed(&self, run: RunId) -> Result<bool, StoreError>;

    /// Removes what was staged for a run that is not going to be filed.
    async fn discard_staged(&self, run: RunId) -> Result<(), StoreError>;
}
