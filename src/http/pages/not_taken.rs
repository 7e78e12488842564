//! Why a list or a wish was not taken, as pages say it.
//!
//! Enters: a refusal of the intake. Leaves: its status, and words for whoever sent it.

use poem::http::StatusCode;

use super::addresses::RUNS;
use super::refusal::{Refusal, Told};
use crate::intake;

/// What a page says of a refusal.
pub(in crate::http) struct NotTaken {
    pub(in crate::http) status: StatusCode,
    pub(in crate::http) title: &'static str,
    pub(in crate::http) text: String,
}

impl NotTaken {
    /// The words for a refusal. Faults of ours are logged here.
    pub(in crate::http) fn of(refusal: &intake::Refusal) -> Self {
        let (status, title) = match refusal {
            intake::Refusal::Malformed { .. } => (StatusCode::BAD_REQUEST, "This is not a member list"),
            intake::Refusal::BrokenEncoding(_) => (StatusCode::BAD_REQUEST, "This file cannot be unpacked"),
            intake::Refusal::BrokenOff => (StatusCode::BAD_REQUEST, "The list broke off"),
            intake::Refusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "This list is too large"),
            intake::Refusal::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The list came in too slowly"),
            intake::Refusal::Faulty { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "This list breaks rules"),
            intake::Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too many lists are coming in"),
            intake::Refusal::Store(error) if error.is_transient() => (StatusCode::SERVICE_UNAVAILABLE, "The database is away"),
            intake::Refusal::Store(_) | intake::Refusal::Internal(_) => {
                tracing::error!(error = %refusal, "what staff asked for could not be taken in");
                (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side")
            }
        };
        let text = match refusal {
            intake::Refusal::Store(_) => {
                "The database did not take it. Nothing was changed and nothing is lost; try again in a few seconds.".to_owned()
            }
            intake::Refusal::Internal(_) => "Nothing was changed. The log of the server says more.".to_owned(),
            other => sentence(&other.to_string()),
        };
        Self { status, title, text }
    }
}

/// An error's text as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), characters.as_str()))
}

impl From<intake::Refusal> for Refusal {
    fn from(refusal: intake::Refusal) -> Self {
        let NotTaken { status, title, text } = NotTaken::of(&refusal);
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5);
        Box::new(Told { status, title, text, ways: vec![(RUNS.to_owned(), "See the syncs")], retry_after, log: String::new() })
            .into()
    }
}

/// What cannot be done as things stand, with the way back to the run that it is about.
pub(in crate::http) fn conflict(title: &'static str, text: impl Into<String>, run: &crate::domain::Run) -> Refusal {
    told(StatusCode::CONFLICT, title, text, (format!("{RUNS}{}/", run.id), "Back to the sync"))
}

/// A refusal with one way on.
pub(in crate::http) fn told(
    status: StatusCode,
    title: &'static str,
    text: impl Into<String>,
    way: (String, &'static str),
) -> Refusal {
    Box::new(Told { status, title, text: text.into(), ways: vec![way], retry_after: None, log: String::new() }).into()
}

/// While the program does not know its guild nothing can be taken in.
pub(in crate::http) fn no_guild() -> Refusal {
    let text = "This site does not know its guild yet. Whoever runs it must set GUILD_ID and start it again. Nothing was done.";
    told(StatusCode::SERVICE_UNAVAILABLE, "No guild is set", text, (RUNS.to_owned(), "See the syncs"))
}
