//! What concerns the database as a whole: schema, `settings`, `leases`, `processes`, retention.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};

use super::Postgres;
use crate::domain::DiscordId;
use crate::store::columns;
use crate::store::{Duty, KEY_LIFETIME, Lease, Process, Retention, StoreError, Swept, fleet, upkeep};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// Key of the advisory lock under which processes migrate: "guildmig" in ASCII.
const MIGRATION_LOCK: i64 = 0x6775_696c_646d_6967;

/// How many migrations the database lacks.
async fn missing(connection: &mut PgConnection) -> Result<usize, StoreError> {
    let exists: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&mut *connection).await?;
    let applied: i64 = if exists {
        sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success").fetch_one(connection).await?
    } else {
        0
    };
    Ok(MIGRATIONS.iter().count().saturating_sub(usize::try_from(applied).unwrap_or_default()))
}

/// Of a table of members that has grown so many times since it was looked at, another plan may be the right one.
const TIMES: i64 = 10;
/// A table of fewer rows is read as fast in whatever way.
const FEW_ROWS: i64 = 1_000;

/// How many members this process has made since the planner was told of them.
///
/// A plan is made by what the planner knows of the tables, and is kept as long as its connection or until it is told something new. Autovacuum tells it
/// every minute; meanwhile a first list, or a flood of joins, makes of an empty table one of many thousands, in which the plans made for the empty one
/// look up each member by reading all. So whoever has made of few rows many has the table looked at anew.
pub(super) struct Growth {
    made: AtomicI64,
    /// With so many the planner is to be told again.
    many: AtomicI64,
}

impl Growth {
    pub fn new() -> Self {
        Self { made: AtomicI64::new(0), many: AtomicI64::new(FEW_ROWS) }
    }

    /// Whether these rows are the ones with which the table has become another: of many who add at once one is told so.
    fn is_outgrown(&self, made: i64) -> bool {
        let before = self.made.fetch_add(made, Ordering::Relaxed);
        let many = self.many.load(Ordering::Relaxed);
        before < many && before + made >= many
    }

    fn is_known(&self, rows: i64) {
        self.many.store((TIMES - 1) * rows.max(FEW_ROWS), Ordering::Relaxed);
        self.made.store(0, Ordering::Relaxed);
    }
}

impl Postgres {
    pub(in crate::store) async fn run_migrations(&self) -> Result<usize, StoreError> {
        // The migrator has a lock of its own, but one must have the turn before it looks, so that of processes that start together one
        // does it all and says so. The lock goes with its connection, which is not used again.
        let options = PgConnectOptions::clone(&self.pool.connect_options());
        // A new index over many rows takes longer than any statement of a run may.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(options.options([("statement_timeout", "0"), ("lock_timeout", "0")]));
        let mut turn = pool.acquire().await?.detach();
        sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut turn).await?;
        let before = missing(&mut turn).await?;
        MIGRATIONS.run(&pool).await?;
        pool.close().await;
        turn.close().await?;
        Ok(before)
    }

    pub(in crate::store) async fn missing_migrations(&self) -> Result<usize, StoreError> {
        missing(&mut *self.pool.acquire().await?).await
    }

    pub(in crate::store) async fn server_version(&self) -> Result<String, StoreError> {
        let number: String = sqlx::query_scalar("SHOW server_version").fetch_one(&self.pool).await?;
        Ok(format!("PostgreSQL {number}"))
    }

    pub(in crate::store) async fn check_alive(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    pub(in crate::store) async fn insert_guild(&self, guild: DiscordId) -> Result<(), StoreError> {
        let bound: String = sqlx::query_scalar(
            "INSERT INTO settings (name, value) VALUES ('guild_id', $1)
             ON CONFLICT (name) DO UPDATE SET value = settings.value RETURNING value",
        )
        .bind(guild.to_string())
        .fetch_one(&self.pool)
        .await?;
        upkeep::same_guild(&bound, guild)
    }

    pub(in crate::store) async fn read_guild(&self) -> Result<Option<DiscordId>, StoreError> {
        let bound: Option<String> =
            sqlx::query_scalar("SELECT value FROM settings WHERE name = 'guild_id'").fetch_optional(&self.pool).await?;
        bound.map(|text| text.parse().map_err(|_| StoreError::Unreadable("an unknown guild id".into()))).transpose()
    }

    pub(in crate::store) async fn upsert_lease(&self, lease: &Lease<'_>, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET holder = $2, until = $3 WHERE leases.holder = $2 OR leases.until < $4",
        )
        .bind(lease.name)
        .bind(lease.holder)
        .bind(lease.until)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    pub(in crate::store) async fn delete_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2").bind(name).bind(holder).execute(&self.pool).await?;
        Ok(())
    }

    pub(in crate::store) async fn list_duties(&self, now: DateTime<Utc>) -> Result<Vec<Duty>, StoreError> {
        let rows = sqlx::query("SELECT name, holder FROM leases WHERE until >= $1 ORDER BY name")
            .bind(now)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(fleet::duty).collect()
    }

    pub(in crate::store) async fn upsert_process(&self, process: &Process) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO processes (id, host, roles, version, started_at, seen_at, jobs_in_hand, jobs_done, jobs_failed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (id) DO UPDATE SET seen_at = $6, jobs_in_hand = $7, jobs_done = $8, jobs_failed = $9",
        )
        .bind(process.id.as_str())
        .bind(process.host.as_str())
        .bind(process.roles.as_str())
        .bind(process.version.as_str())
        .bind(process.started_at)
        .bind(process.seen_at)
        .bind(process.jobs.in_hand)
        .bind(process.jobs.done)
        .bind(process.jobs.failed)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(in crate::store) async fn delete_process(&self, process: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM processes WHERE id = $1").bind(process).execute(&self.pool).await?;
        Ok(())
    }

    pub(in crate::store) async fn list_processes(&self, since: DateTime<Utc>) -> Result<Vec<Process>, StoreError> {
        let rows = sqlx::query("SELECT * FROM processes WHERE seen_at > $1 ORDER BY started_at, id")
            .bind(since)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(columns::process).collect()
    }

    pub(in crate::store) async fn delete_expired(&self, retention: &Retention, now: DateTime<Utc>) -> Result<Swept, StoreError> {
        let mut tx = self.pool.begin().await?;
        // The newest applied roster stays: what is older than it must not be believed.
        let expired = "SELECT id FROM sync_runs
             WHERE (finished_at < $1 OR finished_at < $2 AND mode = 'delta' AND act IS NULL OR finished_at < $3 AND mode = 'dry_run')
             AND id IS DISTINCT FROM (
                 SELECT id FROM sync_runs
                 WHERE mode = 'full' AND state IN ('succeeded', 'held') AND held_reason IS DISTINCT FROM 'empty_list'
                 ORDER BY observed_at DESC, id DESC LIMIT 1)";
        let mut removed = [0; 4];
        let tables =
            [("sync_batches", "run_id"), ("held_departures", "run_id"), ("planned_changes", "run_id"), ("sync_runs", "id")];
        for ((table, column), removed) in tables.into_iter().zip(&mut removed) {
            let sql = sqlx::AssertSqlSafe(format!("DELETE FROM {table} WHERE {column} IN ({expired})"));
            let done = sqlx::query(sql)
                .bind(now - retention.runs)
                .bind(now - retention.deltas)
                .bind(now - retention.dry_runs)
                .execute(&mut *tx)
                .await?;
            *removed = done.rows_affected();
        }
        let [of_runs, .., runs] = removed;
        let batches = sqlx::query(
            "DELETE FROM sync_batches b WHERE payload IS NOT NULL AND staged_at < $1 AND NOT EXISTS (SELECT FROM sync_runs r WHERE r.id = b.run_id)",
        )
        .bind(now - retention.staged)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE sync_batches b SET payload = NULL FROM sync_runs r
             WHERE r.id = b.run_id AND r.state = 'failed' AND r.finished_at < $1 AND b.payload IS NOT NULL",
        )
        .bind(now - retention.failed_payloads)
        .execute(&mut *tx)
        .await?;
        let events = sqlx::query("DELETE FROM member_events WHERE recorded_at < $1")
            .bind(now - retention.events)
            .execute(&mut *tx)
            .await?;
        sqlx::query("DELETE FROM replies WHERE expires_at < $1").bind(now - retention.deltas).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM problems WHERE noted_at < $1").bind(now - retention.runs).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1").bind(now - KEY_LIFETIME).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM staff_log WHERE at < $1").bind(now - retention.staff_log).execute(&mut *tx).await?;
        // The newest day stays: it says that counting has begun.
        sqlx::query("DELETE FROM daily_counts WHERE day < $1 AND day < (SELECT max(day) FROM daily_counts)")
            .bind(now - retention.daily_counts)
            .execute(&mut *tx)
            .await?;
        let sessions =
            sqlx::query("DELETE FROM sessions WHERE created_at < $1").bind(now - retention.sessions).execute(&mut *tx).await?;
        let processes =
            sqlx::query("DELETE FROM processes WHERE seen_at < $1").bind(now - retention.processes).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Swept {
            runs,
            batches: of_runs + batches.rows_affected(),
            events: events.rows_affected(),
            sessions: sessions.rows_affected(),
            processes: processes.rows_affected(),
        })
    }

    pub(in crate::store) async fn close_pool(&self) -> Result<(), StoreError> {
        self.pool.close().await;
        Ok(())
    }

    /// To be called after the commit of a transaction that made so many rows. What it has done about it is beside the caller, who may have a lease to
    /// keep.
    pub(super) fn tell_planner(&self, made: i64) {
        if self.growth.is_outgrown(made) {
            let (pool, growth) = (self.pool.clone(), Arc::clone(&self.growth));
            tokio::spawn(async move {
                // What was made is committed, and only slower to find if this fails: autovacuum comes.
                let rows = look_at_members(&pool, made).await.unwrap_or_default();
                growth.is_known(rows);
            });
        }
    }
}

/// Has the planner look at the members, if they are many more than it knows of; answers how many it knows of then. Reads a sample of bounded size, of it
/// one column, since what counts here is how many rows there are, and locks out no writer.
async fn look_at_members(pool: &PgPool, made: i64) -> Result<i64, StoreError> {
    let known = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'guild_members'::regclass";
    let before: i64 = sqlx::query_scalar(known).fetch_one(pool).await?;
    // So it is after a start beside a large table.
    if before > FEW_ROWS.max(made) {
        return Ok(before);
    }
    // Not waited for if somebody else is at it.
    sqlx::query("ANALYZE (SKIP_LOCKED) guild_members (discord_id)").execute(pool).await?;
    Ok(sqlx::query_scalar(known).fetch_one(pool).await?)
}

#[cfg(test)]
mod tests {
    use super::{FEW_ROWS, Growth};

    #[test]
    fn a_table_is_looked_at_once_each_time_it_has_become_ten_times_as_large() {
        let growth = Growth::new();
        assert!(!growth.is_outgrown(FEW_ROWS - 1));
        assert!(growth.is_outgrown(1));
        assert!(!growth.is_outgrown(100 * FEW_ROWS), "somebody is looking at it");
        growth.is_known(3 * FEW_ROWS);
        assert!(!growth.is_outgrown(26 * FEW_ROWS));
        assert!(growth.is_outgrown(FEW_ROWS));
    }
}
