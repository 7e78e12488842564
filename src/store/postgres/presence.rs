//! `settings`: how many members are present, kept so that a small run need not count them: in a large guild that takes longer than all else it does.
//!
//! What is kept leaves out what the batches of a roster at work have brought. Those are applied side by side, and each has its counts in
//! `sync_batches`, in one transaction with its rows. Everything else that makes members come or go has the evidence lock, alone or shared. Whatever counts anew, as
//! the end of every roster does, keeps what it found: so a change made by hand is in it from then on.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection};

use super::guild_members;
use crate::store::StoreError;
use crate::store::work::Rows;

/// What the batches of rosters at work have brought so far.
macro_rules! brought {
    () => {
        "(SELECT COALESCE(sum(b.created + b.rejoined), 0)::bigint FROM sync_runs r JOIN sync_batches b ON b.run_id = r.id
          WHERE r.finished_at IS NULL AND r.mode = 'full' AND b.state = 'applied')"
    };
}
const BROUGHT: &str = brought!();

/// Key of the advisory lock under which members are counted that nobody has counted yet: "guildpre" in ASCII.
const COUNT_LOCK: i64 = 0x6775_696c_6470_7265;

/// Changes what is kept by $22. Stands as `present` in the statement that ends a small run, since whoever comes next waits for it.
pub(super) const CHANGE: &str = "
UPDATE settings SET value = (value::bigint + $22)::text WHERE name = 'present' AND $22 <> 0 RETURNING value::bigint AS kept";

/// How many are present then.
pub(super) const CHANGED: &str =
    concat!("COALESCE((SELECT kept FROM present), (SELECT value::bigint FROM settings WHERE name = 'present')) + ", brought!());

/// Keeps how many are present, as counted by a caller who has the evidence lock, and beside whom no batch is applied.
pub(super) async fn keep(connection: &mut PgConnection, present: i64) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO settings (name, value) VALUES ('present', ($1 - {BROUGHT})::text)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    );
    sqlx::query(AssertSqlSafe(sql)).bind(present).execute(connection).await?;
    Ok(())
}

/// Counts who is present, if nobody has yet. The caller, who has locked the members it speaks of, has written nothing yet; whoever changes what is
/// kept comes here first.
pub(super) async fn begin(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(COUNT_LOCK).execute(&mut *connection).await?;
    // In one statement, so that a batch which ends meanwhile is in both numbers or in none. Of two who come at once the second leaves it at that.
    let sql = format!(
        "INSERT INTO settings (name, value)
         SELECT 'present', ((SELECT count(*) FROM guild_members WHERE date_left IS NULL) - {BROUGHT})::text
         WHERE NOT EXISTS (SELECT FROM settings WHERE name = 'present')
         ON CONFLICT (name) DO NOTHING"
    );
    sqlx::query(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Counts the rows of a roster that was true at `observed_at`, and answers what was kept at that moment.
pub(super) async fn count(connection: &mut PgConnection, observed_at: DateTime<Utc>) -> Result<(Rows, Option<i64>), StoreError> {
    let (present, settled, newer, kept) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE date_left IS NULL), count(*) FILTER (WHERE date_left IS NULL AND observed_at <= $1),
             count(*) FILTER (WHERE observed_at > $1), (SELECT value::bigint FROM settings WHERE name = 'present')
         FROM guild_members",
    )
    .bind(observed_at)
    .fetch_one(connection)
    .await?;
    Ok((Rows { present, settled, newer }, kept))
}

/// How many are present now, of whom so many had been counted when so many were kept. The caller has the evidence lock, and no batch has been applied
/// since.
pub(super) async fn recount(connection: &mut PgConnection, (rows, kept): (Rows, Option<i64>)) -> Result<i64, StoreError> {
    let kept_now: Option<i64> =
        sqlx::query_scalar("SELECT value::bigint FROM settings WHERE name = 'present'").fetch_optional(&mut *connection).await?;
    match kept_now.zip(kept) {
        Some((now, then)) => Ok(rows.present + now - then),
        None => guild_members::active(connection).await,
    }
}
