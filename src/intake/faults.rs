//! Why a list is not taken, said so that its author can mend it.

use serde::Serialize;

use super::place::Place;
use crate::store::StoreError;

/// How many faults of a list are told one by one; the rest are counted.
pub const MAX_FAULTS: usize = 20;

/// The rule that a value breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// It must be there.
    Required,
    /// It must be of another JSON type.
    Type,
    /// It must be a Discord id.
    Id,
    /// It is too long, or empty.
    Length,
    /// There are too many of it.
    Count,
    /// It must not hold a NUL character, which the database cannot keep.
    Nul,
    /// It must be a time as RFC 3339 writes it.
    Time,
    /// It must hold nothing else, or other characters.
    Form,
    /// It came with another body before.
    Reused,
}

/// One thing wrong with a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where: `members[17].id`.
    pub at: String,
    /// The rule it breaks.
    pub rule: Rule,
    /// The rule in words.
    pub message: String,
}

/// The faults of a list, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub first: Vec<Fault>,
    pub count: u64,
}

impl Faults {
    /// Notes a fault; its place is only spelled out while there is room for it.
    pub fn add(&mut self, at: impl FnOnce() -> String, rule: Rule, message: impl Into<String>) {
        self.count += 1;
        if self.first.len() < MAX_FAULTS {
            self.first.push(Fault { at: at(), rule, message: message.into() });
        }
    }

    /// Adds those that stand behind these.
    pub fn append(&mut self, more: Self) {
        self.count += more.count;
        self.first.extend(more.first);
        self.first.truncate(MAX_FAULTS);
    }
}

impl Refusal {
    /// What is wrong with a text that is no JSON.
    #[must_use]
    pub fn malformed(error: &serde_json::Error) -> Self {
        Self::malformed_at(error, |place| place)
    }

    /// The same of a text that was not read from its beginning on: `place_of` says where a place of the error is.
    pub(super) fn malformed_at(error: &serde_json::Error, place_of: impl FnOnce(Place) -> Place) -> Self {
        let place = place_of(Place { line: error.line(), column: error.column() });
        let text = error.to_string();
        // serde_json ends its messages with the place, which has fields of its own here.
        let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message).to_owned();
        // It counts from 0 where the line has nothing before the place.
        Self::Malformed { message, line: place.line, column: place.column.max(1) }
    }
}

/// Why a list was not taken. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The body is no JSON.
    #[error("the body is not readable JSON: {message}, at line {line}, column {column}")]
    Malformed {
        /// What is wrong.
        message: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// The body's compression is broken.
    #[error("the body could not be decompressed: {0}")]
    BrokenEncoding(String),
    /// The body is larger than allowed.
    #[error("{0}")]
    TooLarge(String),
    /// The body holds values that break a rule.
    #[error("{count} value(s) of the list break a rule; nothing was changed")]
    Faulty {
        /// The first [`MAX_FAULTS`].
        faults: Vec<Fault>,
        /// How many there are.
        count: u64,
    },
    /// The body stood still or took too long.
    #[error("the list did not come in within its time; nothing was changed, send it again")]
    TooSlow,
    /// The body ended before its end.
    #[error("the connection ended before the list did; nothing was changed, send it again")]
    BrokenOff,
    /// Too many lists are coming in.
    #[error("too many lists are coming in just now; nothing was changed, send it again in a moment")]
    Busy,
    /// The database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect of ours.
    #[error("the list could not be taken in ({0}); nothing was changed; please report this")]
    Internal(String),
}
