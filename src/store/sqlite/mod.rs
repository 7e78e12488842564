//! The ledger in the embedded SQLite. A file per table, and one for what concerns the database as a whole.
//!
//! SQLite has one writer at a time, so there is one writing connection and the callers queue for it here, where the wait has a
//! bound, instead of inside SQLite. Reads go over connections of their own and are not held up (write-ahead log).

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

use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{Row as _, Sqlite as Driver, Transaction};

use super::columns::Columns;
use super::{Connect, StoreError};
use crate::domain::RunId;

/// The ledger in SQLite.
pub(super) struct Sqlite {
    /// Reading connections.
    read: SqlitePool,
    /// The writing connection.
    write: SqlitePool,
    line: turns::Line,
    /// The database file.
    file: PathBuf,
    /// How long one call may take in all.
    pub(super) patience: Duration,
}

/// Takes a batch's members for comparison with their rows; private to the writing connection and empty between batches.
const LISTED: &str = "
CREATE TEMP TABLE listed (
    discord_id INTEGER PRIMARY KEY, username TEXT, display_name TEXT, nickname TEXT, avatar_hash TEXT,
    guild_avatar_hash TEXT, roles TEXT, joined_at INTEGER, is_bot INTEGER
)";

/// Bytes of the file at most that are read as mapped memory. They count as the kernel's cache and not as this process's own.
const MAPPED: &str = "1073741824";

impl Sqlite {
    pub(super) async fn open(url: &str, connect: &Connect) -> Result<Self, StoreError> {
        let file = file_of(url)?;
        let options = options(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // With a write-ahead log, an accepted run must survive a power cut, not only a crash of the process.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(connect.acquire_timeout)
            .pragma("temp_store", "memory")
            // In KiB. Each connection has a cache of its own; the kernel's is behind it.
            .pragma("cache_size", "-4000")
            .pragma("journal_size_limit", "67108864");
        let pool = || SqlitePoolOptions::new().acquire_timeout(connect.acquire_timeout).idle_timeout(None).max_lifetime(None);
        let write = pool()
            .max_connections(1)
            // Batches queue for the one writer; each takes tens of milliseconds.
            .acquire_timeout(connect.acquire_timeout.max(Duration::from_secs(30)))
            .after_connect(|connection, _| Box::pin(async move { sqlx::query(LISTED).execute(connection).await.map(|_| ()) }))
            .connect_with(options.clone().pragma("cache_size", "-16000"))
            .await
            .map_err(|error| not_opened(&file, error))?;
        // What pages read stands all over the file; mapped, it is read where the kernel has it, by all connections.
        let options = options.read_only(true).create_if_missing(false).pragma("mmap_size", MAPPED);
        let read = pool().max_connections(connect.max_connections.min(readers())).connect_lazy_with(options);
        Ok(Self { read, write, line: turns::Line::new(), file, patience: connect.patience() })
    }

    /// Begins a transaction that writes; it has the write lock from its start, so that it never fails halfway for want of it.
    async fn begin(&self) -> Result<Transaction<'static, Driver>, StoreError> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }
}

/// Connections that read at once: more of them than processors read nothing sooner, and each has to map the file for itself.
fn readers() -> u32 {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u32::try_from(processors).unwrap_or(2).saturating_add(2)
}

/// SQLite's own words do not name the file.
fn not_opened(file: &std::path::Path, error: sqlx::Error) -> StoreError {
    match error {
        // SQLITE_CANTOPEN
        sqlx::Error::Database(e) if e.code().is_some_and(|code| code == "14") => StoreError::Refused(format!(
            "the SQLite file {} cannot be opened; does its folder exist, and may this user write there?",
            file.display()
        )),
        other => other.into(),
    }
}

/// The file that a URL names.
pub(super) fn file_of(url: &str) -> Result<PathBuf, StoreError> {
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
    let path = path.split('?').next().unwrap_or_default();
    if path.is_empty() || path.contains(":memory:") || url.contains("mode=memory") {
        return Err(StoreError::Refused(
            "an SQLite database must be a file, or a restart would lose it; write DATABASE_URL=sqlite://guildsync.db".into(),
        ));
    }
    // As the driver reads it, so that two spellings of one file are one file.
    Ok(options(url)?.get_filename().to_owned())
}

fn options(url: &str) -> Result<SqliteConnectOptions, StoreError> {
    SqliteConnectOptions::from_str(url)
        .map_err(|_| StoreError::Refused("the database URL is not a valid sqlite:// address".into()))
}

/// Numbers as a JSON list, which is how this database takes a list in one value.
fn json_list(numbers: &[i64]) -> String {
    // Written at once: as many ids as a guild has members are tens of megabytes as JSON values in memory.
    let mut list = String::with_capacity(2 + 20 * numbers.len());
    list.push('[');
    for number in numbers {
        let comma = if list.len() > 1 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(list, "{comma}{number}");
    }
    list.push(']');
    list
}

/// A time as this database keeps it.
fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}

fn moment(value: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(value).ok_or_else(|| StoreError::Unreadable("a time out of range".into()))
}

impl Columns for SqliteRow {
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
        moment(self.try_get(name)?)
    }

    fn opt_time(&self, name: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.try_get::<Option<i64>, _>(name)?.map(moment).transpose()
    }

    fn json(&self, name: &str) -> Result<String, StoreError> {
        Ok(self.try_get(name)?)
    }

    fn run_id(&self, name: &str) -> Result<RunId, StoreError> {
        let text: String = self.try_get(name)?;
        text.parse().map_err(|_| StoreError::Unreadable("an unknown run id".into()))
    }

    fn opt_json(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.try_get(name)?)
    }

    fn opt_run_id(&self, name: &str) -> Result<Option<RunId>, StoreError> {
        let text: Option<String> = self.try_get(name)?;
        text.map(|text| text.parse().map_err(|_| StoreError::Unreadable("an unknown run id".into()))).transpose()
    }
}
