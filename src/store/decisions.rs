//! Decisions about departures: what both databases say of them.

use crate::domain::{Act, Counts, RunError, RunId, RunState};

/// What a decision did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Decided {
    /// Held departures that were marked as left.
    pub marked: i64,
    /// Ids that nothing was decided of: newer evidence has come, or they are not held there.
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

/// What a run is told whose departures were undone.
pub(super) fn undone(by: RunId, rejoined: i64) -> String {
    format!("Departures of this run were undone: {rejoined} of those it had marked as left are present again, by the run {by}.")
}

/// What a run is told that had held departures, of which a decision's are undone.
pub(super) fn decision_undone(decided: RunId, by: RunId, rejoined: i64) -> String {
    format!(
        "Departures that this run had held were undone: {rejoined} of those that were marked as left by the decision {decided} are present again, by \
         the run {by}."
    )
}

/// What the log of staff is told of a decision that was carried out, or could not be.
pub(super) fn came_of(act: Act, done: Result<&Counts, &RunError>) -> String {
    let Ok(counts) = done else { return "came too late, nothing was changed".to_owned() };
    let parts = match act {
        Act::ApplyDepartures => [(counts.marked_left, "marked as left"), (counts.deferred, "not marked")],
        Act::DismissDepartures => [(counts.dismissed, "dismissed"), (counts.deferred, "not held there")],
        Act::UndoDepartures => [(counts.rejoined, "present again"), (0, "")],
    };
    let [(first, words), rest @ ..] = parts;
    let rest = rest.into_iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
    std::iter::once(format!("{first} {words}")).chain(rest).collect::<Vec<_>>().join(", ")
}

/// The same of one that ended before.
pub(super) fn broke_off(state: RunState) -> &'static str {
    if state == RunState::Cancelled { "cancelled, nothing was changed" } else { "failed, nothing was changed" }
}
