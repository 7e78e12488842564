//! Time, passed in: every room that needs the time holds a [`Clock`], so that a test decides what time it is.

use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time, to the microsecond: the precision both databases keep.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// Cuts a time to whole microseconds, so that a time read back equals the time written. A leap second counts as the next one.
#[must_use]
pub fn to_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

/// The rule of [`parse_time`] in words.
pub const TIME_RULE: &str = "must be a time like 2024-01-01T00:00:00Z";

/// Reads a time as RFC 3339 writes it, cut to whole microseconds; without a zone it is UTC.
#[must_use]
pub fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    // chrono would take Unicode's minus sign, too.
    if !text.is_ascii() {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}Z"))).ok()?;
    // After the cut, which makes a leap second the next one: that can be in a year that RFC 3339 cannot write.
    let time = to_micros(time.to_utc());
    (0..=9_999).contains(&chrono::Datelike::year(&time)).then_some(time)
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        to_micros(Utc::now())
    }
}

/// The machine's clock, set back: it goes at the same pace, and jumps on when told to. For the past that a demo invents.
#[derive(Debug)]
pub struct SetBackClock(Mutex<TimeDelta>);

impl SetBackClock {
    /// A clock that is `behind` the machine's.
    #[must_use]
    pub fn new(behind: TimeDelta) -> Self {
        Self(Mutex::new(behind))
    }

    /// Jumps on by `step`; never past the machine's clock.
    pub fn advance(&self, step: TimeDelta) {
        let mut behind = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *behind = (*behind - step).max(TimeDelta::zero());
    }
}

impl Clock for SetBackClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() - *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A clock that stands until it is moved; for tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: DateTime<Utc>) -> Self {
        Self(Mutex::new(to_micros(start)))
    }

    /// Moves the clock on by `step`, and answers the new time.
    pub fn advance(&self, step: TimeDelta) -> DateTime<Utc> {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now += step;
        *now
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
