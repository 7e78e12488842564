//! `idempotency_keys`: which run a request's key filed.

use chrono::{DateTime, Utc};
use sqlx::{Row as _, SqliteConnection};

use super::micros;
use crate::domain::RunId;
use crate::store::columns::Columns as _;
use crate::store::{Filed, Idempotency, KEY_LIFETIME, StoreError};

/// Takes a key for a run, unless it is taken: then what the run is told.
pub(super) async fn take(
    connection: &mut SqliteConnection,
    idempotency: &Idempotency,
    run: RunId,
    now: DateTime<Utc>,
) -> Result<Filed, StoreError> {
    let taken = sqlx::query(
        "INSERT INTO idempotency_keys (key, body_hash, run_id, created_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (key) DO UPDATE SET body_hash = ?2, run_id = ?3, created_at = ?4 WHERE idempotency_keys.created_at < ?5",
    )
    .bind(&idempotency.key)
    .bind(idempotency.body_hash.as_slice())
    .bind(run.to_string())
    .bind(micros(now))
    .bind(micros(now - KEY_LIFETIME))
    .execute(&mut *connection)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(Filed::New);
    }
    let row = sqlx::query("SELECT body_hash, run_id FROM idempotency_keys WHERE key = ?1")
        .bind(&idempotency.key)
        .fetch_one(connection)
        .await?;
    let same = row.try_get::<Vec<u8>, _>("body_hash")? == idempotency.body_hash;
    Ok(if same { Filed::Repeat(row.run_id("run_id")?) } else { Filed::KeyReused })
}

/// Has a key lead to the run that was joined.
pub(super) async fn lead_to(connection: &mut SqliteConnection, key: &str, run: RunId) -> Result<(), StoreError> {
    sqlx::query("UPDATE idempotency_keys SET run_id = ?2 WHERE key = ?1")
        .bind(key)
        .bind(run.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
