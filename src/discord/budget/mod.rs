//! How many requests Discord lets us make, and when the next may go.
//!
//! A bucket of requests per route and top-level resource, as the headers of answers tell; one for the whole bot; and pauses that a
//! 429 names. Whoever asks Discord with one token shares one budget: within a process a [`LocalBudget`], among several a
//! [`RedisBudget`]. A budget spares Discord and us refusals; a 429 that comes nevertheless is waited out all the same.

mod kept;
mod local;
mod redis;

use std::time::Duration;

use async_trait::async_trait;

pub use local::LocalBudget;
pub use redis::RedisBudget;

use super::Route;

/// Most requests of one bot in [`GLOBAL_WINDOW`], over all routes that count (Discord: topics/rate-limits).
pub(super) const GLOBAL_LIMIT: usize = 50;
/// A second, and a little for requests that overtake each other on their way.
pub(super) const GLOBAL_WINDOW: Duration = Duration::from_millis(1_100);
/// Longest pause or window that is kept. A longer one fails whoever asks long before it ends.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_hours(24);
/// Longest name of a bucket, in bytes; Discord's have 32.
const MAX_BUCKET: usize = 64;

/// What the headers of an answer say of its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    bucket: String,
    limit: u32,
    remaining: u32,
    reset_after: Duration,
}

impl Limits {
    /// Takes `X-RateLimit-Bucket`, `-Limit`, `-Remaining` and `-Reset-After`; `None` if the name is none that a store could hold.
    #[must_use]
    pub fn new(bucket: &str, limit: u32, remaining: u32, reset_after: Duration) -> Option<Self> {
        let named = (1..=MAX_BUCKET).contains(&bucket.len()) && bucket.bytes().all(|byte| byte.is_ascii_graphic());
        // A limit of nothing would never let anything go again.
        let limit = limit.max(1);
        named.then(|| Self { bucket: bucket.to_owned(), limit, remaining, reset_after: reset_after.min(LONGEST_PAUSE) })
    }
}

/// What a pause holds back.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    /// All routes that count against the bot's limit over all.
    Global,
    /// One route.
    Route(&'a Route),
}

/// Says when a request may go. Never fails.
#[async_trait]
pub trait Budget: Send + Sync + 'static {
    /// Takes a place for one request. Zero: taken, go. Else nothing was taken: ask again after so long.
    async fn acquire(&self, route: &Route) -> Duration;

    /// Takes note of an answer's headers.
    async fn learn(&self, route: &Route, limits: &Limits);

    /// Holds back whatever is in scope for so long, as a 429 asks.
    async fn pause(&self, scope: Scope<'_>, length: Duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets_that_no_store_could_hold_are_not_taken() {
        let taken = |bucket: &str| Limits::new(bucket, 5, 4, Duration::ZERO).is_some();
        assert!(taken("abcd1234-_"));
        assert!(!taken("") && !taken("a b") && !taken("é") && !taken(&"a".repeat(65)));
    }
}
