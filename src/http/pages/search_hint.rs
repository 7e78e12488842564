//! Why what somebody searches for cannot be searched for, and the way on.
//!
//! Enters: the reason, and where the whole list is. Leaves: a piece of markup in place of the list.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::store::Unsearchable;

/// The hint; its template is `unsearchable.html`.
#[derive(Template)]
#[template(path = "unsearchable.html")]
pub(in crate::http) struct SearchHint {
    why: Unsearchable,
    /// The element of its head.
    head: &'static str,
    /// Where the whole list is, and what it is called.
    all: String,
    words: String,
}

impl HtmlSafe for SearchHint {}

impl SearchHint {
    pub(in crate::http) fn new(why: Unsearchable, all: impl Into<String>, words: impl Into<String>) -> Self {
        Self { why, head: "h2", all: all.into(), words: words.into() }
    }

    /// Below the head of a part of a page.
    pub(in crate::http) fn below(self) -> Self {
        Self { head: "h3", ..self }
    }
}
