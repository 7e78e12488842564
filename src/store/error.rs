//! What can go wrong with the ledger.

/// An error of the ledger. Its text never holds a URL, a password or a member's data.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or is too busy; the same call may succeed later. Nothing was changed.
    #[error("the database cannot be reached just now ({0}); nothing was changed, try again")]
    Unavailable(String),
    /// The run that was to be joined ended at that very moment. Nothing was changed; the same call succeeds.
    #[error("another sync has just ended; nothing was changed, try again")]
    JustEnded,
    /// The step was claimed by someone else meanwhile. Nothing was changed.
    #[error("another worker has taken this step over; nothing was changed")]
    ClaimLost,
    /// The database refuses what was asked of it, and a person must act.
    #[error("{0}")]
    Refused(String),
    /// A row holds what this version cannot read.
    #[error("the database holds {0}, which this version cannot read")]
    Unreadable(String),
    /// A row holds what a later version of this program wrote in this form; that one can read it. Nothing was changed.
    #[error("a newer version of guildsync wrote this (form {0}); this process leaves it to the newer ones")]
    Newer(u8),
    /// The database answered with an error of its own.
    #[error("the database refused a statement: {0}")]
    Sql(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody doing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::JustEnded)
    }
}

/// SQLSTATEs after which the same transaction may succeed: serialization failure, deadlock, lock timeout, too many connections,
/// shutting down, crashed, starting up, ended because it stood still.
const TRANSIENT_SQLSTATES: [&str; 8] = ["40001", "40P01", "55P03", "53300", "57P01", "57P02", "57P03", "25P03"];
/// SQLite's primary result codes for "busy" and "locked".
const TRANSIENT_SQLITE: [i64; 2] = [5, 6];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(e) => Self::Unavailable(e.to_string()),
            sqlx::Error::Tls(e) => Self::Unavailable(e.to_string()),
            sqlx::Error::PoolTimedOut => Self::Unavailable("no free connection".into()),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Unavailable("the connection was closed".into()),
            sqlx::Error::Database(e) => {
                // Only the headline: a detail line may quote the row.
                let code = e.code().unwrap_or_default();
                let transient = TRANSIENT_SQLSTATES.contains(&code.as_ref())
                    || code.parse::<i64>().is_ok_and(|c| TRANSIENT_SQLITE.contains(&(c & 0xff)) && code.len() < 5);
                let text = format!("{} [{code}]", e.message());
                if transient { Self::Unavailable(text) } else { Self::Sql(text) }
            }
            other => Self::Sql(other.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(e) => e.into(),
            other => Self::Refused(format!(
                "the schema could not be brought up to date: {other}; was the database made by a newer version?"
            )),
        }
    }
}
