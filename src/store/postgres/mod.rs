//! The ledger in PostgreSQL 15 or later. A file per table, and one for what concerns the database as a whole.

mod account_conflicts;
mod account_desk;
mod account_lists;
mod backlog;
mod daily_counts;
mod decisions;
mod deltas;
mod fetches;
mod finishes;
mod guild_members;
mod held_departures;
mod idempotency_keys;
mod landmarks;
mod ledger;
mod links;
mod listed_members;
mod made_members;
mod member_events;
mod member_lists;
mod presence;
mod problems;
mod replies;
mod retries;
mod roles;
mod runs;
mod sessions;
mod staff_log;
mod sync_batches;
mod sync_run_ends;
mod sync_runs;
mod turns;
mod unindexed_members;
mod users;

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use uuid::Uuid;

use super::columns::Columns;
use super::{Connect, StoreError};
use crate::domain::RunId;

/// The ledger in PostgreSQL.
pub(super) struct Postgres {
    pool: PgPool,
    growth: Arc<ledger::Growth>,
    /// How long one call may take in all.
    pub(super) patience: Duration,
}

/// After so long without a statement a transaction counts as abandoned, and the server ends it: the rows that a process has locked which
/// stands still, or is cut off, would otherwise hold up whoever takes its step over. Longer than a claim lasts.
const ABANDONED: &str = "10s";

impl Postgres {
    pub(in crate::store) async fn open(url: &str, connect: &Connect) -> Result<Self, StoreError> {
        let timeout = connect.statement_timeout.as_millis().to_string();
        let patience = (connect.statement_timeout / 2).as_millis().to_string();
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Refused("the database URL is not a valid postgres:// address".into()))?
            .application_name("guildsync")
            // Plans that look up a batch's ids one by one are the right ones at every size of table; the generic plan is one if
            // the planner knows of the rows (see `ledger`), and saves planning a large statement anew for each batch.
            .options([("plan_cache_mode", "force_generic_plan"), ("jit", "off")])
            // Whoever waits for a turn that long is told so (55P03), before the statement as a whole is broken off.
            .options([
                ("lock_timeout", patience.as_str()),
                ("statement_timeout", timeout.as_str()),
                ("idle_in_transaction_session_timeout", ABANDONED),
            ]);
        // One connection now, and not from the pool, so that a wrong address or password shows at the start as what it is.
        let first = tokio::time::timeout(connect.acquire_timeout, options.connect()).await;
        first.map_err(|_| StoreError::Unavailable("it does not answer".into()))??.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(connect.max_connections)
            .acquire_timeout(connect.acquire_timeout)
            .idle_timeout(Some(Duration::from_mins(5)))
            .connect_lazy_with(options);
        Ok(Self { pool, growth: Arc::new(ledger::Growth::new()), patience: connect.patience() })
    }
}

impl Columns for PgRow {
    fn int(&self, name: &str) -> Result<i64, StoreError> {
        Ok(self.try_get(name)?)
    }

    fn opt_int(&self, name: &str) -> Result<Option<i64>, StoreError> {
        Ok(self.try_get(name)?)
    }

    fn flag(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.try_get(name)?)
    }

    fn text(&self, name: &str) -> Result<String, StoreError> {
        Ok(self.try_get(name)?)
    }

    fn opt_text(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.try_get(name)?)
    }

    fn time(&self, name: &str) -> Result<DateTime<Utc>, StoreError> {
        Ok(self.try_get(name)?)
    }

    fn opt_time(&self, name: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.try_get(name)?)
    }

    fn json(&self, name: &str) -> Result<String, StoreError> {
        let value: sqlx::types::JsonValue = self.try_get(name)?;
        Ok(value.to_string())
    }

    fn run_id(&self, name: &str) -> Result<RunId, StoreError> {
        Ok(self.try_get::<Uuid, _>(name)?.into())
    }

    fn opt_json(&self, name: &str) -> Result<Option<String>, StoreError> {
        let value: Option<sqlx::types::JsonValue> = self.try_get(name)?;
        Ok(value.map(|value| value.to_string()))
    }

    fn opt_run_id(&self, name: &str) -> Result<Option<RunId>, StoreError> {
        Ok(self.try_get::<Option<Uuid>, _>(name)?.map(RunId::from))
    }
}
