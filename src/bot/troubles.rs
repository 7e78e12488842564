//! Standing conditions that a person must know of: told once in the log, and kept in the database for the overview page while they last.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Desk, STEP};

/// How soon it is tried again when the database did not take it.
const AGAIN: Duration = Duration::from_secs(2);

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
    /// Discord refuses every session.
    Sessions,
    /// The commands are not registered.
    Commands,
    /// The report channel cannot be written to.
    Channel,
}

impl Trouble {
    /// Its word.
    fn code(self) -> &'static str {
        match self {
            Self::Intent => "bot_intent",
            Self::Token => "bot_token",
            Self::Guild => "bot_guild",
            Self::Gateway => "bot_gateway",
            Self::Sessions => "bot_sessions",
            Self::Commands => "bot_commands",
            Self::Channel => "bot_channel",
        }
    }
}

/// A condition as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// The message; `None` if it does not hold.
    message: Option<String>,
    /// Whether the database says the same.
    written: bool,
}

/// Notes conditions and clears them. Neither waits: a task writes them down as soon as the database takes them.
pub(super) struct Troubles {
    seen: Mutex<HashMap<Trouble, Seen>>,
    changed: Notify,
}

impl Troubles {
    pub fn new() -> Self {
        Self { seen: Mutex::default(), changed: Notify::new() }
    }

    /// Says that a condition holds. The log is told when that is news.
    pub fn note(&self, trouble: Trouble, message: &str) {
        if self.set(trouble, Some(message.to_owned())) {
            tracing::warn!(code = trouble.code(), "{message}");
        }
    }

    /// Says that a condition does not hold.
    pub fn clear(&self, trouble: Trouble) {
        let held = self.message(trouble).is_some();
        if self.set(trouble, None) && held {
            tracing::info!(code = trouble.code(), "this is over");
        }
    }

    /// The message of a condition that this process has noted.
    pub fn message(&self, trouble: Trouble) -> Option<String> {
        self.seen().get(&trouble).and_then(|seen| seen.message.clone())
    }

    /// Another process may have written meanwhile: what is noted from here on is news.
    pub fn forget(&self) {
        self.seen().clear();
    }

    /// Writes down what is noted until `stop`, and then what is left.
    pub async fn run(&self, desk: &Desk, stop: &CancellationToken) {
        let writing = async {
            loop {
                self.changed.notified().await;
                while !self.write(desk).await {
                    sleep(AGAIN).await;
                }
            }
        };
        let _ = stop.run_until_cancelled(writing).await;
        let _ = timeout(desk.options.pace.flush, self.write(desk)).await;
    }

    fn set(&self, trouble: Trouble, message: Option<String>) -> bool {
        let mut seen = self.seen();
        let news = seen.get(&trouble).is_none_or(|known| known.message != message);
        if news {
            seen.insert(trouble, Seen { message, written: false });
            self.changed.notify_one();
        }
        news
    }

    /// Writes what is not written; `false` if the database did not take it all.
    async fn write(&self, desk: &Desk) -> bool {
        let unwritten: Vec<(Trouble, Seen)> =
            self.seen().iter().filter(|(_, seen)| !seen.written).map(|(trouble, seen)| (*trouble, seen.clone())).collect();
        let mut all = true;
        for (trouble, seen) in unwritten {
            let (problems, code) = (&desk.tools.problems, trouble.code());
            let writing = async {
                match &seen.message {
                    Some(message) => problems.note_problem(code, message, desk.tools.clock.now()).await,
                    None => problems.clear_problem(code).await,
                }
            };
            if matches!(timeout(STEP, writing).await, Ok(Ok(()))) {
                let mut now = self.seen();
                // It may have changed meanwhile.
                if let Some(now) = now.get_mut(&trouble).filter(|now| **now == seen) {
                    now.written = true;
                }
            } else {
                tracing::debug!(code, "the database did not take it; the log has it");
                all = false;
            }
        }
        all
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Trouble, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
