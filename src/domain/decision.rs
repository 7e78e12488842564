//! When there is something to decide about a run's departures.

use super::{HeldReason, Run, RunError, RunState};

/// Why nothing can be decided about held departures of a run in `state`, held for `reason`; `None` if something can.
#[must_use]
pub fn nothing_held(state: RunState, reason: Option<HeldReason>) -> Option<RunError> {
    let error = |code: &str, message: &str| Some(RunError { code: code.to_owned(), message: message.to_owned() });
    match (state, reason) {
        (RunState::Held, Some(reason)) if reason != HeldReason::EmptyList => None,
        (RunState::Held, _) => error(
            "empty_list",
            "The list was empty, and an empty list is never believed, so it holds no departures. Nothing was changed; send the whole list.",
        ),
        (RunState::Superseded, _) => error(
            "superseded",
            "A newer list has replaced this one: whoever it misses was judged anew. Nothing was changed; look at the newer run.",
        ),
        _ => error("nothing_held", "No departures are held there. Nothing was changed."),
    }
}

/// Whether a run that failed did so because there was nothing to decide.
#[must_use]
pub fn came_too_late(run: &Run) -> bool {
    let code = run.error.as_ref().map(|error| error.code.as_str());
    run.act.is_some() && matches!(code, Some("empty_list" | "superseded" | "nothing_held"))
}
