//! Counts failures per key and says when the next try may come.
//!
//! Enters: a key (a name, an address) and the time. Leaves: yes, or how long to wait. In this process only; must not import a room.
//!
//! The window is fixed: it opens with a key's first failure and all its failures are forgotten together when it closes. Keys are kept
//! as their SHA-256, so that an entry has one size whatever was sent, and there are never more than `capacity` of them: what has
//! run out makes room first, then the key with the fewest failures.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

type Key = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Window {
    opened: DateTime<Utc>,
    failures: u32,
}

/// A bounded memory of failures.
#[derive(Debug)]
pub struct Throttle {
    limit: u32,
    window: TimeDelta,
    capacity: usize,
    windows: Mutex<HashMap<Key, Window>>,
}

impl Throttle {
    /// Lets `limit` failures of one key pass in each `window`, and remembers at most `capacity` keys.
    #[must_use]
    pub fn new(limit: u32, window: Duration, capacity: usize) -> Self {
        let window = TimeDelta::from_std(window).unwrap_or(TimeDelta::MAX);
        Self { limit, window, capacity: capacity.max(1), windows: Mutex::new(HashMap::new()) }
    }

    /// Whether `key` may try.
    ///
    /// # Errors
    /// How long it must wait.
    pub fn check(&self, key: &str, now: DateTime<Utc>) -> Result<(), Duration> {
        self.with(|windows| self.judge(windows, &digest(key), now))
    }

    /// Counts a failure of `key`.
    pub fn note_failure(&self, key: &str, now: DateTime<Utc>) {
        self.with(|windows| self.count(windows, digest(key), now));
    }

    /// [`check`](Self::check) and [`note_failure`](Self::note_failure) in one step, before the outcome is known, so that tries made
    /// side by side cannot all pass the check. Who turns out to be right gives it back.
    ///
    /// # Errors
    /// How long `key` must wait; nothing is counted then.
    pub fn take(&self, key: &str, now: DateTime<Utc>) -> Result<(), Duration> {
        let key = digest(key);
        self.with(|windows| {
            self.judge(windows, &key, now)?;
            self.count(windows, key, now);
            Ok(())
        })
    }

    /// Takes one failure of `key` back: the try that was counted by [`take`](Self::take) was none.
    pub fn give_back(&self, key: &str) {
        let key = digest(key);
        self.with(|windows| {
            if let Some(window) = windows.get_mut(&key) {
                window.failures = window.failures.saturating_sub(1);
                if window.failures == 0 {
                    windows.remove(&key);
                }
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Key, Window>) -> T) -> T {
        act(&mut self.windows.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A window that opened in the future was opened by a clock that has been set back since; it says nothing any more.
    fn is_over(&self, window: &Window, now: DateTime<Utc>) -> bool {
        now < window.opened || now - window.opened >= self.window
    }

    fn judge(&self, windows: &HashMap<Key, Window>, key: &Key, now: DateTime<Utc>) -> Result<(), Duration> {
        let Some(window) = windows.get(key).filter(|window| window.failures >= self.limit) else {
            return Ok(());
        };
        if self.is_over(window, now) {
            return Ok(());
        }
        let rest = self.window - (now - window.opened);
        if rest <= TimeDelta::zero() { Ok(()) } else { Err(rest.to_std().unwrap_or_default()) }
    }

    fn count(&self, windows: &mut HashMap<Key, Window>, key: Key, now: DateTime<Utc>) {
        if windows.len() >= self.capacity && !windows.contains_key(&key) {
            windows.retain(|_, window| !self.is_over(window, now));
            if windows.len() >= self.capacity {
                let weakest = windows.iter().min_by_key(|(_, window)| (window.failures, window.opened)).map(|(key, _)| *key);
                weakest.and_then(|key| windows.remove(&key));
            }
        }
        let window = windows.entry(key).or_insert(Window { opened: now, failures: 0 });
        if self.is_over(window, now) {
            *window = Window { opened: now, failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
    }
}

fn digest(key: &str) -> Key {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn the_limit_passes_and_the_next_waits_for_the_rest_of_the_window() {
        let throttle = Throttle::new(2, MINUTE, 10);
        throttle.note_failure("a", at(0));
        assert_eq!(throttle.check("a", at(10)), Ok(()));
        throttle.note_failure("a", at(10));
        assert_eq!(throttle.check("a", at(20)), Err(Duration::from_secs(40)));
        assert_eq!(throttle.check("b", at(20)), Ok(()), "keys are apart");
        assert_eq!(throttle.check("a", at(60)), Ok(()));
    }

    #[test]
    fn a_new_window_forgets_the_old_one() {
        let throttle = Throttle::new(2, MINUTE, 10);
        (0..5).for_each(|second| throttle.note_failure("a", at(second)));
        throttle.note_failure("a", at(61));
        assert_eq!(throttle.check("a", at(61)), Ok(()));
        throttle.note_failure("a", at(62));
        assert_eq!(throttle.check("a", at(62)), Err(Duration::from_secs(59)));
    }

    #[test]
    fn tries_are_counted_when_taken_and_can_be_given_back() {
        let throttle = Throttle::new(2, MINUTE, 10);
        assert_eq!(throttle.take("a", at(0)), Ok(()));
        assert_eq!(throttle.take("a", at(0)), Ok(()));
        assert!(throttle.take("a", at(0)).is_err());
        throttle.give_back("a");
        assert_eq!(throttle.take("a", at(0)), Ok(()), "a refused try was not counted");
        throttle.give_back("never seen");
    }

    #[test]
    fn memory_is_bounded_and_the_worst_offender_is_kept() {
        let throttle = Throttle::new(3, MINUTE, 4);
        (0..3).for_each(|_| throttle.note_failure("bad", at(0)));
        (0..1_000).for_each(|n| throttle.note_failure(&format!("noise {n}"), at(1)));
        assert!(throttle.with(|windows| windows.len()) <= 4);
        assert!(throttle.check("bad", at(2)).is_err());
    }

    #[test]
    fn windows_that_have_closed_make_room_before_open_ones() {
        let throttle = Throttle::new(2, MINUTE, 2);
        (0..5).for_each(|_| throttle.note_failure("old", at(0)));
        throttle.note_failure("new", at(59));
        throttle.note_failure("newer", at(61));
        throttle.note_failure("new", at(62));
        assert!(throttle.check("new", at(63)).is_err(), "the failure at 59 was kept");
    }

    #[test]
    fn a_clock_set_back_makes_nobody_wait_longer_than_a_window() {
        let throttle = Throttle::new(1, MINUTE, 2);
        throttle.note_failure("a", at(1_000));
        assert_eq!(throttle.check("a", at(0)), Ok(()));
        throttle.note_failure("a", at(0));
        assert_eq!(throttle.check("a", at(1)), Err(Duration::from_secs(59)), "a new window has begun");
        assert_eq!(throttle.check("a", at(60)), Ok(()));
    }
}
