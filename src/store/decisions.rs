//! Decisions about departures: what both databases say of them.

use crate::domain::Counts;

/// What a decision did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Decided {
    /// Held departures that were marked as left.
    pub marked: i64,
    /// Ids that were not: newer evidence has come, or they are not held there.
    pub not_marked: i64,
    /// Held departures that were not believed.
    pub dismissed: i64,
    /// What is still held there.
    pub held: i64,
}

impl Decided {
    /// As the counts of the decision's own run.
    pub fn counts(self) -> Counts {
        Counts {
            marked_left: self.marked,
            deferred: self.not_marked,
            dismissed: self.dismissed,
            departures_held: self.held,
            ..Counts::default()
        }
    }
}
