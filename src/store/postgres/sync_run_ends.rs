//! `sync_runs`: how runs end: claims of the last step, failure, cancellation, and steps that are set aside. What the last step does stands in
//! `finishes`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row as _};

use super::daily_counts::ADD;
use super::links::link_made;
use super::presence::{CHANGE, CHANGED};
use super::sync_runs::may_go_on;
use super::turns::{lock_evidence, lock_guild};
use super::{Postgres, guild_members, presence, staff_log, sync_batches};
use crate::domain::{Counts, HeldReason, RunError, RunId, RunState};
use crate::store::columns::Columns as _;
use crate::store::decisions::broke_off;
use crate::store::overview::midnight;
use crate::store::work::CLOCKS;
use crate::store::{Cancelled, FinishClaim, MAX_CLAIMS, StaffNote, StoreError};

/// A run with a step whose claims are used up and have all ended without an outcome, at $1, with $2 claims.
const EXHAUSTED: &str = "
r.finished_at IS NULL AND (
    r.state IN ('fetching', 'finishing') AND r.attempts >= $2 AND r.lease_until < $1
    OR r.state IN ('fetching', 'applying') AND EXISTS (SELECT FROM sync_batches b WHERE b.run_id = r.id AND b.attempts >= $2
        AND (b.state = 'pending' OR b.state = 'running' AND b.lease_until < $1)))";

/// How a run ends.
pub(super) struct End<'a> {
    pub state: RunState,
    pub held: Option<HeldReason>,
    pub counts: &'a Counts,
    pub warning: Option<&'a str>,
    pub error: Option<&'a RunError>,
    /// By how many more or less are present now, if that is not counted: `total_active` is found from it.
    pub change: Option<i64>,
}

/// Writes a run's counts and its end, forgets its members unless it failed, and adds what it did to how many are present and to its day. One
/// statement, since others wait for those two; answers how many are present.
pub(super) async fn end(connection: &mut PgConnection, run: RunId, end: End<'_>, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let counts = end.counts;
    let sql = format!(
        "WITH present AS ({CHANGE}), day AS ({ADD}), cleared AS (
             UPDATE sync_batches SET payload = NULL WHERE run_id = $1 AND $2 <> 'failed' AND payload IS NOT NULL
         )
         UPDATE sync_runs SET state = $2, held_reason = $3, finished_at = $4, lease_until = NULL, created = $5, updated = $6,
             marked_left = $7, rejoined = $8, unchanged = $9, linked = $10, unlinked = $11,
             total_active = CASE WHEN $22::bigint IS NULL THEN $12 ELSE {CHANGED} END, deferred = $13,
             departures_held = $14, dismissed = $15, skipped = greatest(skipped, $16), error_code = $17, error_message = $18,
             warnings = CASE WHEN $19::text IS NULL THEN warnings ELSE warnings || jsonb_build_array($19) END
         WHERE id = $1 RETURNING total_active"
    );
    let active = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(run.uuid())
        .bind(end.state.as_str())
        .bind(end.held.map(HeldReason::as_str))
        .bind(now)
        .bind(counts.created)
        .bind(counts.updated)
        .bind(counts.marked_left)
        .bind(counts.rejoined)
        .bind(counts.unchanged)
        .bind(counts.linked)
        .bind(counts.unlinked)
        .bind(counts.total_active)
        .bind(counts.deferred)
        .bind(counts.departures_held)
        .bind(counts.dismissed)
        .bind(counts.skipped)
        .bind(end.error.map(|error| error.code.as_str()))
        .bind(end.error.map(|error| error.message.as_str()))
        .bind(end.warning)
        .bind(midnight(now.date_naive()))
        .bind(counts.created + counts.rejoined)
        .bind(end.change)
        .fetch_one(connection)
        .await?;
    Ok(active)
}

/// Adds to what a person should know of a run.
pub(super) async fn warn(connection: &mut PgConnection, run: RunId, warning: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_runs SET warnings = warnings || jsonb_build_array($2::text) WHERE id = $1")
        .bind(run.uuid())
        .bind(warning)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a run that has not ended before its steps were done: what they did stays, and whom they made is linked. `false` if it had ended.
async fn break_off(
    connection: &mut PgConnection,
    run: RunId,
    state: RunState,
    error: Option<&RunError>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    // Waits for a batch that is just being marked as applied.
    let open = sqlx::query_scalar(
        "SELECT mode = 'full' AND state <> 'queued' FROM sync_runs WHERE id = $1 AND finished_at IS NULL FOR UPDATE",
    )
    .bind(run.uuid())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(at_work) = open else { return Ok(false) };
    let mut counts = sync_batches::sum(&mut *connection, run).await?;
    counts.total_active = guild_members::active(&mut *connection).await?;
    // A batch that is just being applied waits for this with rows of its own in hand; none of those is among these.
    (counts.linked, counts.unlinked) = link_made(&mut *connection, run, now).await?;
    end(&mut *connection, run, End { state, held: None, counts: &counts, warning: None, error, change: None }, now).await?;
    staff_log::settle(connection, run, broke_off(state)).await?;
    // Beside a roster at work there is no other.
    if at_work {
        presence::keep(connection, counts.total_active).await?;
    }
    Ok(true)
}

/// Whether a finish is still claimed; if so it stays that until the transaction ends.
pub(super) async fn still_claimed(connection: &mut PgConnection, claim: &FinishClaim) -> Result<bool, StoreError> {
    let found = sqlx::query("SELECT 1 FROM sync_runs WHERE id = $1 AND state = 'finishing' AND attempts = $2 FOR UPDATE")
        .bind(claim.run.uuid())
        .bind(claim.attempt)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

impl Postgres {
    pub(in crate::store) async fn claim_end(
        &self,
        run: RunId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<FinishClaim>, StoreError> {
        let row = sqlx::query(
            "UPDATE sync_runs SET state = 'finishing', attempts = attempts + 1, lease_until = $3, started_at = COALESCE(started_at, $2),
                 applied_at = COALESCE(applied_at, $2)
             WHERE id = $1 AND attempts < $4 AND (mode = 'delta' AND state = 'queued' OR state = 'finishing' AND lease_until < $2
                 OR state = 'applying' AND NOT EXISTS (SELECT FROM sync_batches WHERE run_id = $1 AND state <> 'applied'))
             RETURNING attempts, observed_at",
        )
        .bind(run.uuid())
        .bind(now)
        .bind(lease_until)
        .bind(MAX_CLAIMS)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(FinishClaim { run, attempt: row.try_get("attempts")?, observed_at: row.time("observed_at")? }))
    }

    pub(in crate::store) async fn renew_end(&self, claim: &FinishClaim, lease_until: DateTime<Utc>) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE sync_runs SET lease_until = $3 WHERE id = $1 AND state = 'finishing' AND attempts = $2")
            .bind(claim.run.uuid())
            .bind(claim.attempt)
            .bind(lease_until)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    pub(in crate::store) async fn release_end(
        &self,
        claim: &FinishClaim,
        blameless: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sync_runs SET lease_until = $4, rung_at = $5, attempts = attempts - $3
             WHERE id = $1 AND state = 'finishing' AND attempts = $2",
        )
        .bind(claim.run.uuid())
        .bind(claim.attempt)
        .bind(i32::from(blameless))
        .bind(now - CLOCKS)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(in crate::store) async fn fail(
        &self,
        run: RunId,
        error: &RunError,
        now: DateTime<Utc>,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
        lock_evidence(&mut tx).await?;
        break_off(&mut tx, run, RunState::Failed, Some(error), now).await?;
        let next = may_go_on(&mut tx).await?;
        tx.commit().await?;
        Ok(next)
    }

    pub(in crate::store) async fn set_exhausted_aside(
        &self,
        run: RunId,
        error: &RunError,
        now: DateTime<Utc>,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
        lock_evidence(&mut tx).await?;
        // Waits for a batch that is just being marked as applied.
        sqlx::query("SELECT FROM sync_runs WHERE id = $1 FOR UPDATE").bind(run.uuid()).execute(&mut *tx).await?;
        // Looked at again: what held the claim may have come to its end since.
        let exhausted = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT 1 FROM sync_runs r WHERE r.id = $3 AND {EXHAUSTED}")))
            .bind(now)
            .bind(MAX_CLAIMS)
            .bind(run.uuid())
            .fetch_optional(&mut *tx)
            .await?;
        if exhausted.is_some() {
            break_off(&mut tx, run, RunState::Failed, Some(error), now).await?;
        }
        let next = may_go_on(&mut tx).await?;
        tx.commit().await?;
        Ok(next)
    }

    pub(in crate::store) async fn fail_unfetched(
        &self,
        run: RunId,
        error: &RunError,
        now: DateTime<Utc>,
        since: DateTime<Utc>,
    ) -> Result<Option<Vec<RunId>>, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
        lock_evidence(&mut tx).await?;
        // Locked, so that nobody claims it meanwhile.
        let unclaimed = sqlx::query(
            "SELECT 1 FROM sync_runs
             WHERE id = $1 AND state = 'fetching' AND (lease_until IS NULL AND started_at < $2 OR lease_until < $2) FOR UPDATE",
        )
        .bind(run.uuid())
        .bind(since)
        .fetch_optional(&mut *tx)
        .await?;
        if unclaimed.is_none() {
            return Ok(None);
        }
        break_off(&mut tx, run, RunState::Failed, Some(error), now).await?;
        let next = may_go_on(&mut tx).await?;
        tx.commit().await?;
        Ok(Some(next))
    }

    pub(in crate::store) async fn cancel(
        &self,
        run: RunId,
        requested_by: &str,
        noted: Option<&StaffNote>,
        now: DateTime<Utc>,
    ) -> Result<Cancelled, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
        lock_evidence(&mut tx).await?;
        let known = sqlx::query("SELECT 1 FROM sync_runs WHERE id = $1").bind(run.uuid()).fetch_optional(&mut *tx).await?;
        if known.is_none() {
            return Ok(Cancelled::Unknown);
        }
        if !break_off(&mut tx, run, RunState::Cancelled, None, now).await? {
            return Ok(Cancelled::Ended);
        }
        if !requested_by.is_empty() {
            warn(&mut tx, run, &format!("Cancelled by {requested_by}.")).await?;
        }
        if let Some(note) = noted {
            staff_log::insert_of_run(&mut tx, note, run, now).await?;
        }
        let next = may_go_on(&mut tx).await?;
        tx.commit().await?;
        Ok(Cancelled::Done(next))
    }

    pub(in crate::store) async fn exhausted_runs(&self, now: DateTime<Utc>) -> Result<Vec<RunId>, StoreError> {
        let ids: Vec<uuid::Uuid> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT r.id FROM sync_runs r WHERE {EXHAUSTED}")))
                .bind(now)
                .bind(MAX_CLAIMS)
                .fetch_all(&self.pool)
                .await?;
        Ok(ids.into_iter().map(RunId::from).collect())
    }
}
