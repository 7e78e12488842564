//! The contract of the ledger: one suite, held by PostgreSQL and by SQLite alike.
//!
//! Each test is written once and gets a [`Ledger`], a new database for itself. Expected results come from the rules of a sync, never
//! from what a store happens to answer. Times are passed in; nothing here sleeps.

/// Makes two tests of each function: one on PostgreSQL and one on SQLite.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(&crate::store::Ledger::postgres().await).await;
            })+
        }

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(&crate::store::Ledger::sqlite().await).await;
            })+
        }
    };
}

mod account_lists;
mod accounts;
mod batches;
mod decisions;
mod due;
mod fetching;
mod filing;
mod finish;
mod finish_claims;
mod fleet;
pub mod hand;
mod imports;
mod links;
mod member_lists;
mod member_search;
mod members;
mod model;
mod opening;
mod overview;
mod racing;
mod racing_small;
mod retries;
mod run_changes;
mod run_lists;
mod runs;
mod sessions;
mod staff_log;
mod statistics;
mod sweep;
mod texts;
mod upkeep;
mod users;

use std::ops::Deref;
use std::time::Duration;

use chrono::{DateTime, Utc};
use guildsync::store::{Backend, Connect, Stores, open};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::support::postgres::{self, TestDatabase};
use crate::support::sqlite::{self, TempSqlite};

/// A database of one test with the handles on it.
pub struct Ledger {
    stores: Stores,
    connect: Connect,
    // The database goes with these.
    _postgres: Option<TestDatabase>,
    _sqlite: Option<TempSqlite>,
}

impl Deref for Ledger {
    type Target = Stores;

    fn deref(&self) -> &Stores {
        &self.stores
    }
}

/// How the tests reach a database.
fn connect(url: &str) -> Connect {
    Connect {
        url: url.into(),
        max_connections: 8,
        acquire_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_mins(1),
    }
}

impl Ledger {
    /// A new one in PostgreSQL.
    pub async fn postgres() -> Self {
        let database = postgres::database().await;
        let url = database.url().to_owned();
        Self::at(&url, Some(database), None).await
    }

    /// A new one in SQLite.
    pub async fn sqlite() -> Self {
        let place = sqlite::migrated().await;
        Self::at(&place.url(), None, Some(place)).await
    }

    async fn at(url: &str, postgres: Option<TestDatabase>, sqlite: Option<TempSqlite>) -> Self {
        let connect = connect(url);
        let stores = open(&connect).await.unwrap();
        stores.upkeep.migrate().await.unwrap();
        Self { stores, connect, _postgres: postgres, _sqlite: sqlite }
    }

    /// Where the database is.
    pub fn url(&self) -> &str {
        secrecy::ExposeSecret::expose_secret(&self.connect.url)
    }

    fn backend(&self) -> Backend {
        Backend::of(self.url()).unwrap()
    }

    /// A connection of the test's own, beside the store's.
    async fn raw(&self) -> Raw {
        match self.backend() {
            Backend::Postgres => Raw::Postgres(PgConnection::connect(self.url()).await.unwrap()),
            Backend::Sqlite => Raw::Sqlite(SqliteConnection::connect(self.url()).await.unwrap()),
        }
    }

    /// Runs statements that no handle has.
    pub async fn execute(&self, statements: &str) {
        self.raw().await.execute(statements).await;
    }

    /// The one number a query answers.
    pub async fn number(&self, query: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        match self.raw().await {
            Raw::Postgres(mut connection) => sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap(),
            Raw::Sqlite(mut connection) => sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap(),
        }
    }

    /// The one text of each row that a query answers.
    async fn texts(&self, query: &str) -> Vec<String> {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        match self.raw().await {
            Raw::Postgres(mut connection) => sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap(),
            Raw::Sqlite(mut connection) => sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap(),
        }
    }

    /// A time as a literal of this database.
    fn literal(&self, time: DateTime<Utc>) -> String {
        match self.backend() {
            Backend::Postgres => format!("'{}'::timestamptz", time.to_rfc3339()),
            Backend::Sqlite => time.timestamp_micros().to_string(),
        }
    }

    /// From here on every row of `guild_members` that is written leaves a note, even if nothing in it changes.
    async fn note_writes(&self) {
        let statements = match self.backend() {
            Backend::Postgres => {
                "CREATE TABLE noted (what text);
                 CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                     $$ BEGIN INSERT INTO noted VALUES (lower(TG_OP) || ' ' || NEW.discord_id); RETURN NEW; END $$;
                 CREATE TRIGGER note AFTER INSERT OR UPDATE ON guild_members FOR EACH ROW EXECUTE FUNCTION note();"
            }
            Backend::Sqlite => {
                "CREATE TABLE noted (what TEXT);
                 CREATE TRIGGER note_insert AFTER INSERT ON guild_members
                     BEGIN INSERT INTO noted VALUES ('insert ' || NEW.discord_id); END;
                 CREATE TRIGGER note_update AFTER UPDATE ON guild_members
                     BEGIN INSERT INTO noted VALUES ('update ' || NEW.discord_id); END;"
            }
        };
        self.execute(statements).await;
    }

    /// The notes since [`Self::note_writes`], such as `insert 7`, sorted.
    async fn noted(&self) -> Vec<String> {
        self.texts("SELECT what FROM noted ORDER BY what").await
    }
}

/// A connection to either database.
enum Raw {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Raw {
    async fn execute(&mut self, statements: &str) {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        match self {
            Self::Postgres(connection) => drop(statements.execute(connection).await.unwrap()),
            Self::Sqlite(connection) => drop(statements.execute(connection).await.unwrap()),
        }
    }
}
