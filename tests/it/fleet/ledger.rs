//! The database of an installation, as a test looks into it.

use std::str::FromStr as _;

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row as _};

use crate::support::eventually;

/// Either database. The SQL of the tests is such that both understand it.
pub enum Ledger {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Ledger {
    /// Connects when first used; an SQLite file must have been made by then.
    pub fn of(url: &str) -> Self {
        if url.starts_with("postgres") {
            return Self::Postgres(PgPoolOptions::new().max_connections(2).connect_lazy(url).unwrap());
        }
        Self::Sqlite(SqlitePoolOptions::new().max_connections(1).connect_lazy_with(SqliteConnectOptions::from_str(url).unwrap()))
    }

    /// One column of numbers.
    pub async fn numbers(&self, sql: &str) -> Vec<i64> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
        }
    }

    /// One number.
    pub async fn number(&self, sql: &str) -> i64 {
        self.numbers(sql).await[0]
    }

    /// Waits until a query answers a number.
    pub async fn wait_for(&self, what: &str, number: i64, sql: &str) {
        eventually(what, async || self.number(sql).await == number).await;
    }

    /// Waits until at least so many batches are applied, and answers how many are.
    pub async fn wait_for_applied(&self, least: i64) -> i64 {
        let mut applied = 0;
        eventually("some batches are applied", async || {
            applied = self.number("SELECT count(*) FROM sync_batches WHERE state = 'applied'").await;
            applied >= least
        })
        .await;
        applied
    }

    /// Ids and names of those present, by id.
    pub async fn present(&self) -> Vec<(i64, String)> {
        const SQL: &str = "SELECT discord_id, username FROM guild_members WHERE date_left IS NULL ORDER BY discord_id";
        match self {
            Self::Postgres(pool) => {
                sqlx::query(SQL).fetch_all(pool).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
            }
            Self::Sqlite(pool) => {
                sqlx::query(SQL).fetch_all(pool).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
            }
        }
    }
}
