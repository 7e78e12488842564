//! Embedded databases, a file per test.

use std::path::PathBuf;

use tempfile::TempDir;

use super::scratch;

/// A place for an SQLite database; the file is made by whoever opens it, and goes with this value.
pub struct TempSqlite {
    folder: TempDir,
}

/// A place for a database of its own.
pub fn sqlite() -> TempSqlite {
    TempSqlite { folder: tempfile::tempdir_in(scratch::root()).expect("a folder for a database") }
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

    use sqlx::Connection as _;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

    use super::*;

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
