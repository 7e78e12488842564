//! Why a list or a wish was not taken, as pages say it.
//!
//! Enters: a refusal of the intake. Leaves: its status, and words for whoever sent it.

use poem::http::StatusCode;

use super::addresses::RUNS;
use super::refusal::{Refusal, Told};
use super::shell::number;
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
            intake::Refusal::Malformed { message, line, column } => format!(
                "What was sent cannot be read as a member list in JSON. It goes wrong in line {line}, column {column}: {message}. Nothing was \
                 changed."
            ),
            intake::Refusal::Faulty { count: 1, .. } => "One value of the list breaks a rule. Nothing was changed.".to_owned(),
            intake::Refusal::Faulty { count, .. } => {
                format!(
                    "{} values of the list break a rule. Nothing was changed.",
                    number(i64::try_from(*count).unwrap_or(i64::MAX))
                )
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
        Told { retry_after, ..Told::new(status, title, text, (RUNS.to_owned(), "See the syncs")) }.into()
    }
}
