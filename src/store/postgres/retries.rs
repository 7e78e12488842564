//! Runs that are filed anew from what is kept of one that failed.

use chrono::{DateTime, Utc};

use super::{Postgres, staff_log};
use crate::store::columns::Columns as _;
use crate::store::{Retried, Retry, StoreError};

impl Postgres {
    pub(in crate::store) async fn retry(&self, retry: &Retry, now: DateTime<Utc>) -> Result<Retried, StoreError> {
        let mut tx = self.pool.begin().await?;
        let failed = sqlx::query(
            "SELECT batches_total FROM sync_runs WHERE id = $1 AND state = 'failed' AND act IS NULL AND source <> 'discord'",
        )
        .bind(retry.failed.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(failed) = failed else { return Ok(Retried::NotFailed) };
        let copied = sqlx::query(
            "INSERT INTO sync_batches (run_id, batch, state, members, dropped, spared, payload, rung_at, staged_at)
             SELECT $2, batch, 'pending', members, dropped, spared, payload, $3, $3 FROM sync_batches
             WHERE run_id = $1 AND payload IS NOT NULL",
        )
        .bind(retry.failed.uuid())
        .bind(retry.id.uuid())
        .bind(now)
        .execute(&mut *tx)
        .await?;
        // Whoever stands in the others would be taken for departed.
        if i64::try_from(copied.rows_affected()).ok() != Some(failed.int("batches_total")?) {
            return Ok(Retried::Gone);
        }
        sqlx::query(
            "INSERT INTO sync_runs (id, source, mode, state, requested_by, observed_at, created_at, rung_at, members_total, batches_total,
                 total_received, duplicates, skipped, target_run_id, allow_mass_departure)
             SELECT $2, source, mode, 'queued', $4, observed_at, $3, $3, members_total, batches_total,
                 total_received, duplicates, skipped, id, allow_mass_departure
             FROM sync_runs WHERE id = $1",
        )
        .bind(retry.failed.uuid())
        .bind(retry.id.uuid())
        .bind(now)
        .bind(retry.requested_by.as_str())
        .execute(&mut *tx)
        .await?;
        if let Some(note) = &retry.noted {
            staff_log::insert_of_run(&mut tx, note, retry.id, now).await?;
        }
        tx.commit().await?;
        Ok(Retried::Filed)
    }
}
