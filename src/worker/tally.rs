//! How many jobs this process has in hand, and how the others ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::store::Jobs;

/// Counts jobs; all its clones count together.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    in_hand: AtomicI64,
    done: AtomicI64,
    failed: AtomicI64,
    /// Failures of jobs that have not ended yet. A job has one at most.
    unsettled: AtomicI64,
}

/// A job in hand; it ends when this goes.
pub(super) struct InHand {
    tally: Tally,
    /// Its work came to an end.
    is_over: bool,
}

impl Tally {
    /// The counts as they are now.
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        let read = |counter: &AtomicI64| counter.load(Ordering::Relaxed);
        Jobs { in_hand: read(&self.0.in_hand), done: read(&self.0.done), failed: read(&self.0.failed) }
    }

    /// A job begins.
    pub(super) fn begin(&self) -> InHand {
        self.0.in_hand.fetch_add(1, Ordering::Relaxed);
        InHand { tally: self.clone(), is_over: false }
    }

    /// The job that is being worked on has met an error that ends it.
    pub(super) fn note_failure(&self) {
        self.0.failed.fetch_add(1, Ordering::Relaxed);
        self.0.unsettled.fetch_add(1, Ordering::Relaxed);
    }
}

impl InHand {
    /// The work came to its end, well or not.
    pub(super) fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let counters = &self.tally.0;
        counters.in_hand.fetch_sub(1, Ordering::Relaxed);
        let settle = |open: i64| (open > 0).then(|| open - 1);
        if counters.unsettled.fetch_update(Ordering::Relaxed, Ordering::Relaxed, settle).is_ok() {
            return;
        }
        // It panicked, or took so long that it was given up.
        let ended = if self.is_over { &counters.done } else { &counters.failed };
        ended.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_is_counted_once() {
        let tally = Tally::default();
        let (one, two, three) = (tally.begin(), tally.begin(), tally.begin());
        assert_eq!(tally.jobs(), Jobs { in_hand: 3, done: 0, failed: 0 });
        one.over();
        tally.note_failure();
        assert_eq!(tally.jobs(), Jobs { in_hand: 2, done: 1, failed: 1 });
        two.over();
        assert_eq!(tally.jobs(), Jobs { in_hand: 1, done: 1, failed: 1 }, "the failure was told already");
        drop(three);
        assert_eq!(tally.jobs(), Jobs { in_hand: 0, done: 1, failed: 2 }, "it never came to its end");
    }
}
