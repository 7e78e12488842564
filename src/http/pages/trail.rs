//! The way back from one row to the list in which it was found, as it was searched, sorted and paged.
//!
//! Enters: a request, and the lists that lead to such a page. Leaves: the way back. At first the browser says where it came from; what the page
//! itself leads to, such as its other pages, carries that on in the address.

use poem::Request;
use url::form_urlencoded::byte_serialize;

use super::App;
use super::forms::{Form, page_before};
use super::query::Query;

/// The key under which an address carries on which list it was come from.
pub(in crate::http) const LIST: &str = "list";

/// A list and what it is called.
pub(in crate::http) type List = (&'static str, &'static str);

/// The way back; its template is `trail.html`.
pub(in crate::http) struct Trail {
    pub(in crate::http) address: String,
    pub(in crate::http) words: &'static str,
    /// What a form carries on; empty, if that is nothing.
    pub(in crate::http) list: String,
}

/// The list of these that an address lies in.
fn known(lists: &[List], address: &str) -> Option<List> {
    let path = address.split('?').next().unwrap_or_default();
    lists.iter().copied().find(|(list, _)| *list == path)
}

impl Trail {
    /// The way from here. Of `lists` the first is that of whoever came by another way. `query` carries on what is not to be lost.
    pub(in crate::http) fn find(app: &App, request: &Request, query: &mut Query, lists: &[List]) -> Self {
        let (first, words) = lists[0];
        let named = Some(query.text(LIST).to_owned()).filter(|list| known(lists, list).is_some());
        let came = named.or_else(|| page_before(request.headers(), &app.state.public_url));
        let Some((address, words)) = came.and_then(|came| Some((came.clone(), known(lists, &came)?.1))) else {
            return Self { address: first.to_owned(), words, list: String::new() };
        };
        let list = if address == first { String::new() } else { address.clone() };
        query.carry(LIST, &list);
        Self { address, words, list }
    }

    /// An address that is gone to from the form of a page with a trail.
    pub(in crate::http) fn after(form: &Form, address: String) -> String {
        let list = form.field(LIST);
        if list.is_empty() {
            return address;
        }
        let list: String = byte_serialize(list.as_bytes()).collect();
        format!("{address}{}{LIST}={list}", if address.contains('?') { '&' } else { '?' })
    }
}
