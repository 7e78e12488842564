//! What the tests stand on: real servers of their own, folders that vanish, the built program as a child.
//!
//! Everything is started on first use, on free ports of 127.0.0.1, and ends with this process, however it ends. A server that is
//! not installed is a failure that says how to get it, never a skipped test.

pub mod children;
pub mod chromium;
pub mod discord;
pub mod far;
pub mod forms;
pub mod postgres;
pub mod process;
pub mod redis;
pub mod scratch;
pub mod sqlite;
pub mod strace;

use std::time::Duration;

/// How long a test waits for anything before it fails. Far longer than needed, so that a slow machine fails nothing.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// How often a wait looks again where nothing can wake it.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until `check` answers `true`, for things that nobody announces. Panics after [`DEADLINE`], naming `what`.
pub async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !check().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    let seen = tokio::time::timeout(DEADLINE, looking).await;
    assert!(seen.is_ok(), "waited {} s in vain until {what}", DEADLINE.as_secs());
}
