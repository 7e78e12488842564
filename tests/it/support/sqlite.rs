//! Embedded databases, a file per test.

use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::scratch;

/// A place for an SQLite database; the file is made by whoever opens it, and goes with this value.
pub struct TempSqlite {
    folder: TempDir,
}

/// A place for a database of its own.
pub fn sqlite() -> TempSqlite {
    TempSqlite { folder: tempfile::tempdir_in(scratch::root()).expect("a folder for a database") }
}

/// A new database that has all migrations: a copy of one that was made for this process.
pub async fn migrated() -> TempSqlite {
    static MADE: OnceCell<PathBuf> = OnceCell::const_new();
    let template = MADE.get_or_init(make_template).await;
    let place = sqlite();
    std::fs::copy(template, place.path()).expect("the template can be copied");
    place
}

async fn make_template() -> PathBuf {
    let path = scratch::folder("sqlite-template").join("guildsync.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let mut connection: SqliteConnection = options.connect().await.expect("a new database takes connections");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let migrator = Migrator::new(folder).await.expect("migrations/sqlite is readable");
    migrator.run(&mut connection).await.expect("the migrations run on an empty database");
    // With its last connection goes its log, so that the file has all of it.
    connection.close().await.expect("the template is complete");
    path
}

impl TempSqlite {
    /// `sqlite://…/guildsync.db`.
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("guildsync.db")
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    #[tokio::test]
    async fn one_that_is_migrated_has_its_tables_and_nobody_in_them() {
        for place in [migrated().await, migrated().await] {
            let mut connection = SqliteConnection::connect(&place.url()).await.unwrap();
            let marks = "SELECT count(*) FROM settings WHERE name = 'mark'";
            assert_eq!(sqlx::query_scalar::<_, i64>(marks).fetch_one(&mut connection).await.unwrap(), 0);
            sqlx::raw_sql("INSERT INTO settings (name, value) VALUES ('mark', 'mine')").execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }

    #[tokio::test]
    async fn two_files_are_apart_and_go_with_their_guard() {
        let (one, other) = (sqlite(), sqlite());
        for (place, make) in [(&one, true), (&other, false)] {
            let options = SqliteConnectOptions::from_str(&place.url()).unwrap().create_if_missing(true);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            if make {
                sqlx::raw_sql("CREATE TABLE mark (n int)").execute(&mut connection).await.unwrap();
            }
            let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut connection).await.unwrap();
            assert_eq!(tables, i64::from(make));
            connection.close().await.unwrap();
            assert!(place.path().is_file());
        }
        let path = one.path();
        drop(one);
        assert!(!path.exists());
        assert!(other.path().exists());
    }
}
