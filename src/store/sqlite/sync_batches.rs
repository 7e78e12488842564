//! `sync_batches`: staging, claims, and the mark that a batch is applied.

use chrono::{DateTime, Utc};
use sqlx::{Row as _, SqliteConnection};

use super::{Sqlite, json_list, listed_members, made_members, micros};
use crate::domain::{Counts, Member, Mode, RunId};
use crate::store::changes::Effect;
use crate::store::columns::{self, Columns as _};
use crate::store::payload;
use crate::store::work::{LEASE_RAN_OUT, kept_error};
use crate::store::{BatchApplied, BatchClaim, Dropped, MAX_CLAIMS, StagedBatch, StoreError};

/// A batch of no more members is done as soon as something small is.
const SOON: usize = 500;

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    run: RunId,
    batch: &StagedBatch,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sync_batches (run_id, batch, state, members, payload, rung_at, staged_at)
         VALUES (?1, ?2, 'pending', ?3, ?4, ?5, ?5)",
    )
    .bind(run.to_string())
    .bind(batch.batch)
    .bind(batch.members)
    .bind(batch.payload.as_slice())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes which entries of a batch a later batch replaces.
pub(super) async fn drop_entries(connection: &mut SqliteConnection, run: RunId, dropped: &Dropped) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sync_batches SET dropped = ?3, members = members - json_array_length(?3) WHERE run_id = ?1 AND batch = ?2",
    )
    .bind(run.to_string())
    .bind(dropped.batch)
    .bind(json_list(&dropped.ids))
    .execute(connection)
    .await?;
    Ok(())
}

/// How many batches there are.
pub(super) async fn count(connection: &mut SqliteConnection, run: RunId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM sync_batches WHERE run_id = ?1")
        .bind(run.to_string())
        .fetch_one(connection)
        .await?)
}

/// Marks all batches of a run as rung.
pub(super) async fn note_rung(connection: &mut SqliteConnection, run: RunId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_batches SET rung_at = ?2 WHERE run_id = ?1")
        .bind(run.to_string())
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks the batch of a small run as applied, with what the run came to and whom it made.
pub(super) async fn note_small(
    connection: &mut SqliteConnection,
    run: RunId,
    counts: &Counts,
    made: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sync_batches SET state = 'applied', created = ?2, updated = ?3, rejoined = ?4, unchanged = ?5, deferred = ?6, made = ?7
         WHERE run_id = ?1",
    )
    .bind(run.to_string())
    .bind(counts.created)
    .bind(counts.updated)
    .bind(counts.rejoined)
    .bind(counts.unchanged)
    .bind(counts.deferred)
    .bind(made)
    .execute(connection)
    .await?;
    Ok(())
}

/// How many batches there are that still hold their members.
pub(super) async fn kept(connection: &mut SqliteConnection, run: RunId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM sync_batches WHERE run_id = ?1 AND payload IS NOT NULL")
        .bind(run.to_string())
        .fetch_one(connection)
        .await?)
}

/// The batches' counts, summed.
pub(super) async fn sum(connection: &mut SqliteConnection, run: RunId) -> Result<Counts, StoreError> {
    let row = sqlx::query(
        "SELECT COALESCE(sum(created), 0) AS created, COALESCE(sum(updated), 0) AS updated,
             COALESCE(sum(rejoined), 0) AS rejoined, COALESCE(sum(unchanged), 0) AS unchanged,
             COALESCE(sum(deferred), 0) AS deferred
         FROM sync_batches WHERE run_id = ?1",
    )
    .bind(run.to_string())
    .fetch_one(connection)
    .await?;
    columns::batch_counts(&row)
}

/// The ids that a run lists, over all its batches, those of unusable entries too.
pub(super) async fn listed_ids(connection: &mut SqliteConnection, run: RunId) -> Result<Vec<i64>, StoreError> {
    use futures::TryStreamExt as _;
    let mut rows = sqlx::query_as::<_, (Vec<u8>, String)>(
        "SELECT payload, spared FROM sync_batches WHERE run_id = ?1 AND payload IS NOT NULL ORDER BY batch",
    )
    .bind(run.to_string())
    .fetch(connection);
    let mut ids = Vec::new();
    while let Some((packed, spared)) = rows.try_next().await? {
        ids.append(&mut payload::decode_ids(&packed)?);
        let spared: Vec<i64> =
            serde_json::from_str(&spared).map_err(|_| StoreError::Unreadable("an unknown list of spared entries".into()))?;
        ids.extend(spared);
    }
    Ok(ids)
}

/// Forgets the members of a run that will not need them again; the batches' counts stay.
pub(super) async fn clear_payloads(connection: &mut SqliteConnection, run: RunId) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_batches SET payload = NULL WHERE run_id = ?1").bind(run.to_string()).execute(connection).await?;
    Ok(())
}

impl Sqlite {
    pub(in crate::store) async fn stage(&self, run: RunId, batch: &StagedBatch, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut connection = self.write.acquire().await?;
        insert(&mut connection, run, batch, now).await
    }

    pub(in crate::store) async fn discard(&self, run: RunId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sync_batches WHERE run_id = ?1 AND NOT EXISTS (SELECT 1 FROM sync_runs WHERE id = ?1)")
            .bind(run.to_string())
            .execute(&self.write)
            .await?;
        Ok(())
    }

    pub(in crate::store) async fn claim_one(
        &self,
        run: RunId,
        batch: i32,
        worker: &str,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<BatchClaim>, StoreError> {
        let row = sqlx::query(
            "UPDATE sync_batches SET state = 'running', attempts = attempts + 1, lease_until = ?4, worker = ?6,
                 last_error = CASE WHEN state = 'running' THEN ?7 ELSE last_error END
             WHERE run_id = ?1 AND batch = ?2 AND (state = 'pending' OR state = 'running' AND lease_until < ?3) AND attempts < ?5
                 AND EXISTS (SELECT 1 FROM sync_runs r WHERE r.id = ?1 AND r.state IN ('fetching', 'applying'))
             RETURNING attempts, payload, dropped, (SELECT r.observed_at FROM sync_runs r WHERE r.id = ?1) AS observed_at,
                 (SELECT r.mode FROM sync_runs r WHERE r.id = ?1) AS mode",
        )
        .bind(run.to_string())
        .bind(batch)
        .bind(micros(now))
        .bind(micros(lease_until))
        .bind(MAX_CLAIMS)
        .bind(worker)
        .bind(LEASE_RAN_OUT)
        .fetch_optional(&self.write)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let dropped = serde_json::from_str(&row.json("dropped")?)
            .map_err(|_| StoreError::Unreadable("an unknown list of dropped entries".into()))?;
        let claim = BatchClaim {
            run,
            batch,
            attempt: row.try_get("attempts")?,
            observed_at: row.time("observed_at")?,
            mode: columns::word(&row.text("mode")?, Mode::from_word, "run mode")?,
            payload: row.try_get("payload")?,
            dropped,
        };
        Ok(Some(claim))
    }

    pub(in crate::store) async fn renew_one(&self, claim: &BatchClaim, lease_until: DateTime<Utc>) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE sync_batches SET lease_until = ?4 WHERE run_id = ?1 AND batch = ?2 AND state = 'running' AND attempts = ?3
                 AND EXISTS (SELECT 1 FROM sync_runs WHERE id = ?1 AND finished_at IS NULL)",
        )
        .bind(claim.run.to_string())
        .bind(claim.batch)
        .bind(claim.attempt)
        .bind(micros(lease_until))
        .execute(&self.write)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    pub(in crate::store) async fn apply_one(
        &self,
        claim: &BatchClaim,
        members: &[Member],
        now: DateTime<Utc>,
    ) -> Result<BatchApplied, StoreError> {
        let listing = listed_members::Listing { run: claim.run, observed_at: claim.observed_at, effect: Effect::of(claim.mode) };
        let listed: Vec<i64> = members.iter().map(|member| member.id.get()).collect();
        let turn = if members.len() > SOON { self.line.turn(&self.write).await } else { None };
        let mut tx = self.begin().await?;
        let counts = listed_members::upsert(&mut tx, listing, members, now).await?;
        let made = match listing.effect {
            Effect::Write => made_members::find(&mut tx, claim.run, &listed, &counts).await?,
            Effect::Plan => None,
        };
        mark_applied(&mut tx, claim, &counts, made).await?;
        let remaining = sqlx::query_scalar("SELECT count(*) FROM sync_batches WHERE run_id = ?1 AND state <> 'applied'")
            .bind(claim.run.to_string())
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        drop(turn);
        Ok(BatchApplied { counts, remaining })
    }

    pub(in crate::store) async fn release_one(
        &self,
        claim: &BatchClaim,
        why: &str,
        blameless: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sync_batches SET state = 'pending', lease_until = NULL, rung_at = ?5, attempts = attempts - ?4, last_error = ?6
             WHERE run_id = ?1 AND batch = ?2 AND state = 'running' AND attempts = ?3",
        )
        .bind(claim.run.to_string())
        .bind(claim.batch)
        .bind(claim.attempt)
        .bind(i32::from(blameless))
        .bind(micros(now))
        .bind(kept_error(why))
        .execute(&self.write)
        .await?;
        Ok(())
    }

    pub(in crate::store) async fn blame_one(
        &self,
        claim: &BatchClaim,
        why: &str,
        lease_until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE sync_batches SET lease_until = ?4, last_error = ?5
             WHERE run_id = ?1 AND batch = ?2 AND state = 'running' AND attempts = ?3
                 AND EXISTS (SELECT 1 FROM sync_runs WHERE id = ?1 AND finished_at IS NULL)",
        )
        .bind(claim.run.to_string())
        .bind(claim.batch)
        .bind(claim.attempt)
        .bind(micros(lease_until))
        .bind(kept_error(why))
        .execute(&self.write)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}

async fn mark_applied(
    connection: &mut SqliteConnection,
    claim: &BatchClaim,
    counts: &Counts,
    made: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE sync_batches SET state = 'applied', lease_until = NULL,
             created = ?4, updated = ?5, rejoined = ?6, unchanged = ?7, deferred = ?8, made = ?9
         WHERE run_id = ?1 AND batch = ?2 AND state = 'running' AND attempts = ?3
             AND EXISTS (SELECT 1 FROM sync_runs r WHERE r.id = ?1 AND r.state IN ('fetching', 'applying'))",
    )
    .bind(claim.run.to_string())
    .bind(claim.batch)
    .bind(claim.attempt)
    .bind(counts.created)
    .bind(counts.updated)
    .bind(counts.rejoined)
    .bind(counts.unchanged)
    .bind(counts.deferred)
    .bind(made)
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::ClaimLost) }
}
