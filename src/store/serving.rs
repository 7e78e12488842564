//! Who serves an SQLite file: one process at a time, told by a lock on a file beside it.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::{Backend, Connect, StoreError, sqlite};

/// How often the lock is tried: a command that looks whether it is taken holds it for a moment.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// The right to serve a database; gone when dropped, or with the process however it ends.
#[derive(Debug)]
pub struct ServingLock {
    _lock: Option<File>,
}

impl ServingLock {
    /// Takes the right to serve the database of `connect`. PostgreSQL has room for any number of processes.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if another process serves the same SQLite file.
    pub async fn take(connect: &Connect) -> Result<Self, StoreError> {
        let Some(path) = lock_file(connect)? else { return Ok(Self { _lock: None }) };
        let lock = open(&path)?;
        for _ in 0..TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { _lock: Some(lock) }),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::Error(e)) => return Err(unusable(&path, &e)),
            }
        }
        Err(StoreError::Refused(
            "another guildsync process serves this SQLite file, which has room for one; stop that process, or set DATABASE_URL to a \
             PostgreSQL database to run several"
                .into(),
        ))
    }

    /// Whether some process serves the SQLite file of `connect`; `None` for PostgreSQL, where the processes' heartbeats tell.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the lock file cannot be looked at.
    pub fn is_taken(connect: &Connect) -> Result<Option<bool>, StoreError> {
        let Some(path) = lock_file(connect)? else { return Ok(None) };
        match open(&path)?.try_lock_shared() {
            Ok(()) => Ok(Some(false)),
            Err(TryLockError::WouldBlock) => Ok(Some(true)),
            Err(TryLockError::Error(e)) => Err(unusable(&path, &e)),
        }
    }
}

fn lock_file(connect: &Connect) -> Result<Option<PathBuf>, StoreError> {
    let url = connect.url.expose_secret();
    if Backend::of(url) != Some(Backend::Sqlite) {
        return Ok(None);
    }
    let mut path = sqlite::file_of(url)?.into_os_string();
    path.push(".lock");
    Ok(Some(path.into()))
}

fn open(path: &PathBuf) -> Result<File, StoreError> {
    File::options().create(true).truncate(false).write(true).open(path).map_err(|e| unusable(path, &e))
}

fn unusable(path: &std::path::Path, error: &std::io::Error) -> StoreError {
    StoreError::Refused(format!(
        "the lock file {} cannot be used ({error}); does its folder exist, and may this user write there?",
        path.display()
    ))
}
