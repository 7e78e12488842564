//! One of a few values, chosen in the form of a list: what narrows it down, or its order.
//!
//! Enters: the values and which is chosen. Leaves: a field of the form.

use askama::Template;
use askama::filters::HtmlSafe;

use super::names as filters;

/// One of the values.
pub(in crate::http) struct Choice {
    pub(in crate::http) value: String,
    pub(in crate::http) words: String,
    pub(in crate::http) is_chosen: bool,
}

impl Choice {
    pub(in crate::http) fn new(value: impl Into<String>, words: impl Into<String>, is_chosen: bool) -> Self {
        Self { value: value.into(), words: words.into(), is_chosen }
    }
}

/// The field; its template is `select.html`.
#[derive(Template)]
#[template(path = "select.html")]
pub(in crate::http) struct Select {
    name: &'static str,
    words: &'static str,
    /// It is an order, which heads of columns can choose as well where they are shown.
    is_order: bool,
    choices: Vec<Choice>,
}

impl HtmlSafe for Select {}

impl Select {
    /// A filter, which takes any value while none is chosen.
    pub(in crate::http) fn filter(name: &'static str, words: &'static str, choices: impl IntoIterator<Item = Choice>) -> Self {
        Self { name, words, is_order: false, choices: choices.into_iter().collect() }
    }

    /// An order, of which there always is one.
    pub(in crate::http) fn order(choices: impl IntoIterator<Item = Choice>) -> Self {
        Self { name: "sort", words: "Sort by", is_order: true, choices: choices.into_iter().collect() }
    }
}
