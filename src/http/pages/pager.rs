//! The way through a list, page by page.
//!
//! Enters: a query and the rows it found, one more than a page shows. Leaves: that page, and the addresses of its neighbours. Whoever goes
//! back to the start of a list is sent to its first page.

use poem::Response;

use super::addresses::see_other;
use super::query::{PAGE_SIZES, Query};

/// The neighbours of a page; its template is `list_pager.html`.
pub(in crate::http) struct Pager {
    /// Where the first page is, unless this is it.
    pub(in crate::http) first: Option<String>,
    /// Where the page before is, if there is one.
    pub(in crate::http) previous: Option<String>,
    /// Where the page after is, if there is one.
    pub(in crate::http) next: Option<String>,
    /// There are more rows in the direction of the page.
    pub(in crate::http) has_more: bool,
    /// What it goes through.
    pub(in crate::http) label: &'static str,
    /// The words for the three ways.
    pub(in crate::http) words: [&'static str; 3],
    /// Where on its page the list lies, if not at the top.
    pub(in crate::http) place: &'static str,
}

impl Pager {
    /// Takes the row away that is one too many. `key` names a row in an address.
    pub(in crate::http) fn cut<T>(query: &Query, rows: &mut Vec<T>, size: i64, key: impl Fn(&T) -> String) -> Self {
        let room = usize::try_from(size).unwrap_or(usize::MAX);
        let has_more = rows.len() > room;
        if query.is_backwards() {
            rows.drain(..rows.len().saturating_sub(room));
        } else {
            rows.truncate(room);
        }
        Self::of(query, rows, has_more, key)
    }

    /// Of rows that are just the page.
    pub(in crate::http) fn of<T>(query: &Query, rows: &[T], has_more: bool, key: impl Fn(&T) -> String) -> Self {
        let is_backwards = query.is_backwards();
        let has_previous = if is_backwards { has_more } else { !query.is_first() };
        let (first, last) = (rows.first().filter(|_| has_previous), rows.last().filter(|_| is_backwards || has_more));
        Self {
            first: (!query.is_first()).then(|| query.first()),
            previous: first.and_then(|first| query.previous(&key(first))),
            next: last.map(|last| query.next(&key(last))),
            has_more,
            label: "Pages of the list",
            words: ["First page", "Previous page", "Next page"],
            place: "",
        }
    }

    /// Of a list that goes from the newest to the oldest, under another name.
    pub(in crate::http) fn through(self, label: &'static str) -> Self {
        Self { label, words: ["Newest", "Newer", "Older"], ..self }
    }

    /// Of a list that lies further down on its page.
    pub(in crate::http) fn at(self, place: &'static str) -> Self {
        Self { place, ..self }
    }

    /// The first page, for whoever has come back to it.
    pub(in crate::http) fn back_at_first(&self, query: &Query) -> Option<Response> {
        (query.is_backwards() && !self.has_more).then(|| see_other(&query.first()))
    }
}

/// A length of the page that can be chosen; `sizes.html` shows them.
pub(in crate::http) struct Size {
    pub(in crate::http) rows: i64,
    pub(in crate::http) address: String,
    pub(in crate::http) is_chosen: bool,
}

/// The lengths, of which one is chosen.
pub(in crate::http) fn sizes(query: &Query, chosen: i64) -> Vec<Size> {
    sizes_at(query, chosen, "")
}

/// The same for a list that lies further down on its page, at `place`.
pub(in crate::http) fn sizes_at(query: &Query, chosen: i64, place: &str) -> Vec<Size> {
    let size = |rows| Size { rows, address: format!("{}{place}", query.with_page_size(rows)), is_chosen: rows == chosen };
    PAGE_SIZES.map(size).into()
}
