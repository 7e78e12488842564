//! `sync_runs`: filing, taking turns, the finish, and what is due.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row as _};

use super::{Postgres, guild_members, lock_guild, sync_batches};
use crate::domain::{Counts, Guard, HeldReason, Run, RunError, RunId, RunState, Verdict};
use crate::store::columns::{self, Columns as _};
use crate::store::{Dropped, Due, FinishClaim, Finished, MAX_CLAIMS, NewRun, RunClaim, StagedBatch, StoreError, filing};

/// A run with its progress. While it is being applied its counts are those of its batches.
const RUN: &str = "
SELECT r.id, r.source, r.mode, r.state, r.requested_by, r.observed_at, r.created_at, r.started_at, r.finished_at,
    r.members_total, r.batches_total, r.held_reason, r.warnings, r.error_code, r.error_message,
    r.marked_left, r.linked, r.unlinked, r.total_received, r.duplicates, r.total_active, r.skipped, r.departures_held,
    b.members_done, b.batches_done,
    CASE WHEN r.finished_at IS NULL THEN b.created ELSE r.created END AS created,
    CASE WHEN r.finished_at IS NULL THEN b.updated ELSE r.updated END AS updated,
    CASE WHEN r.finished_at IS NULL THEN b.rejoined ELSE r.rejoined END AS rejoined,
    CASE WHEN r.finished_at IS NULL THEN b.unchanged ELSE r.unchanged END AS unchanged,
    CASE WHEN r.finished_at IS NULL THEN b.deferred ELSE r.deferred END AS deferred
FROM sync_runs r CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'applied') AS batches_done,
        COALESCE(sum(members) FILTER (WHERE state = 'applied'), 0)::bigint AS members_done,
        COALESCE(sum(created), 0)::bigint AS created, COALESCE(sum(updated), 0)::bigint AS updated,
        COALESCE(sum(rejoined), 0)::bigint AS rejoined, COALESCE(sum(unchanged), 0)::bigint AS unchanged,
        COALESCE(sum(deferred), 0)::bigint AS deferred
    FROM sync_batches WHERE run_id = r.id
) b";

/// A run with a step whose claims are used up and have all ended without an outcome, at $1, with $2 claims.
const EXHAUSTED: &str = "
r.finished_at IS NULL AND (
    r.state = 'finishing' AND r.attempts >= $2 AND r.lease_until < $1
    OR r.state = 'applying' AND EXISTS (SELECT FROM sync_batches b WHERE b.run_id = r.id AND b.attempts >= $2
        AND (b.state = 'pending' OR b.state = 'running' AND b.lease_until < $1)))";

/// The full roster whose turn it is: the oldest evidence that waits, while nothing is being applied.
async fn next_in_turn(connection: &mut PgConnection) -> Result<Option<RunId>, StoreError> {
    let id: Option<uuid::Uuid> = sqlx::query_scalar(
        "SELECT id FROM sync_runs WHERE finished_at IS NULL AND state = 'queued'
             AND NOT EXISTS (SELECT FROM sync_runs WHERE finished_at IS NULL AND state IN ('applying', 'finishing'))
         ORDER BY observed_at, id LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(id.map(RunId::from))
}

/// Ends a run that had no effect because newer evidence was applied.
async fn supersede(connection: &mut PgConnection, run: RunId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let active = guild_members::active(&mut *connection).await?;
    sqlx::query("UPDATE sync_runs SET state = 'superseded', finished_at = $2, total_active = $3 WHERE id = $1")
        .bind(run.uuid())
        .bind(now)
        .bind(active)
        .execute(&mut *connection)
        .await?;
    sync_batches::clear_payloads(connection, run).await
}

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
    pub(in crate::store) async fn file(&self, run: &NewRun, last: &[StagedBatch], dropped: &[Dropped]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        for batch in last {
            sync_batches::insert(&mut tx, run.id, batch, run.created_at).await?;
        }
        for entries in dropped {
            sync_batches::drop_entries(&mut tx, run.id, entries).await?;
        }
        if sync_batches::count(&mut tx, run.id).await? != i64::from(run.batches_total) {
            return Err(filing::not_whole());
        }
        sqlx::query(
            "INSERT INTO sync_runs (id, source, mode, state, requested_by, observed_at, created_at, rung_at, members_total,
                 batches_total, total_received, duplicates, skipped)
             VALUES ($1, $2, $3, 'queued', $4, $5, $6, $6, $7, $8, $9, $10, $11)",
        )
        .bind(run.id.uuid())
        .bind(run.source.as_str())
        .bind(run.mode.as_str())
        .bind(run.requested_by.as_str())
        .bind(run.observed_at)
        .bind(run.created_at)
        .bind(run.members_total)
        .bind(i64::from(run.batches_total))
        .bind(run.counts.total_received)
        .bind(run.counts.duplicates)
        .bind(run.counts.skipped)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    pub(in crate::store) async fn has_run(&self, run: RunId) -> Result<bool, StoreError> {
        let found = sqlx::query("SELECT 1 FROM sync_runs WHERE id = $1").bind(run.uuid()).fetch_optional(&self.pool).await?;
        Ok(found.is_some())
    }

    pub(in crate::store) async fn claim_turn(&self, run: RunId, now: DateTime<Utc>) -> Result<RunClaim, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
        let found = sqlx::query(
            "SELECT observed_at, batches_total,
                 COALESCE(observed_at < (SELECT max(observed_at) FROM sync_runs
                     WHERE state IN ('succeeded', 'held') AND held_reason IS DISTINCT FROM 'empty_list'), false) AS too_old
             FROM sync_runs WHERE id = $1 AND state = 'queued'",
        )
        .bind(run.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(found) = found else { return Ok(RunClaim::Nothing) };
        let next = next_in_turn(&mut tx).await?;
        if next != Some(run) {
            return Ok(RunClaim::NotYet(next));
        }
        let claim = if found.flag("too_old")? {
            supersede(&mut tx, run, now).await?;
            RunClaim::Superseded(next_in_turn(&mut tx).await?)
        } else {
            sqlx::query("UPDATE sync_runs SET state = 'applying', started_at = $2, rung_at = $2 WHERE id = $1")
                .bind(run.uuid())
                .bind(now)
                .execute(&mut *tx)
                .await?;
            sync_batches::note_rung(&mut tx, run, now).await?;
            RunClaim::Started { batches: i32::try_from(found.int("batches_total")?).unwrap_or(i32::MAX) }
        };
        tx.commit().await?;
        Ok(claim)
    }

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
        let before = active - counts.created - counts.rejoined;
        let verdict = guard.judge(listed.len() as u64, before.max(0).cast_unsigned(), departed.len() as u64);
        let (state, held) = match verdict {
            Verdict::Believed => {
                let marked = guild_members::mark_left(&mut tx, &departed, claim.observed_at, now).await?;
                counts.marked_left = marked.cast_signed();
                (RunState::Succeeded, None)
            }
            Verdict::Held(reason) => {
                counts.departures_held = match reason {
                    // It speaks of nobody in particular, so of everyone.
                    HeldReason::EmptyList => active,
                    HeldReason::MassDeparture => i64::try_from(departed.len()).unwrap_or(i64::MAX),
                };
                (RunState::Held, Some(reason))
            }
        };
        let (linked, unlinked) = guild_members::relink(&mut tx).await?;
        counts.linked = linked.cast_signed();
        counts.unlinked = unlinked.cast_signed();
        counts.total_active = guild_members::active(&mut tx).await?;
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

    pub(in crate::store) async fn due_steps(
        &self,
        now: DateTime<Utc>,
        rung_before: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<Due>, StoreError> {
        let mut tx = self.pool.begin().await?;
        // Of those that wait, only the one whose turn it is could do anything.
        let next = next_in_turn(&mut tx).await?;
        let runs = sqlx::query(
            "UPDATE sync_runs SET rung_at = $1 WHERE id IN (
                 SELECT r.id FROM sync_runs r
                 WHERE r.finished_at IS NULL AND r.rung_at < $2 AND (
                     r.id = $5
                     OR r.state = 'applying' AND NOT EXISTS (SELECT FROM sync_batches WHERE run_id = r.id AND state <> 'applied')
                     OR r.state = 'finishing' AND r.attempts < $4 AND r.lease_until < $1)
                 ORDER BY r.observed_at, r.id LIMIT $3)
             RETURNING id, state, observed_at",
        )
        .bind(now)
        .bind(rung_before)
        .bind(limit)
        .bind(MAX_CLAIMS)
        .bind(next.map(RunId::uuid))
        .fetch_all(&mut *tx)
        .await?;
        // An UPDATE answers its rows in no order.
        let mut found = Vec::with_capacity(runs.len());
        for row in &runs {
            let run = row.run_id("id")?;
            let step = if row.text("state")? == "queued" { Due::Run(run) } else { Due::Finish(run) };
            found.push((row.time("observed_at")?, run, step));
        }
        found.sort_by_key(|(observed_at, run, _)| (*observed_at, *run));
        let batches = sqlx::query(
            "UPDATE sync_batches b SET rung_at = $1
             FROM (SELECT b.run_id, b.batch FROM sync_batches b JOIN sync_runs r ON r.id = b.run_id
                   WHERE r.finished_at IS NULL AND r.state = 'applying' AND b.rung_at < $2 AND b.attempts < $4
                       AND (b.state = 'pending' OR b.state = 'running' AND b.lease_until < $1)
                   ORDER BY b.run_id, b.batch LIMIT $3) d
             WHERE b.run_id = d.run_id AND b.batch = d.batch
             RETURNING b.run_id, b.batch",
        )
        .bind(now)
        .bind(rung_before)
        .bind(limit.saturating_sub(i64::try_from(runs.len()).unwrap_or(limit)))
        .bind(MAX_CLAIMS)
        .fetch_all(&mut *tx)
        .await?;
        let mut steps = Vec::with_capacity(batches.len());
        for row in &batches {
            steps.push((row.run_id("run_id")?, row.try_get::<i32, _>("batch")?));
        }
        steps.sort_unstable();
        tx.commit().await?;
        let batches = steps.into_iter().map(|(run, batch)| Due::Batch(run, batch));
        Ok(found.into_iter().map(|(_, _, step)| step).chain(batches).collect())
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

    pub(in crate::store) async fn run_by_id(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{RUN} WHERE r.id = $1"));
        sqlx::query(sql).bind(id.uuid()).fetch_optional(&self.pool).await?.as_ref().map(columns::run).transpose()
    }

    pub(in crate::store) async fn newest_runs(&self, limit: i64) -> Result<Vec<Run>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{RUN} ORDER BY r.id DESC LIMIT $1"));
        sqlx::query(sql).bind(limit).fetch_all(&self.pool).await?.iter().map(columns::run).collect()
    }
}
