//! Standing conditions that a person must know of: told once in the log, and kept in the database for the overview page while they last.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::timeout;

use super::STEP;
use crate::domain::Clock;
use crate::store::{Problems, StoreError};

/// What a condition is about; its word stands in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Trouble {
    /// The Server Members Intent is off.
    Intent,
    /// Discord does not accept the token.
    Token,
    /// The bot is not in the guild.
    Guild,
    /// No connection to Discord.
    Gateway,
    /// The commands are not registered.
    Commands,
    /// The report channel cannot be written to.
    Channel,
}

impl Trouble {
    /// Its word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Intent => "bot_intent",
            Self::Token => "bot_token",
            Self::Guild => "bot_guild",
            Self::Gateway => "bot_gateway",
            Self::Commands => "bot_commands",
            Self::Channel => "bot_channel",
        }
    }
}

/// Notes conditions and clears them.
pub(super) struct Troubles {
    problems: Arc<dyn Problems>,
    clock: Arc<dyn Clock>,
    /// What the database holds, as far as this process wrote it: the message, or `None` for cleared.
    known: Mutex<HashMap<Trouble, Option<String>>>,
}

impl Troubles {
    pub fn new(problems: Arc<dyn Problems>, clock: Arc<dyn Clock>) -> Self {
        Self { problems, clock, known: Mutex::new(HashMap::new()) }
    }

    /// Another process may have written meanwhile.
    pub fn forget(&self) {
        self.known().clear();
    }

    /// The message of a condition that this process has noted.
    pub fn message(&self, trouble: Trouble) -> Option<String> {
        self.known().get(&trouble).cloned().flatten()
    }

    /// Says that a condition holds. Repeats neither the log line nor the row.
    pub async fn note(&self, trouble: Trouble, message: String) {
        let news = self.known().insert(trouble, Some(message.clone())).flatten().is_none_or(|known| known != message);
        if news {
            tracing::warn!(code = trouble.code(), "{message}");
            self.write(trouble, self.problems.note_problem(trouble.code(), &message, self.clock.now())).await;
        }
    }

    /// Says that a condition does not hold.
    pub async fn clear(&self, trouble: Trouble) {
        let known = self.known().insert(trouble, None);
        if known != Some(None) {
            if known.is_some() {
                tracing::info!(code = trouble.code(), "this is over");
            }
            self.write(trouble, self.problems.clear_problem(trouble.code())).await;
        }
    }

    /// Writes, and forgets what could not be written, so that it is tried again.
    async fn write(&self, trouble: Trouble, writing: impl Future<Output = Result<(), StoreError>>) {
        match timeout(STEP, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => {
                tracing::debug!(code = trouble.code(), "the database did not take it; the log has it");
                self.known().remove(&trouble);
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Trouble, Option<String>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
