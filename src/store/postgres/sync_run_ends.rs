//! `sync_runs`: how runs end: the finish with its departures and links, failure, and steps that are set aside.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row as _};

use super::sync_runs::next_in_turn;
use super::{Postgres, guild_members, lock_guild, sync_batches};
use crate::domain::{Counts, Guard, HeldReason, RunError, RunId, RunState};
use crate::store::columns::Columns as _;
use crate::store::work::judge;
use crate::store::{FinishClaim, Finished, MAX_CLAIMS, StoreError};

/// A run with a step whose claims are used up and have all ended without an outcome, at $1, with $2 claims.
const EXHAUSTED: &str = "
r.finished_at IS NULL AND (
    r.state = 'finishing' AND r.attempts >= $2 AND r.lease_until < $1
    OR r.state = 'applying' AND EXISTS (SELECT FROM sync_batches b WHERE b.run_id = r.id AND b.attempts >= $2
        AND (b.state = 'pending' OR b.state = 'running' AND b.lease_until < $1)))";

/// Writes a run's counts and its end.
async fn end(
    connection: &mut PgConnection,
    run: RunId,
    state: RunState,
    held: Option<HeldReason>,
    counts: &Counts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sync_runs SET state = $2, held_reason = $3, finished_at = $4, lease_until = NULL, created = $5, updated = $6,
             marked_left = $7, rejoined = $8, unchanged = $9, linked = $10, unlinked = $11, total_active = $12, deferred = $13,
             departures_held = $14
         WHERE id = $1",
    )
    .bind(run.uuid())
    .bind(state.as_str())
    .bind(held.map(HeldReason::as_str))
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
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a run that has not ended with an error.
async fn fail(connection: &mut PgConnection, run: RunId, error: &RunError, now: DateTime<Utc>) -> Result<(), StoreError> {
    let failed = sqlx::query("UPDATE sync_runs SET error_code = $2, error_message = $3 WHERE id = $1 AND finished_at IS NULL")
        .bind(run.uuid())
        .bind(error.code.as_str())
        .bind(error.message.as_str())
        .execute(&mut *connection)
        .await?;
    if failed.rows_affected() == 1 {
        let mut counts = sync_batches::sum(&mut *connection, run).await?;
        counts.total_active = guild_members::active(&mut *connection).await?;
        end(connection, run, RunState::Failed, None, &counts, now).await?;
    }
    Ok(())
}

/// Whether a finish is still claimed; if so it stays that until the transaction ends.
async fn still_claimed(connection: &mut PgConnection, claim: &FinishClaim) -> Result<bool, StoreError> {
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
            "UPDATE sync_runs SET state = 'finishing', attempts = attempts + 1, lease_until = $3
             WHERE id = $1 AND attempts < $4 AND (state = 'applying' OR state = 'finishing' AND lease_until < $2)
                 AND NOT EXISTS (SELECT FROM sync_batches WHERE run_id = $1 AND state <> 'applied')
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

    pub(in crate::store) async fn finish(
        &self,
        claim: &FinishClaim,
        guard: Guard,
        now: DateTime<Utc>,
    ) -> Result<Finished, StoreError> {
        let (listed, batches) = self.listed_ids(claim.run).await?;
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
        let received = sqlx::query(
            "SELECT batches_total, total_received, duplicates, skipped FROM sync_runs
             WHERE id = $1 AND state = 'finishing' AND attempts = $2",
        )
        .bind(claim.run.uuid())
        .bind(claim.attempt)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(StoreError::ClaimLost)?;
        if batches != received.int("batches_total")? {
            // Whoever stands in the others would be taken for departed.
            return Err(StoreError::Unreadable("a run without some of its batches".into()));
        }
        let mut counts = sync_batches::sum(&mut tx, claim.run).await?;
        counts.total_received = received.int("total_received")?;
        counts.duplicates = received.int("duplicates")?;
        counts.skipped = received.int("skipped")?;
        let departed = guild_members::departures(&mut tx, &listed, claim.observed_at).await?;
        let active = guild_members::active(&mut tx).await?;
        let (state, held) = judge(guard, &mut counts, listed.len(), active, departed.len());
        if held.is_none() {
            counts.marked_left = guild_members::mark_left(&mut tx, &departed, claim.observed_at, now).await?.cast_signed();
        }
        let (linked, unlinked) = guild_members::relink(&mut tx).await?;
        counts.linked = linked.cast_signed();
        counts.unlinked = unlinked.cast_signed();
        counts.total_active = active - counts.marked_left;
        // Not locked meanwhile, so that the claim can be renewed; whoever has taken it over since has raised its number.
        if !still_claimed(&mut tx, claim).await? {
            return Err(StoreError::ClaimLost);
        }
        end(&mut tx, claim.run, state, held, &counts, now).await?;
        sync_batches::clear_payloads(&mut tx, claim.run).await?;
        let next = next_in_turn(&mut tx).await?;
        tx.commit().await?;
        Ok(Finished { state, counts, next })
    }

    pub(in crate::store) async fn release_end(
        &self,
        claim: &FinishClaim,
        blameless: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sync_runs SET lease_until = $4, rung_at = $4, attempts = attempts - $3
             WHERE id = $1 AND state = 'finishing' AND attempts = $2",
        )
        .bind(claim.run.uuid())
        .bind(claim.attempt)
        .bind(i32::from(blameless))
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
    ) -> Result<Option<RunId>, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
        fail(&mut tx, run, error, now).await?;
        let next = next_in_turn(&mut tx).await?;
        tx.commit().await?;
        Ok(next)
    }

    pub(in crate::store) async fn set_exhausted_aside(
        &self,
        run: RunId,
        error: &RunError,
        now: DateTime<Utc>,
    ) -> Result<Option<RunId>, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
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
            fail(&mut tx, run, error, now).await?;
        }
        let next = next_in_turn(&mut tx).await?;
        tx.commit().await?;
        Ok(next)
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
