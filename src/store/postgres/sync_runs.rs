//! `sync_runs`: filing, taking turns, what is due, and how runs look. How they end stands in `sync_run_ends`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row as _};

use super::turns::{lock_evidence, lock_guild};
use super::{Postgres, guild_members, idempotency_keys, replies, staff_log, sync_batches};
use crate::domain::{Run, RunId};
use crate::store::columns::{self, Columns as _};
use crate::store::{Dropped, Due, Filed, MAX_CLAIMS, NewRun, RunClaim, StagedBatch, StoreError, filing};

/// A run with its progress. While it is being applied its counts are those of its batches.
pub(super) const RUN: &str = "
SELECT r.id, r.source, r.mode, r.state, r.act, r.target_run_id, r.superseded_by, r.requested_by, r.observed_at, r.created_at, r.started_at, r.finished_at,
    CASE r.state WHEN 'fetching' THEN greatest(r.members_total, r.expected_members) ELSE r.members_total END AS members_total,
    r.batches_total, r.held_reason, r.warnings, r.error_code, r.error_message,
    r.marked_left, r.linked, r.unlinked, r.total_received, r.duplicates, r.total_active, r.skipped, r.departures_held,
    r.dismissed,
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

/// The full roster whose turn it is: the oldest evidence that waits, while nothing is being applied.
pub(super) async fn next_in_turn(connection: &mut PgConnection) -> Result<Option<RunId>, StoreError> {
    let id: Option<uuid::Uuid> = sqlx::query_scalar(
        "SELECT id FROM sync_runs WHERE finished_at IS NULL AND state = 'queued' AND mode <> 'delta'
             AND NOT EXISTS (SELECT FROM sync_runs
                 WHERE finished_at IS NULL AND state IN ('fetching', 'applying', 'finishing') AND mode <> 'delta')
         ORDER BY observed_at, id LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    Ok(id.map(RunId::from))
}

/// The newest full roster that was applied, and when it was true.
async fn last_applied(connection: &mut PgConnection) -> Result<Option<(RunId, DateTime<Utc>)>, StoreError> {
    let row = sqlx::query(
        "SELECT id, observed_at FROM sync_runs
         WHERE mode = 'full' AND state IN ('succeeded', 'held') AND held_reason IS DISTINCT FROM 'empty_list'
         ORDER BY observed_at DESC, id DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((row.run_id("id")?, row.time("observed_at")?))).transpose()
}

/// Small runs that are told of at once; the sweeper finds more.
const SMALL: i64 = 100;

/// Runs that may go on now that one has ended: the full roster whose turn it is, and small ones that may have waited for it, also
/// those that a worker has given back.
pub(super) async fn may_go_on(connection: &mut PgConnection) -> Result<Vec<RunId>, StoreError> {
    let next = next_in_turn(&mut *connection).await?;
    let small: Vec<uuid::Uuid> = sqlx::query_scalar(
        "SELECT id FROM sync_runs
         WHERE finished_at IS NULL AND mode = 'delta' AND (state = 'queued' OR state = 'finishing' AND lease_until < rung_at)
         ORDER BY observed_at, id LIMIT $1",
    )
    .bind(SMALL)
    .fetch_all(connection)
    .await?;
    Ok(next.into_iter().chain(small.into_iter().map(RunId::from)).collect())
}

/// Ends a run that had no effect because the roster `newer` was applied.
async fn supersede(connection: &mut PgConnection, run: RunId, newer: RunId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let active = guild_members::active(&mut *connection).await?;
    sqlx::query(
        "UPDATE sync_runs SET state = 'superseded', finished_at = $2, total_active = $3, superseded_by = $4 WHERE id = $1",
    )
    .bind(run.uuid())
    .bind(now)
    .bind(active)
    .bind(newer.uuid())
    .execute(&mut *connection)
    .await?;
    sync_batches::clear_payloads(connection, run).await
}

/// Has `run` join the list that is being fetched from Discord already: whoever comes again with its key finds that one, and its reply follows it.
async fn join_fetch(connection: &mut PgConnection, run: &NewRun) -> Result<Filed, StoreError> {
    let open = sqlx::query("SELECT id FROM sync_runs WHERE source = 'discord' AND mode = $1 AND finished_at IS NULL")
        .bind(run.mode.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    // It may have ended between the two looks.
    let joined = open.ok_or(StoreError::JustEnded)?.run_id("id")?;
    if let Some(idempotency) = &run.idempotency {
        idempotency_keys::lead_to(&mut *connection, &idempotency.key, joined).await?;
    }
    if let Some(interaction) = &run.reply {
        replies::insert(&mut *connection, joined, interaction).await?;
    }
    if let Some(note) = &run.noted {
        staff_log::insert_of_run(connection, note, joined, run.created_at).await?;
    }
    Ok(Filed::Joined(joined))
}

impl Postgres {
    pub(in crate::store) async fn file(
        &self,
        run: &NewRun,
        last: &[StagedBatch],
        dropped: &[Dropped],
    ) -> Result<Filed, StoreError> {
        let mut tx = self.pool.begin().await?;
        if let Some(idempotency) = &run.idempotency {
            let taken = idempotency_keys::take(&mut tx, idempotency, run.id, run.created_at).await?;
            if taken != Filed::New {
                return Ok(taken);
            }
        }
        for batch in last {
            sync_batches::insert(&mut tx, run.id, batch, run.created_at).await?;
        }
        for entries in dropped {
            sync_batches::drop_entries(&mut tx, run.id, entries).await?;
        }
        if sync_batches::count(&mut tx, run.id).await? != i64::from(run.batches_total) {
            return Err(filing::not_whole());
        }
        let filed = sqlx::query(
            "INSERT INTO sync_runs (id, source, mode, state, requested_by, observed_at, created_at, rung_at, members_total,
                 batches_total, total_received, duplicates, skipped, act, target_run_id, allow_mass_departure)
             VALUES ($1, $2, $3, 'queued', $4, $5, $6, $6, $7, $8, $9, $10, $11, $12, $13, $14)
             ON CONFLICT DO NOTHING",
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
        .bind(run.decision.map(|decision| decision.act.as_str()))
        .bind(run.decision.map(|decision| decision.target.uuid()))
        .bind(run.allow_mass_departure)
        .execute(&mut *tx)
        .await?;
        if filed.rows_affected() == 0 {
            let joined = join_fetch(&mut tx, run).await?;
            tx.commit().await?;
            return Ok(joined);
        }
        if let Some(interaction) = &run.reply {
            replies::insert(&mut tx, run.id, interaction).await?;
        }
        if let Some(note) = &run.noted {
            staff_log::insert_of_run(&mut tx, note, run.id, run.created_at).await?;
        }
        tx.commit().await?;
        Ok(Filed::New)
    }

    pub(in crate::store) async fn has_run(&self, run: RunId) -> Result<bool, StoreError> {
        let found = sqlx::query("SELECT 1 FROM sync_runs WHERE id = $1").bind(run.uuid()).fetch_optional(&self.pool).await?;
        Ok(found.is_some())
    }

    pub(in crate::store) async fn claim_turn(&self, run: RunId, now: DateTime<Utc>) -> Result<RunClaim, StoreError> {
        // Asked before the turn is waited for: a small run needs none.
        let mode: Option<String> = sqlx::query_scalar(
            "SELECT CASE state WHEN 'queued' THEN mode ELSE state END FROM sync_runs
             WHERE id = $1 AND state IN ('queued', 'fetching')",
        )
        .bind(run.uuid())
        .fetch_optional(&self.pool)
        .await?;
        match mode.as_deref() {
            None => return Ok(RunClaim::Nothing),
            Some("fetching") => return Ok(RunClaim::Fetch),
            Some("delta") => return Ok(RunClaim::Small),
            Some(_) => {}
        }
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
        let found = sqlx::query("SELECT observed_at, batches_total, source FROM sync_runs WHERE id = $1 AND state = 'queued'")
            .bind(run.uuid())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(found) = found else { return Ok(RunClaim::Nothing) };
        let next = next_in_turn(&mut tx).await?;
        if next != Some(run) {
            return Ok(RunClaim::NotYet(next));
        }
        // A delta that is being applied is either before this roster or after it.
        lock_evidence(&mut tx).await?;
        let last = last_applied(&mut tx).await?;
        let claim = if found.text("source")? == "discord" {
            // Its list is as new as its fetch, which begins now; this clock may be behind that of whoever filed the wish before.
            sqlx::query(
                "UPDATE sync_runs SET state = 'fetching', started_at = greatest($2, created_at),
                     observed_at = greatest($2, created_at), rung_at = $2 WHERE id = $1",
            )
            .bind(run.uuid())
            .bind(now)
            .execute(&mut *tx)
            .await?;
            RunClaim::Fetch
        } else if let Some((newer, observed_at)) = last
            && found.time("observed_at")? < observed_at
        {
            supersede(&mut tx, run, newer, now).await?;
            RunClaim::Superseded(may_go_on(&mut tx).await?)
        } else {
            sqlx::query(
                "UPDATE sync_runs SET state = 'applying', started_at = greatest($2, created_at), rung_at = $2 WHERE id = $1",
            )
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
                     r.id = $5 OR r.state = 'queued' AND r.mode = 'delta'
                     OR r.state = 'applying' AND NOT EXISTS (SELECT FROM sync_batches WHERE run_id = r.id AND state <> 'applied')
                     OR r.state = 'fetching' AND r.attempts < $4 AND (r.lease_until IS NULL OR r.lease_until < $1)
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
            let begins = ["queued", "fetching"].contains(&row.text("state")?.as_str());
            let step = if begins { Due::Run(run) } else { Due::Finish(run) };
            found.push((row.time("observed_at")?, run, step));
        }
        found.sort_by_key(|(observed_at, run, _)| (*observed_at, *run));
        let batches = sqlx::query(
            "UPDATE sync_batches b SET rung_at = $1
             FROM (SELECT b.run_id, b.batch FROM sync_batches b JOIN sync_runs r ON r.id = b.run_id
                   WHERE r.finished_at IS NULL AND r.state IN ('fetching', 'applying') AND b.rung_at < $2 AND b.attempts < $4
                       AND (b.state = 'running' AND b.lease_until < $1 OR b.state = 'pending' AND NOT EXISTS (
                           SELECT FROM sync_batches o WHERE o.run_id = b.run_id AND o.state = 'running' AND o.lease_until >= $1))
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

    pub(in crate::store) async fn run_by_id(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{RUN} WHERE r.id = $1"));
        sqlx::query(sql).bind(id.uuid()).fetch_optional(&self.pool).await?.as_ref().map(columns::run).transpose()
    }

    pub(in crate::store) async fn newest_fetch(&self) -> Result<Option<Run>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{RUN} WHERE r.mode = 'full' AND r.source = 'discord' ORDER BY r.id DESC LIMIT 1"));
        sqlx::query(sql).fetch_optional(&self.pool).await?.as_ref().map(columns::run).transpose()
    }

    pub(in crate::store) async fn newest_runs(&self, deltas: bool, limit: i64) -> Result<Vec<Run>, StoreError> {
        let which = if deltas { "" } else { "WHERE r.mode <> 'delta' OR r.act IS NOT NULL" };
        let sql = sqlx::AssertSqlSafe(format!("{RUN} {which} ORDER BY r.id DESC LIMIT $1"));
        sqlx::query(sql).bind(limit).fetch_all(&self.pool).await?.iter().map(columns::run).collect()
    }
}
