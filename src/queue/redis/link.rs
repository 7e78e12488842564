//! The connection to Redis: how it is opened, lost and found again.
//!
//! `apalis_redis::connect` is not used: it keeps a response timeout of half a second, so that one slow moment of Redis would kill
//! every worker. A manager here is opened lazily, so that the program starts while Redis is down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncConnectionConfig, Client, RedisResult};
use secrecy::{ExposeSecret as _, SecretString};

use crate::queue::QueueError;

/// How long a command may take.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// How long the building of a connection may take.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const CONNECT_RETRIES: usize = 2;
const CONNECT_PAUSE: Duration = Duration::from_secs(1);

/// A connection that all users of this process share.
#[derive(Clone)]
pub(super) struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    manager: Mutex<Option<ConnectionManager>>,
}

impl Link {
    /// Checks the URL; connects later.
    pub(super) fn new(url: &SecretString) -> Result<Self, QueueError> {
        let client = Client::open(url.expose_secret()).map_err(|error| QueueError::BadUrl(error.to_string()))?;
        Ok(Self(Arc::new(Inner { client, manager: Mutex::new(None) })))
    }

    /// For a connection of one's own.
    pub(super) fn client(&self) -> &Client {
        &self.0.client
    }

    /// The shared connection; it reconnects by itself.
    pub(super) fn manager(&self) -> Result<ConnectionManager, QueueError> {
        let mut held = self.0.manager.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(manager) = held.as_ref() {
            return Ok(manager.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWER_LIMIT))
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_number_of_retries(CONNECT_RETRIES)
            .set_max_delay(CONNECT_PAUSE);
        let manager = ConnectionManager::new_lazy_with_config(self.0.client.clone(), config).map_err(unavailable)?;
        Ok(held.insert(manager).clone())
    }

    /// Lets the next user open a new manager. A manager keeps for ever an answer it got while connecting that is no I/O error, say a
    /// wrong password, also once the password is right.
    pub(super) fn forget(&self) {
        *self.0.manager.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Does something with the shared connection, within [`ANSWER_LIMIT`].
    pub(super) async fn with<T, F>(&self, work: impl FnOnce(ConnectionManager) -> F) -> Result<T, QueueError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        match tokio::time::timeout(ANSWER_LIMIT, work(self.manager()?)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if !error.is_io_error() {
                    self.forget();
                }
                Err(unavailable(error))
            }
            Err(_) => Err(silent(ANSWER_LIMIT)),
        }
    }
}

/// The limits of a connection that is used once.
pub(super) fn brief() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER_LIMIT)).set_connection_timeout(Some(CONNECT_LIMIT))
}

pub(super) fn unavailable(error: impl std::fmt::Display) -> QueueError {
    QueueError::Unavailable(error.to_string())
}

/// Redis did not answer in time.
pub(super) fn silent(limit: Duration) -> QueueError {
    unavailable(format!("no answer within {} s", limit.as_secs()))
}

/// Pauses that grow from 250 ms to 5 s.
pub(super) struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);
    pub(super) const LONGEST: Duration = Duration::from_secs(5);

    pub(super) fn new() -> Self {
        Self(Self::FIRST)
    }

    pub(super) fn reset(&mut self) {
        self.0 = Self::FIRST;
    }

    /// How long to wait this time.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::LONGEST);
        pause
    }
}

/// Logs the beginning and the end of an outage, and not every call in between.
pub(super) struct Outage {
    /// What does not work meanwhile.
    part: &'static str,
    lasts: AtomicBool,
}

impl Outage {
    pub(super) fn new(part: &'static str) -> Self {
        Self { part, lasts: AtomicBool::new(false) }
    }

    /// It failed.
    pub(super) fn begins(&self, error: &QueueError) {
        if self.lasts.swap(true, Ordering::Relaxed) {
            tracing::debug!(part = self.part, "still: {error}");
        } else {
            tracing::warn!(part = self.part, "{error}");
        }
    }

    /// It worked.
    pub(super) fn ends(&self) {
        if self.lasts.swap(false, Ordering::Relaxed) {
            tracing::info!(part = self.part, "Redis answers again");
        }
    }
}
