//! `settings`: how many members are present, kept so that a small run need not count them: in a large guild that takes longer than all else it does.
//!
//! What is kept leaves out what the batches of a roster at work have brought. Those are applied side by side, and each has its counts in
//! `sync_batches`, in one transaction with its rows. Everything else that makes members come or go has the evidence lock. Whatever counts anew, as
//! the end of every roster does, keeps what it found: so a change made by hand is in it from then on.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::store::StoreError;

/// What the batches of rosters at work have brought so far.
const BROUGHT: &str = "
(SELECT COALESCE(sum(b.created + b.rejoined), 0)::bigint FROM sync_runs r JOIN sync_batches b ON b.run_id = r.id
 WHERE r.finished_at IS NULL AND r.mode = 'full' AND b.state = 'applied')";

/// Keeps how many are present, as counted by a caller who has the evidence lock, and beside whom no batch is applied.
pub(super) async fn keep(connection: &mut PgConnection, present: i64) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO settings (name, value) VALUES ('present', ($1 - {BROUGHT})::text)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    );
    sqlx::query(AssertSqlSafe(sql)).bind(present).execute(connection).await?;
    Ok(())
}

/// How many are present after a change by so many, which is written already. The caller has the evidence lock.
pub(super) async fn after(connection: &mut PgConnection, change: i64) -> Result<i64, StoreError> {
    let sql = format!(
        "UPDATE settings SET value = (value::bigint + $1)::text WHERE name = 'present' RETURNING value::bigint + {BROUGHT}"
    );
    if let Some(present) = sqlx::query_scalar(AssertSqlSafe(sql)).bind(change).fetch_optional(&mut *connection).await? {
        return Ok(present);
    }
    // In one statement, so that a batch which ends meanwhile is in both numbers or in none.
    let sql = format!(
        "WITH counted AS (
             SELECT (SELECT count(*) FROM guild_members WHERE date_left IS NULL) AS present, {BROUGHT} AS brought
         ), kept AS (
             INSERT INTO settings (name, value) SELECT 'present', (present - brought)::text FROM counted
             ON CONFLICT (name) DO UPDATE SET value = excluded.value
         )
         SELECT present FROM counted"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await?)
}
