//! ENTRY: time. Wishes for the whole list from Discord at every tick of the schedule.
//!
//! Enters: the clock. Leaves: a run, through `intake`. Ticks stand at whole multiples of the schedule's period since 1970, so all processes
//! have the same ones, and the tick's time makes one run of them however many file it. A tick during which no process ran is not made up for:
//! the bot files a list after its start. Must not import `worker` or another entry.

use std::time::Duration;

use apalis_cron::timezone::Utc;
use apalis_cron::{CronScheduler, Schedule, Tick};
use chrono::DateTime;
use futures::StreamExt as _;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use crate::domain::Clock;
use crate::intake::{Fetch, Intake};

/// How long a tick that could not be filed waits before it is tried again, and how often.
const PAUSE: Duration = Duration::from_secs(10);
const TRIES: u32 = 30;

/// A tick every so often.
struct Every {
    period: u64,
    clock: Arc<dyn Clock>,
    last: u64,
}

impl Schedule<Utc> for Every {
    fn next_tick(&mut self, _: &Utc) -> Option<Tick<Utc>> {
        // A timer may wake a little early; the tick it woke for is over all the same.
        let now = u64::try_from(self.clock.now().timestamp()).unwrap_or_default().max(self.last);
        self.last = (now / self.period + 1).checked_mul(self.period)?;
        Some(Tick::new(self.last))
    }
}

/// Files a full sync from Discord every `period` until `stop`.
pub async fn run(intake: Intake, period: Duration, clock: Arc<dyn Clock>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let every = Every { period: period.as_secs().max(1), clock: Arc::clone(&clock), last: 0 };
        let mut ticks = Box::pin(CronScheduler::new(every).into_stream());
        loop {
            let tick = tokio::select! {
                tick = ticks.next() => tick,
                () = stop.cancelled() => return,
            };
            match tick {
                Some(Ok(tick)) => file(&intake, tick.get_timestamp(), &stop).await,
                // The machine slept over a tick; the schedule begins anew.
                Some(Err(error)) => {
                    tracing::warn!(%error, "a tick of the schedule was missed");
                    break;
                }
                None => return,
            }
        }
    }
}

async fn file(intake: &Intake, tick: u64, stop: &CancellationToken) {
    let Some(tick) = i64::try_from(tick).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)) else { return };
    for _ in 0..TRIES {
        match intake.file_tick(tick).await {
            Ok(Fetch::New(run)) => return tracing::info!(%run, "the schedule asks for all members from Discord"),
            Ok(Fetch::Joined(run)) => return tracing::debug!(%run, "the schedule's sync is filed already"),
            Err(error) => tracing::warn!(%error, "the schedule's sync could not be filed; it will be tried again"),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = stop.cancelled() => return,
        }
    }
    tracing::error!(%tick, "the schedule's sync was given up; the next one follows at its time");
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::ManualClock;

    #[test]
    fn ticks_are_the_same_for_all_and_none_comes_twice() {
        let start = DateTime::from_timestamp(1_700_000_123, 0).unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let mut every = Every { period: 3_600, clock: clock.clone(), last: 0 };
        let mut next = || every.next_tick(&Utc).unwrap().get_timestamp();
        let first = next();
        assert_eq!((first % 3_600, first > 1_700_000_123, first - 1_700_000_123 <= 3_600), (0, true, true));
        // Woken early, just before the tick.
        clock.advance(TimeDelta::seconds(3_000));
        assert_eq!(next(), first + 3_600);
        clock.advance(TimeDelta::seconds(36_000));
        let late = next();
        assert!(late > first + 3_600 && late.is_multiple_of(3_600));
    }
}
