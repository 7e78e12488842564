//! `sync_batches`: staging, claims, and the mark that a batch is applied.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row as _};

use super::{Postgres, listed_members, made_members};
use crate::domain::{Counts, Member, Mode, RunId};
use crate::store::changes::Effect;
use crate::store::columns::{self, Columns as _};
use crate::store::payload;
use crate::store::work::{LEASE_RAN_OUT, kept_error};
use crate::store::{BatchApplied, BatchClaim, Dropped, MAX_CLAIMS, StagedBatch, StoreError};

/// How often a batch is compared anew when others write its rows between comparison and write.
const COMPARISONS: usize = 5;

pub(super) async fn insert(
    connection: &mut PgConnection,
    run: RunId,
    batch: &StagedBatch,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sync_batches (run_id, batch, state, members, payload, rung_at, staged_at)
         VALUES ($1, $2, 'pending', $3, $4, $5, $5)",
    )
    .bind(run.uuid())
    .bind(batch.batch)
    .bind(batch.members)
    .bind(batch.payload.as_slice())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes which entries of a batch a later batch replaces.
pub(super) async fn drop_entries(connection: &mut PgConnection, run: RunId, dropped: &Dropped) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_batches SET dropped = $3, members = members - cardinality($3) WHERE run_id = $1 AND batch = $2")
        .bind(run.uuid())
        .bind(dropped.batch)
        .bind(dropped.ids.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

/// How many batches there are.
pub(super) async fn count(connection: &mut PgConnection, run: RunId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM sync_batches WHERE run_id = $1").bind(run.uuid()).fetch_one(connection).await?)
}

/// Marks all batches of a run as rung.
pub(super) async fn note_rung(connection: &mut PgConnection, run: RunId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_batches SET rung_at = $2 WHERE run_id = $1").bind(run.uuid()).bind(now).execute(connection).await?;
    Ok(())
}

/// Marks the batch of a small run as applied, with what the run came to and whom it made.
pub(super) async fn note_small(
    connection: &mut PgConnection,
    run: RunId,
    counts: &Counts,
    made: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sync_batches SET state = 'applied', created = $2, updated = $3, rejoined = $4, unchanged = $5, deferred = $6, made = $7
         WHERE run_id = $1",
    )
    .bind(run.uuid())
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
pub(super) async fn kept(connection: &mut PgConnection, run: RunId) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM sync_batches WHERE run_id = $1 AND payload IS NOT NULL")
        .bind(run.uuid())
        .fetch_one(connection)
        .await?)
}

/// The batches' counts, summed.
pub(super) async fn sum(connection: &mut PgConnection, run: RunId) -> Result<Counts, StoreError> {
    let row = sqlx::query(
        "SELECT COALESCE(sum(created), 0)::bigint AS created, COALESCE(sum(updated), 0)::bigint AS updated,
             COALESCE(sum(rejoined), 0)::bigint AS rejoined, COALESCE(sum(unchanged), 0)::bigint AS unchanged,
             COALESCE(sum(deferred), 0)::bigint AS deferred
         FROM sync_batches WHERE run_id = $1",
    )
    .bind(run.uuid())
    .fetch_one(connection)
    .await?;
    columns::batch_counts(&row)
}

/// Forgets the members of a run that will not need them again; the batches' counts stay.
pub(super) async fn clear_payloads(connection: &mut PgConnection, run: RunId) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_batches SET payload = NULL WHERE run_id = $1").bind(run.uuid()).execute(connection).await?;
    Ok(())
}

impl Postgres {
    /// Not forced to disk by itself: the commit that files the run forces all that was written before it, and a list that was not filed is lost with its
    /// connection anyhow.
    pub(in crate::store) async fn stage(&self, run: RunId, batch: &StagedBatch, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "WITH hasty AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
             INSERT INTO sync_batches (run_id, batch, state, members, payload, rung_at, staged_at)
             SELECT $1, $2, 'pending', $3, $4, $5, $5 FROM hasty",
        )
        .bind(run.uuid())
        .bind(batch.batch)
        .bind(batch.members)
        .bind(batch.payload.as_slice())
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(in crate::store) async fn discard(&self, run: RunId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sync_batches WHERE run_id = $1 AND NOT EXISTS (SELECT FROM sync_runs WHERE id = $1)")
            .bind(run.uuid())
            .execute(&self.pool)
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
            "UPDATE sync_batches b SET state = 'running', attempts = b.attempts + 1, lease_until = $4, worker = $6,
                 last_error = CASE WHEN b.state = 'running' THEN $7 ELSE b.last_error END
             FROM sync_runs r
             WHERE b.run_id = $1 AND b.batch = $2 AND r.id = b.run_id AND r.state IN ('fetching', 'applying')
                 AND (b.state = 'pending' OR b.state = 'running' AND b.lease_until < $3) AND b.attempts < $5
             RETURNING b.attempts, b.payload, b.dropped, r.observed_at, r.mode",
        )
        .bind(run.uuid())
        .bind(batch)
        .bind(now)
        .bind(lease_until)
        .bind(MAX_CLAIMS)
        .bind(worker)
        .bind(LEASE_RAN_OUT)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let claim = BatchClaim {
            run,
            batch,
            attempt: row.try_get("attempts")?,
            observed_at: row.time("observed_at")?,
            mode: columns::word(&row.text("mode")?, Mode::from_word, "run mode")?,
            payload: row.try_get("payload")?,
            dropped: row.try_get("dropped")?,
        };
        Ok(Some(claim))
    }

    pub(in crate::store) async fn renew_one(&self, claim: &BatchClaim, lease_until: DateTime<Utc>) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE sync_batches SET lease_until = $4 WHERE run_id = $1 AND batch = $2 AND state = 'running' AND attempts = $3
                 AND EXISTS (SELECT FROM sync_runs WHERE id = $1 AND finished_at IS NULL)",
        )
        .bind(claim.run.uuid())
        .bind(claim.batch)
        .bind(claim.attempt)
        .bind(lease_until)
        .execute(&self.pool)
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
        for _ in 0..COMPARISONS {
            let mut tx = self.pool.begin().await?;
            let Some(counts) = listed_members::upsert(&mut tx, listing, members, now).await? else {
                tx.rollback().await?;
                continue;
            };
            let made = match listing.effect {
                Effect::Write => made_members::find(&mut tx, claim.run, &listed, &counts).await?,
                Effect::Plan => None,
            };
            mark_applied(&mut tx, claim, &counts, made).await?;
            tx.commit().await?;
            if listing.effect == Effect::Write {
                self.tell_planner(counts.created);
            }
            // Counted after the commit: of two last batches that end together, at least one must see the other's mark.
            let remaining = sqlx::query_scalar("SELECT count(*) FROM sync_batches WHERE run_id = $1 AND state <> 'applied'")
                .bind(claim.run.uuid())
                .fetch_one(&self.pool)
                .await?;
            return Ok(BatchApplied { counts, remaining });
        }
        Err(StoreError::Unavailable("the same members are being written by others".into()))
    }

    pub(in crate::store) async fn release_one(
        &self,
        claim: &BatchClaim,
        why: &str,
        blameless: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sync_batches SET state = 'pending', lease_until = NULL, rung_at = $5, attempts = attempts - $4, last_error = $6
             WHERE run_id = $1 AND batch = $2 AND state = 'running' AND attempts = $3",
        )
        .bind(claim.run.uuid())
        .bind(claim.batch)
        .bind(claim.attempt)
        .bind(i32::from(blameless))
        .bind(now)
        .bind(kept_error(why))
        .execute(&self.pool)
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
            "UPDATE sync_batches SET lease_until = $4, last_error = $5
             WHERE run_id = $1 AND batch = $2 AND state = 'running' AND attempts = $3
                 AND EXISTS (SELECT FROM sync_runs WHERE id = $1 AND finished_at IS NULL)",
        )
        .bind(claim.run.uuid())
        .bind(claim.batch)
        .bind(claim.attempt)
        .bind(lease_until)
        .bind(kept_error(why))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The ids that a run lists, over all its batches, those of unusable entries too.
    pub(in crate::store) async fn listed_ids(&self, run: RunId) -> Result<Vec<i64>, StoreError> {
        use futures::TryStreamExt as _;
        let mut rows = sqlx::query_as::<_, (Vec<u8>, Vec<i64>)>(
            "SELECT payload, spared FROM sync_batches WHERE run_id = $1 AND payload IS NOT NULL ORDER BY batch",
        )
        .bind(run.uuid())
        .fetch(&self.pool);
        let mut ids = Vec::new();
        while let Some((packed, mut spared)) = rows.try_next().await? {
            ids.append(&mut payload::decode_ids(&packed)?);
            ids.append(&mut spared);
        }
        Ok(ids)
    }
}

/// Marks a batch as applied, if it is still claimed and its run still being applied. The lock on the run makes whoever fails it wait for
/// this transaction, so that its counts are in the sum. Not forced to disk by itself: the run's end is, and all before it; after a crash of the server
/// a batch that is lost is still claimed, and is applied anew.
async fn mark_applied(
    connection: &mut PgConnection,
    claim: &BatchClaim,
    counts: &Counts,
    made: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "WITH run AS MATERIALIZED (SELECT id, set_config('synchronous_commit', 'off', true) FROM sync_runs
             WHERE id = $1 AND state IN ('fetching', 'applying') FOR SHARE)
         UPDATE sync_batches SET state = 'applied', lease_until = NULL,
             created = $4, updated = $5, rejoined = $6, unchanged = $7, deferred = $8, made = $9
         WHERE run_id = $1 AND batch = $2 AND state = 'running' AND attempts = $3
             AND EXISTS (SELECT FROM run)",
    )
    .bind(claim.run.uuid())
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
