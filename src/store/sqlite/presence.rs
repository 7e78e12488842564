//! `settings`: how many members are present, kept so that a small run need not count them: in a large guild that takes longer than all else it does.
//!
//! What is kept leaves out what the batches of a roster at work have brought. Each of those has its counts in `sync_batches`, in one transaction
//! with its rows. Whatever counts anew, as the end of every roster does, keeps what it found: so a change made by hand is in it from then on.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{guild_members, micros};
use crate::store::StoreError;
use crate::store::work::Rows;

/// What the batches of rosters at work have brought so far.
const BROUGHT: &str = "
(SELECT COALESCE(sum(b.created + b.rejoined), 0) FROM sync_runs r JOIN sync_batches b ON b.run_id = r.id
 WHERE r.finished_at IS NULL AND r.mode = 'full' AND b.state = 'applied')";

/// Keeps how many are present, as counted by a caller whose transaction holds the write lock.
pub(super) async fn keep(connection: &mut SqliteConnection, present: i64) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO settings (name, value) VALUES ('present', CAST(?1 - {BROUGHT} AS TEXT))
         ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    );
    sqlx::query(AssertSqlSafe(sql)).bind(present).execute(connection).await?;
    Ok(())
}

/// How many are present after a change by so many, which is written already. The caller's transaction holds the write lock.
pub(super) async fn after(connection: &mut SqliteConnection, change: i64) -> Result<i64, StoreError> {
    let sql = format!(
        "UPDATE settings SET value = CAST(CAST(value AS INTEGER) + ?1 AS TEXT) WHERE name = 'present'
         RETURNING CAST(value AS INTEGER) + {BROUGHT}"
    );
    if let Some(present) = sqlx::query_scalar(AssertSqlSafe(sql)).bind(change).fetch_optional(&mut *connection).await? {
        return Ok(present);
    }
    let present = guild_members::active(&mut *connection).await?;
    keep(connection, present).await?;
    Ok(present)
}

/// Counts the rows of a roster that was true at `observed_at`, and answers what was kept at that moment.
pub(super) async fn count(
    connection: &mut SqliteConnection,
    observed_at: DateTime<Utc>,
) -> Result<(Rows, Option<i64>), StoreError> {
    let (present, settled, newer, kept) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE date_left IS NULL), count(*) FILTER (WHERE date_left IS NULL AND observed_at <= ?1),
             count(*) FILTER (WHERE observed_at > ?1), (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'present')
         FROM guild_members",
    )
    .bind(micros(observed_at))
    .fetch_one(connection)
    .await?;
    Ok((Rows { present, settled, newer }, kept))
}

/// How many are present now, of whom so many had been counted when so many were kept. The caller's transaction holds the write lock, and no batch has
/// been applied since.
pub(super) async fn recount(connection: &mut SqliteConnection, (rows, kept): (Rows, Option<i64>)) -> Result<i64, StoreError> {
    let kept_now: Option<i64> = sqlx::query_scalar("SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'present'")
        .fetch_optional(&mut *connection)
        .await?;
    match kept_now.zip(kept) {
        Some((now, then)) => Ok(rows.present + now - then),
        None => guild_members::active(connection).await,
    }
}
