//! What cannot be done as things stand.
//!
//! Enters: what was wished for. Leaves: a refusal with the way back.

use poem::http::StatusCode;

use super::addresses::RUNS;
use super::refusal::{Refusal, Told};
use crate::domain::Run;

/// About a run, as it has become meanwhile.
pub(in crate::http) fn conflict(title: &'static str, text: impl Into<String>, run: &Run) -> Refusal {
    of_run(StatusCode::CONFLICT, title, text, run)
}

/// About a run, with the way back to it.
pub(in crate::http) fn of_run(status: StatusCode, title: &'static str, text: impl Into<String>, run: &Run) -> Refusal {
    Told::new(status, title, text, (format!("{RUNS}{}/", run.id), "Back to the sync")).into()
}

/// While the program does not know its guild nothing can be taken in.
pub(in crate::http) fn no_guild() -> Refusal {
    let text = "This site does not know its guild yet. Whoever runs it must set GUILD_ID and start it again. Nothing was done.";
    Told::new(StatusCode::SERVICE_UNAVAILABLE, "No guild is set", text, (RUNS.to_owned(), "See the syncs")).into()
}
