//! How templates write what strangers chose.
//!
//! Enters: a name. Leaves: the same, so that it can neither turn the text around it nor pass for another one unnoticed.

#![expect(clippy::unnecessary_wraps, clippy::unused_self, clippy::inline_always, reason = "what askama makes of a filter")]

use askama::filters::HtmlSafe;
use askama::{Template, Values};

use crate::domain::{hides, turns_direction};

/// A name where it is listed. A `bdi` keeps its direction to itself; a title cannot.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"{% if hides %}<span class="named"><bdi class="clip" title="{{ level }}">{{ text }}</bdi> <span class="veiled" title="This name has hidden characters"><span aria-hidden="true">⚠</span><span class="hidden">hidden characters</span></span></span>{% else %}<bdi class="clip" title="{{ level }}">{{ text }}</bdi>{% endif %}"#
)]
pub(in crate::http) struct Name {
    text: String,
    level: String,
    hides: bool,
}

impl HtmlSafe for Name {}

/// A name with its mark, if it has hidden characters.
#[askama::filter_fn]
pub(in crate::http) fn name(text: impl AsRef<str>, _: &dyn Values) -> askama::Result<Name> {
    let text = text.as_ref();
    Ok(Name { text: text.to_owned(), level: level_text(text), hides: hides(text) })
}

/// A text for where nothing keeps its direction to itself: titles.
#[askama::filter_fn]
pub(in crate::http) fn level(text: impl AsRef<str>, _: &dyn Values) -> askama::Result<String> {
    Ok(level_text(text.as_ref()))
}

fn level_text(text: &str) -> String {
    text.chars().filter(|c| !turns_direction(*c)).collect()
}
