//! `sync_runs`: how runs end: claims of the last step, failure, cancellation, and steps that are set aside. What the last step does stands in
//! `finishes`.

use chrono::{DateTime, Utc};
use sqlx::{Row as _, SqliteConnection};

use super::links::link_made;
use super::sync_runs::may_go_on;
use super::{Sqlite, daily_counts, guild_members, micros, presence, staff_log, sync_batches};
use crate::domain::{Counts, HeldReason, RunError, RunId, RunState};
use crate::store::columns::Columns as _;
use crate::store::decisions::broke_off;
use crate::store::work::CLOCKS;
use crate::store::{Cancelled, FinishClaim, MAX_CLAIMS, StaffNote, StoreError};

/// A run with a step whose claims are used up and have all ended without an outcome, at ?1, with ?2 claims.
const EXHAUSTED: &str = "
r.finished_at IS NULL AND (
    r.state IN ('fetching', 'finishing') AND r.attempts >= ?2 AND r.lease_until < ?1
    OR r.state IN ('fetching', 'applying') AND EXISTS (SELECT 1 FROM sync_batches b WHERE b.run_id = r.id AND b.attempts >= ?2
        AND (b.state = 'pending' OR b.state = 'running' AND b.lease_until < ?1)))";

/// How a run ends.
pub(super) struct End<'a> {
    pub state: RunState,
    pub held: Option<HeldReason>,
    pub counts: &'a Counts,
    pub warning: Option<&'a str>,
    pub error: Option<&'a RunError>,
}

/// Writes a run's counts and its end, forgets its members unless it failed, and adds what it did to its day.
pub(super) async fn end(
    connection: &mut SqliteConnection,
    run: RunId,
    end: End<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let counts = end.counts;
    sqlx::query(
        "UPDATE sync_runs SET state = ?2, held_reason = ?3, finished_at = ?4, lease_until = NULL, created = ?5, updated = ?6,
             marked_left = ?7, rejoined = ?8, unchanged = ?9, linked = ?10, unlinked = ?11, total_active = ?12, deferred = ?13,
             departures_held = ?14, dismissed = ?15, skipped = max(skipped, ?16), error_code = ?17, error_message = ?18,
             warnings = iif(?19 IS NULL, warnings, json_insert(warnings, '$[#]', ?19))
         WHERE id = ?1",
    )
    .bind(run.to_string())
    .bind(end.state.as_str())
    .bind(end.held.map(HeldReason::as_str))
    .bind(micros(now))
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
    .execute(&mut *connection)
    .await?;
    if end.state != RunState::Failed {
        sync_batches::clear_payloads(&mut *connection, run).await?;
    }
    daily_counts::add(connection, run, counts, now).await
}

/// Adds to what a person should know of a run.
pub(super) async fn warn(connection: &mut SqliteConnection, run: RunId, warning: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_runs SET warnings = json_insert(warnings, '$[#]', ?2) WHERE id = ?1")
        .bind(run.to_string())
        .bind(warning)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a run that has not ended before its steps were done: what they did stays, and whom they made is linked. `false` if it had ended.
async fn break_off(
    connection: &mut SqliteConnection,
    run: RunId,
    state: RunState,
    error: Option<&RunError>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let open =
        sqlx::query_scalar("SELECT mode = 'full' AND state <> 'queued' FROM sync_runs WHERE id = ?1 AND finished_at IS NULL")
            .bind(run.to_string())
            .fetch_optional(&mut *connection)
            .await?;
    let Some(at_work) = open else { return Ok(false) };
    let mut counts = sync_batches::sum(&mut *connection, run).await?;
    counts.total_active = guild_members::active(&mut *connection).await?;
    (counts.linked, counts.unlinked) = link_made(&mut *connection, run, now).await?;
    end(&mut *connection, run, End { state, held: None, counts: &counts, warning: None, error }, now).await?;
    staff_log::settle(connection, run, broke_off(state)).await?;
    // Beside a roster at work there is no other.
    if at_work {
        presence::keep(connection, counts.total_active).await?;
    }
    Ok(true)
}

/// Whether a finish is still claimed; if so it stays that until the transaction ends.
pub(super) async fn still_claimed(connection: &mut SqliteConnection, claim: &FinishClaim) -> Result<bool, StoreError> {
    let found = sqlx::query("SELECT 1 FROM sync_runs WHERE id = ?1 AND state = 'finishing' AND attempts = ?2")
        .bind(claim.run.to_string())
        .bind(claim.attempt)
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

impl Sqlite {
    pub(in crate::store) async fn claim_end(
        &self,
        run: RunId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<FinishClaim>, StoreError> {
        let row = sqlx::query(
            "UPDATE sync_runs SET state = 'finishing', attempts = attempts + 1, lease_until = ?3, started_at = COALESCE(started_at, ?2),
                 applied_at = COALESCE(applied_at, ?2)
             WHERE id = ?1 AND attempts < ?4 AND (mode = 'delta' AND state = 'queued' OR state = 'finishing' AND lease_until < ?2
                 OR state = 'applying' AND NOT EXISTS (SELECT 1 FROM sync_batches WHERE run_id = ?1 AND state <> 'applied'))
             RETURNING attempts, observed_at",
        )
        .bind(run.to_string())
        .bind(micros(now))
        .bind(micros(lease_until))
        .bind(MAX_CLAIMS)
        .fetch_optional(&self.write)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(FinishClaim { run, attempt: row.try_get("attempts")?, observed_at: row.time("observed_at")? }))
    }

    pub(in crate::store) async fn renew_end(&self, claim: &FinishClaim, lease_until: DateTime<Utc>) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE sync_runs SET lease_until = ?3 WHERE id = ?1 AND state = 'finishing' AND attempts = ?2")
            .bind(claim.run.to_string())
            .bind(claim.attempt)
            .bind(micros(lease_until))
            .execute(&self.write)
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
            "UPDATE sync_runs SET lease_until = ?4, rung_at = ?5, attempts = attempts - ?3
             WHERE id = ?1 AND state = 'finishing' AND attempts = ?2",
        )
        .bind(claim.run.to_string())
        .bind(claim.attempt)
        .bind(i32::from(blameless))
        .bind(micros(now - CLOCKS))
        .bind(micros(now))
        .execute(&self.write)
        .await?;
        Ok(())
    }

    pub(in crate::store) async fn fail(
        &self,
        run: RunId,
        error: &RunError,
        now: DateTime<Utc>,
    ) -> Result<Vec<RunId>, StoreError> {
        let mut tx = self.begin().await?;
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
        let mut tx = self.begin().await?;
        // Looked at again: what held the claim may have come to its end since.
        let exhausted = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT 1 FROM sync_runs r WHERE r.id = ?3 AND {EXHAUSTED}")))
            .bind(micros(now))
            .bind(MAX_CLAIMS)
            .bind(run.to_string())
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
        let mut tx = self.begin().await?;
        let unclaimed = sqlx::query(
            "SELECT 1 FROM sync_runs
             WHERE id = ?1 AND state = 'fetching' AND (lease_until IS NULL AND started_at < ?2 OR lease_until < ?2)",
        )
        .bind(run.to_string())
        .bind(micros(since))
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
        let mut tx = self.begin().await?;
        let known = sqlx::query("SELECT 1 FROM sync_runs WHERE id = ?1").bind(run.to_string()).fetch_optional(&mut *tx).await?;
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
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT r.id FROM sync_runs r WHERE {EXHAUSTED}")))
            .bind(micros(now))
            .bind(MAX_CLAIMS)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(|row| row.run_id("id")).collect()
    }
}
