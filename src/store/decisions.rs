//! Decisions about departures: what both databases say of them.

use crate::domain::{Counts, HeldReason, RunError, RunState};

/// Why a decision about held departures has nothing to decide, if so: its run is `state`, and held for that reason.
pub(super) fn nothing_held(state: RunState, reason: Option<HeldReason>) -> Option<RunError> {
    let error = |code: &str, message: &str| Some(RunError { code: code.to_owned(), message: message.to_owned() });
    match (state, reason) {
        (RunState::Held, Some(HeldReason::MassDeparture)) => None,
        (RunState::Held, _) => error(
            "empty_list",
            "The list was empty, and an empty list is never believed, so it holds no departures. Nothing was changed; send the whole list.",
        ),
        (RunState::Superseded, _) => error(
            "superseded",
            "A newer list has replaced this one: whoever it misses was judged anew. Nothing was changed; decide on the newer run.",
        ),
        _ => error("nothing_held", "No departures are held there (any more). Nothing was changed."),
    }
}

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
