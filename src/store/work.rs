//! The handle of `worker`: claims steps of runs and concludes them. The only one that writes `guild_members`.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{Departing, FetchClaim, FetchedPage, Findings, StoreError};
use crate::domain::{Counts, Guard, HeldReason, Member, Mode, RunError, RunId, RunState, Verdict};

/// A step that was claimed this often without an outcome is set aside and its run fails: it probably kills its process.
pub const MAX_CLAIMS: i32 = 3;
/// How far the clocks of two machines may be apart: what is given back counts as free since so long ago, so that the other takes it at once.
pub(super) const CLOCKS: TimeDelta = TimeDelta::minutes(1);
/// Why a step was tried again whose worker said nothing.
pub(super) const LEASE_RAN_OUT: &str =
    "the worker's lease ran out: it ended, broke down over this, or could not reach the database";
/// Longest error that is kept of a step. Characters.
const MAX_ERROR: usize = 300;

/// What became of the attempt to take up a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunClaim {
    /// The run is being applied; its batches may be claimed.
    Started {
        /// How many there are.
        batches: i32,
    },
    /// Full rosters apply one at a time, oldest evidence first, and it is not this one's turn. If nothing is being applied, the run
    /// whose turn it is.
    NotYet(Option<RunId>),
    /// A newer roster has been applied: the run has ended. Runs that may go on now.
    Superseded(Vec<RunId>),
    /// Its list is to be fetched from Discord; the fetch may be claimed.
    Fetch,
    /// A delta or a decision: it has no turn to wait for and only one step, its finish.
    Small,
    /// There is nothing to take up: unknown, taken up already, or ended.
    Nothing,
}

/// A claimed batch.
#[derive(Debug, Clone)]
pub struct BatchClaim {
    /// Its run.
    pub run: RunId,
    /// Its place in the run.
    pub batch: i32,
    /// Which claim this is, from 1; the fencing token.
    pub attempt: i32,
    /// When the run's evidence was true.
    pub observed_at: DateTime<Utc>,
    /// The run's mode: a dry run's batches are compared and not written.
    pub mode: Mode,
    /// The encoded members.
    pub payload: Vec<u8>,
    /// Ids whose entry is replaced by a later batch.
    pub dropped: Vec<i64>,
}

/// What applying a batch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchApplied {
    /// `created`, `updated`, `rejoined`, `unchanged`, `deferred`.
    pub counts: Counts,
    /// Batches of the run that are not applied yet.
    pub remaining: i64,
}

/// A claimed finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishClaim {
    /// The run.
    pub run: RunId,
    /// Which claim this is, from 1; the fencing token.
    pub attempt: i32,
    /// When the run's evidence was true.
    pub observed_at: DateTime<Utc>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// `succeeded` or `held`; `failed` for a decision that came too late; `queued` for a small run that must wait until a roster is done: it
    /// has not ended, and is rung then.
    pub state: RunState,
    /// The counts of the whole run.
    pub counts: Counts,
    /// Runs that may go on now.
    pub next: Vec<RunId>,
}

/// A step that nobody seems to be working on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Due {
    /// A queued run.
    Run(RunId),
    /// A batch.
    Batch(RunId, i32),
    /// A run whose batches are all applied.
    Finish(RunId),
}

/// Claims and concludes the steps of runs.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    /// Takes up a queued run, if it is its turn.
    async fn claim_run(&self, run: RunId, now: DateTime<Utc>) -> Result<RunClaim, StoreError>;

    /// Claims a batch that is pending, or whose lease has run out, until `lease_until`. `worker`: the process that claims it.
    async fn claim_batch(
        &self,
        run: RunId,
        batch: i32,
        worker: &str,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<BatchClaim>, StoreError>;

    /// Keeps a batch claimed; `false` if it is no longer ours.
    async fn renew_batch(&self, claim: &BatchClaim, lease_until: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Applies a claimed batch: rows, counts and mark in one transaction. `members` are distinct and sorted by id.
    async fn apply_batch(&self, claim: &BatchClaim, members: &[Member], now: DateTime<Utc>) -> Result<BatchApplied, StoreError>;

    /// Gives a claimed batch back after an error, which is kept. The claim still counts towards [`MAX_CLAIMS`] unless `blameless`.
    async fn release_batch(&self, claim: &BatchClaim, why: &str, blameless: bool, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// As [`renew_batch`](Self::renew_batch), with why the batch cannot be applied.
    async fn blame_batch(&self, claim: &BatchClaim, why: &str, lease_until: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Claims the finish of a run whose batches are all applied, or of a small run.
    async fn claim_finish(
        &self,
        run: RunId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<FinishClaim>, StoreError>;

    /// Keeps a finish claimed; `false` if it is no longer ours.
    async fn renew_finish(&self, claim: &FinishClaim, lease_until: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Judges departures, passes over the links, sums the counts and ends the run, in one transaction. Of a small run: does all of it.
    async fn finish_run(&self, claim: &FinishClaim, guard: Guard, now: DateTime<Utc>) -> Result<Finished, StoreError>;

    /// What a fetched list's departures are, for who asks Discord about them; `None` of a run that is not from Discord.
    async fn departing(&self, claim: &FinishClaim, guard: Guard) -> Result<Option<Departing>, StoreError>;

    /// As [`finish_run`](Self::finish_run), with what was found out about the departures.
    async fn finish_fetched(
        &self,
        claim: &FinishClaim,
        guard: Guard,
        findings: &Findings,
        now: DateTime<Utc>,
    ) -> Result<Finished, StoreError>;

    /// Claims the fetch of a run's list that nobody is at; it goes on where the last one ended.
    async fn claim_fetch(
        &self,
        run: RunId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<FetchClaim>, StoreError>;

    /// Keeps a fetch claimed; `false` if it is no longer ours.
    async fn renew_fetch(&self, claim: &FetchClaim, lease_until: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Notes how many members Discord says there are.
    async fn expect_members(&self, claim: &FetchClaim, expected: u64) -> Result<(), StoreError>;

    /// Keeps a page of the list, which may be applied from now on, in one transaction with the place where the fetch goes on.
    async fn stage_page(&self, claim: &FetchClaim, page: &FetchedPage, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// All pages have come. Answers how many batches are not applied yet.
    async fn end_fetch(&self, claim: &FetchClaim, now: DateTime<Utc>) -> Result<i64, StoreError>;

    /// Gives a claimed fetch back and keeps why. The claim still counts towards [`MAX_CLAIMS`] unless `blameless`.
    async fn release_fetch(&self, claim: &FetchClaim, why: &str, blameless: bool, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Gives a claimed finish back after an error. The claim still counts towards [`MAX_CLAIMS`] unless `blameless`.
    async fn release_finish(&self, claim: &FinishClaim, blameless: bool, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Ends a run that has not ended with an error; answers the runs that may go on now.
    async fn fail_run(&self, run: RunId, error: &RunError, now: DateTime<Utc>) -> Result<Vec<RunId>, StoreError>;

    /// As [`fail_run`](Self::fail_run), if a step of the run is still exhausted; see [`exhausted`](Self::exhausted).
    async fn set_aside(&self, run: RunId, error: &RunError, now: DateTime<Utc>) -> Result<Vec<RunId>, StoreError>;

    /// As [`fail_run`](Self::fail_run), if nobody has been at the fetch of the run's list since before `since`, whoever was before.
    async fn fail_unclaimed(
        &self,
        run: RunId,
        error: &RunError,
        now: DateTime<Utc>,
        since: DateTime<Utc>,
    ) -> Result<Option<Vec<RunId>>, StoreError>;

    /// Steps that nobody seems to be working on (a batch that waits while others of its run are being applied is none) and that were last rung before `rung_before`, oldest first, at most `limit`; they
    /// count as rung now.
    async fn due(&self, now: DateTime<Utc>, rung_before: DateTime<Utc>, limit: i64) -> Result<Vec<Due>, StoreError>;

    /// Runs with a step whose [`MAX_CLAIMS`] claims have all ended without an outcome.
    async fn exhausted(&self, now: DateTime<Utc>) -> Result<Vec<RunId>, StoreError>;
}

/// Why a step came to nothing, as it is kept: one short line. An error of the store has no secrets in it.
pub(super) fn kept_error(why: &str) -> String {
    why.chars().map(|one| if one.is_control() { ' ' } else { one }).take(MAX_ERROR).collect()
}

/// How many rows there are when all batches of a roster are applied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// Present.
    pub present: i64,
    /// Present, with evidence no newer than the roster.
    pub settled: i64,
    /// With newer evidence.
    pub newer: i64,
}

/// Whether the rows are so many as there are if nobody departs: then nobody does, and whom the roster lists need not be looked at one by one. All rows
/// with newer evidence are listed, and were when their batch came to them; so each of the others that are listed is settled. If nobody else is,
/// nobody is missing. `counts`: those of the batches, none of a dry run.
pub(super) fn nobody_departs(counts: &Counts, rows: Rows) -> bool {
    let listed = counts.created + counts.updated;
    listed > 0 && rows.newer == counts.deferred && rows.settled == listed - counts.deferred
}

/// A roster's members, as far as they had to be looked at for its departures.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Their ids, those of unusable entries too; none if nobody departs.
    pub ids: Vec<i64>,
    /// How many they are.
    pub count: usize,
    /// Present members that are not among them.
    pub departed: Vec<i64>,
}

/// A roster whose batches are all applied, as it stands before its departures are judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    /// Distinct members of the list.
    pub listed: usize,
    /// Present rows, with those that the roster made or brought back.
    pub active: i64,
    /// Of them, those that it does not list.
    pub departed: usize,
    /// The request says that departures are to be believed.
    pub allow_mass_departure: bool,
    /// What was found at Discord says that they are not.
    pub doubt: Option<HeldReason>,
}

/// The departures that stand after what was found out about them; the others are left alone, and counted.
pub(super) fn defer_others(counts: &mut Counts, findings: &Findings, departed: Vec<i64>) -> Vec<i64> {
    let all = departed.len();
    let departed = findings.sift(departed);
    counts.deferred += i64::try_from(all - departed.len()).unwrap_or(i64::MAX);
    departed
}

/// How such a roster ends, said once for both databases. Held departures are counted; believed ones are the caller's to mark. The text is a
/// warning that the run is to carry.
pub(super) fn judge(guard: Guard, counts: &mut Counts, roster: Judged) -> (Option<HeldReason>, Option<String>) {
    let Judged { listed, active, departed, allow_mass_departure, doubt } = roster;
    // Those whom this roster made or brought back say nothing about how many may be missing.
    let before = (active - counts.created - counts.rejoined).max(0).cast_unsigned();
    let verdict = match doubt {
        Some(reason) if departed > 0 && listed > 0 => Verdict::Held(reason),
        _ => guard.judge(listed as u64, before, departed as u64),
    };
    match verdict {
        Verdict::Believed => (None, None),
        Verdict::Held(HeldReason::MassDeparture) if allow_mass_departure => {
            let limit = guard.limit(before);
            let warning = format!(
                "The list misses {departed} present members, more than the {limit} that the guard believes; they were marked as left because the \
                 request allowed it."
            );
            (None, Some(warning))
        }
        Verdict::Held(reason) => {
            counts.departures_held = match reason {
                // It speaks of nobody in particular, so of everyone.
                HeldReason::EmptyList => active,
                HeldReason::MassDeparture | HeldReason::IncompleteRoster | HeldReason::Verification => {
                    i64::try_from(departed).unwrap_or(i64::MAX)
                }
            };
            (Some(reason), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_taken_for_present_by_a_number_alone() {
        let counts = Counts { created: 2, updated: 8, deferred: 1, ..Counts::default() };
        let rows = Rows { present: 10, settled: 9, newer: 1 };
        assert!(nobody_departs(&counts, rows));
        // One is missing from the list, and one who is listed has been heard of since.
        assert!(!nobody_departs(&counts, Rows { newer: 2, ..rows }));
        assert!(!nobody_departs(&counts, Rows { settled: 10, ..rows }));
        assert!(!nobody_departs(&Counts::default(), Rows { present: 0, settled: 0, newer: 0 }), "an empty list speaks of nobody");
    }
}
