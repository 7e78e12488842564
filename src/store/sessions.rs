//! The handle of logins: who is logged in.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::StoreError;
use crate::domain::Account;

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a request.
    pub idle: TimeDelta,
    /// At the most.
    pub max: TimeDelta,
}

/// Opens, finds and closes sessions. A session is known by the SHA-256 of the token in the browser's cookie.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    /// Opens a session for an account.
    async fn open_session(&self, id: &[u8; 32], account: i64, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// The active account of a session within its limits, which is hereby used again. Its use is noted to the minute, so it may end that
    /// much earlier.
    async fn session(&self, id: &[u8; 32], limits: SessionLimits, now: DateTime<Utc>) -> Result<Option<Account>, StoreError>;

    /// As [`session`](Self::session), for who only watches whether it still lasts: it is not used by that.
    async fn look_at_session(
        &self,
        id: &[u8; 32],
        limits: SessionLimits,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, StoreError>;

    /// Closes a session; it may be gone already.
    async fn close_session(&self, id: &[u8; 32]) -> Result<(), StoreError>;
}
