//! Who writes next. There is one writer, and whoever asks first is served first; what is large steps back.
//!
//! A batch holds the writer a hundred times as long as a step of something small, such as a leave or a login, of which each takes several steps, one
//! right after the other. If a batch came between every two of them, a few a second would be more than could be carried out beside a list.

use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep};

/// If nobody wanted the writer for so long, whoever had it has no further step: between two of them are a look at the queue and a few reads.
const LULL: Duration = Duration::from_millis(5);
/// What is large steps back no longer, so that many small things do not keep a list from being applied.
const LONGEST: Duration = Duration::from_millis(250);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(1);

/// The line of what is large.
pub(super) struct Line {
    turn: Semaphore,
}

impl Line {
    pub fn new() -> Self {
        Self { turn: Semaphore::new(1) }
    }

    /// Waits for the turn of something large; only one has it, so that whatever is small waits for one at most. To be kept until the writer is free again.
    pub async fn turn(&self, writer: &SqlitePool) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        let turn = self.turn.acquire().await.ok();
        let since = Instant::now();
        let mut wanted = since;
        while wanted.elapsed() < LULL && since.elapsed() < LONGEST {
            sleep(LOOK).await;
            if writer.num_idle() == 0 {
                wanted = Instant::now();
            }
        }
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_large_steps_back_while_the_writer_is_wanted_but_not_for_ever() {
        let writer = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        let line = Line::new();
        let wanted = writer.acquire().await.unwrap();
        let begun = Instant::now();
        drop(line.turn(&writer).await);
        assert!(begun.elapsed() >= LONGEST);

        let begun = Instant::now();
        let (turn, ()) = tokio::join!(line.turn(&writer), async {
            drop(wanted);
            // The next step of the same thing.
            let next = writer.acquire().await.unwrap();
            sleep(4 * LULL).await;
            drop(next);
        });
        assert!(begun.elapsed() >= 5 * LULL, "it waited for both steps");
        assert!(tokio::time::timeout(4 * LULL, line.turn(&writer)).await.is_err(), "there is one turn");
        drop(turn);
    }
}
