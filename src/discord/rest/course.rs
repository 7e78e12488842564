//! The course of one request: how often it was tried, how long it has taken, what it waits for next.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Patience;
use crate::discord::DiscordError;
use crate::domain::Random;

/// Most tries of one request.
const MOST_TRIES: u32 = 8;

/// What became of a try that may be repeated.
#[derive(Debug)]
pub(super) enum Fault {
    /// Discord, or the way to it, failed.
    Unavailable(String),
    /// Something came that cannot be read.
    BadAnswer(String),
}

/// One request from its first try to its end.
pub(super) struct Course<'a> {
    action: &'static str,
    patience: Patience,
    random: &'a Random,
    started: Instant,
    failures: u32,
    refusals: u32,
}

impl<'a> Course<'a> {
    pub fn new(action: &'static str, patience: Patience, random: &'a Random) -> Self {
        Self { action, patience, random, started: Instant::now(), failures: 0, refusals: 0 }
    }

    /// Counts a failure, and answers how long to wait after it; or gives up after the last one.
    pub fn failed(&mut self, fault: Fault) -> Result<Duration, DiscordError> {
        self.failures += 1;
        if self.failures < MOST_TRIES {
            return Ok(self.pause(self.failures));
        }
        let (action, tries) = (self.action, self.failures);
        Err(match fault {
            Fault::Unavailable(fault) => DiscordError::Unavailable { action, tries, fault },
            Fault::BadAnswer(fault) => DiscordError::BadAnswer { action, tries, fault },
        })
    }

    /// How long to wait where Discord names a time, which is no try; after several such in a row longer than it names, so that a wait
    /// of nothing does not become a flood.
    pub fn told_to_wait(&mut self, named: Duration) -> Duration {
        self.refusals += 1;
        if self.refusals > 1 { named.max(self.pause(self.refusals - 1)) } else { named }
    }

    /// Waits, unless the time would be up before that.
    pub async fn wait(&self, pause: Duration) -> Result<(), DiscordError> {
        let waited = self.started.elapsed();
        if waited.saturating_add(pause) > self.patience.stand_still {
            return Err(DiscordError::StoodStill { action: self.action, waited, wanted: pause });
        }
        sleep(pause).await;
        Ok(())
    }

    /// The pause after the `count`th of something: it doubles, and half of it is chance.
    fn pause(&self, count: u32) -> Duration {
        let Patience { first_pause, longest_pause, .. } = self.patience;
        let whole = first_pause.saturating_mul(1 << (count - 1).min(16)).min(longest_pause);
        let [drawn, ..] = (self.random)();
        whole / 2 + whole / 2 * u32::from(drawn) / u32::from(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn random(byte: u8) -> Random {
        Arc::new(move || [byte; 32])
    }

    #[test]
    fn pauses_grow_to_the_longest_and_the_eighth_failure_is_the_last() {
        let (least, most) = (random(0), random(255));
        for (random, pauses) in
            [(&least, [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000]), (&most, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000])]
        {
            let mut course = Course::new("to ask", Patience::default(), random);
            for pause in pauses {
                assert_eq!(course.failed(Fault::Unavailable("x".into())), Ok(Duration::from_millis(pause)));
            }
            let eighth = course.failed(Fault::BadAnswer("y".into()));
            assert_eq!(eighth, Err(DiscordError::BadAnswer { action: "to ask", tries: 8, fault: "y".into() }));
        }
    }

    #[test]
    fn waits_that_discord_names_are_kept_and_are_no_tries() {
        let random = random(255);
        let mut course = Course::new("to ask", Patience::default(), &random);
        let waits: Vec<u64> = (0..20).map(|_| course.told_to_wait(Duration::from_secs(5)).as_secs()).collect();
        assert_eq!(waits[..6], [5, 5, 5, 5, 5, 8]);
        assert_eq!(waits[19], 30);
        assert_eq!(course.told_to_wait(Duration::from_mins(2)), Duration::from_mins(2));
        assert_eq!(course.failed(Fault::Unavailable("x".into())), Ok(Duration::from_millis(500)));
    }

    #[tokio::test(start_paused = true)]
    async fn fifteen_minutes_are_all() {
        let random = random(0);
        let course = Course::new("to ask", Patience::default(), &random);
        course.wait(Duration::from_mins(14)).await.unwrap();
        course.wait(Duration::from_mins(1)).await.unwrap();
        let wanted = Duration::from_secs(1);
        let error = DiscordError::StoodStill { action: "to ask", waited: Duration::from_mins(15), wanted };
        assert_eq!(course.wait(wanted).await, Err(error));

        // A wait that is too long is not begun.
        let course = Course::new("to ask", Patience::default(), &random);
        let before = Instant::now();
        assert_eq!(course.wait(Duration::MAX).await.unwrap_err().code(), "stood_still");
        assert!(before.elapsed().is_zero());
    }
}
