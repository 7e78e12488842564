//! What an address asks of a list: search, filters, sorting, the length of a page and where in the list it begins.
//!
//! Enters: the query of an address. Leaves: its values, and addresses of neighbouring views. The whole state of a view is in its address,
//! so that it can be kept and shared. A form that is sent with GET and leaves a field empty means the default; whoever sends one is sent on to the
//! address without it, so that one view has one address.
//!
//! A list is paged by key: `after` names the last row of the page before, or `before` the first row of the page after, under a mark of the view
//! it belongs to, so that a cursor cannot be carried over into another view, where it would silently skip rows.

use chrono::NaiveDate;
use poem::Request;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded::{Serializer, parse};

use super::refusal::Refusal;
use super::session::hex;

/// Lengths of a page that can be chosen. Rows.
pub(in crate::http) const PAGE_SIZES: [i64; 4] = [25, 50, 100, 200];
const DEFAULT_SIZE: i64 = 100;
/// Longest value. Characters; no name, address or e-mail that is searched for is longer.
const MAX_VALUE: usize = 200;

const AFTER: &str = "after";
const BEFORE: &str = "before";
const PLACES: [&str; 2] = [AFTER, BEFORE];
const PAGE_SIZE: &str = "page_size";

/// Where a page lies in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Place<T> {
    /// At its start.
    Start,
    /// After this.
    After(T),
    /// Before this.
    Before(T),
}

/// What an address asks, every key of it known and there once. Two that ask the same are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Query {
    path: String,
    /// The list can be gone through both ways.
    has_way_back: bool,
    /// By the order in which the list knows its keys.
    values: Vec<(&'static str, String)>,
}

impl Query {
    /// Reads the query of a request. `known` are the list's own keys; `after` and `page_size` every list knows.
    pub(in crate::http) fn read(request: &Request, known: &'static [&'static str]) -> Result<Self, Refusal> {
        Self::of(request.uri().path(), request.uri().query().unwrap_or_default(), known, false)
    }

    /// As [`read`](Self::read), of a list that can be gone through both ways.
    pub(in crate::http) fn read_both_ways(request: &Request, known: &'static [&'static str]) -> Result<Self, Refusal> {
        Self::of(request.uri().path(), request.uri().query().unwrap_or_default(), known, true)
    }

    /// That the address of a page on which there is nothing to choose asks for nothing.
    pub(in crate::http) fn none(request: &Request) -> Result<(), Refusal> {
        let Some((name, _)) = parse(request.uri().query().unwrap_or_default().as_bytes()).next() else { return Ok(()) };
        let name = name.chars().take(40).collect::<String>();
        Err(Refusal::Query(format!("This page does not know “{name}”: there is nothing to choose on it.")))
    }

    fn of(path: &str, query: &str, known: &'static [&'static str], has_way_back: bool) -> Result<Self, Refusal> {
        let places = [PAGE_SIZE, AFTER].into_iter().chain(has_way_back.then_some(BEFORE));
        let mut values: Vec<(&'static str, String)> =
            known.iter().copied().chain(places).map(|name| (name, String::new())).collect();
        let (mut seen, mut has_empty) = (Vec::new(), false);
        for (name, value) in parse(query.as_bytes()) {
            let Some((name, place)) = values.iter_mut().find(|(known, _)| *known == name) else {
                let name = name.chars().take(40).collect::<String>();
                let known = known.iter().chain(&[PAGE_SIZE]).map(|known| format!("“{known}”")).collect::<Vec<_>>().join(", ");
                return Err(Refusal::Query(format!("This list does not know “{name}”; it knows {known}.")));
            };
            if seen.contains(name) {
                return Err(Refusal::Query(format!("“{name}” is given twice.")));
            }
            seen.push(*name);
            // A cursor is ours, and may name a row whose name has anything in it; its mark vouches for it.
            if PLACES.contains(name) {
                has_empty |= value.is_empty();
                value.as_ref().clone_into(place);
                continue;
            }
            let value = value.trim();
            has_empty |= value.is_empty();
            if value.chars().count() > MAX_VALUE || value.chars().any(char::is_control) {
                return Err(Refusal::Query(format!(
                    "“{name}” cannot be used: it must have at most {MAX_VALUE} characters, and no control characters."
                )));
            }
            value.clone_into(place);
        }
        values.retain(|(_, value)| !value.is_empty());
        if PLACES.iter().all(|place| values.iter().any(|(name, _)| name == place)) {
            return Err(Refusal::Query(format!("“{AFTER}” and “{BEFORE}” cannot both be given.")));
        }
        if has_empty {
            let asked: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
            return Err(Refusal::Elsewhere(address(path, &asked)));
        }
        Ok(Self { path: path.to_owned(), has_way_back, values })
    }

    /// Adds what a view is to carry on from where it was come from, if there is room for it. `name` must be one that [`read`](Self::read) was
    /// told of.
    pub(in crate::http) fn carry(&mut self, name: &'static str, value: &str) {
        if self.text(name).is_empty() && !value.is_empty() && value.chars().count() <= MAX_VALUE {
            self.values.push((name, value.to_owned()));
        }
    }

    /// A value, or empty.
    pub(in crate::http) fn text(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// One of the words that a key takes, as what it stands for; `None` if the address leaves it open.
    pub(in crate::http) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        let words = || choices.iter().map(|(word, _)| format!("“{word}”")).collect::<Vec<_>>().join(", ");
        found.map(Some).ok_or_else(|| Refusal::Query(format!("“{name}” must be one of {}.", words())))
    }

    /// A day, as browsers send it.
    pub(in crate::http) fn date(&self, name: &str) -> Result<Option<NaiveDate>, Refusal> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        // Years that every database knows.
        let day = day.filter(|day| ("1970-01-01"..="9999-12-31").contains(&day.to_string().as_str()));
        day.map(Some).ok_or_else(|| Refusal::Query(format!("“{name}” must be a day, such as 2026-03-31.")))
    }

    /// Rows of a page.
    pub(in crate::http) fn page_size(&self) -> Result<i64, Refusal> {
        let choices = PAGE_SIZES.map(|size| (size.to_string(), size));
        let choices = choices.each_ref().map(|(word, size)| (word.as_str(), *size));
        Ok(self.choice(PAGE_SIZE, &choices)?.unwrap_or(DEFAULT_SIZE))
    }

    /// Whether this is the first page.
    pub(in crate::http) fn is_first(&self) -> bool {
        PLACES.iter().all(|place| self.text(place).is_empty())
    }

    /// Whether this page is reached from the one after it.
    pub(in crate::http) fn is_backwards(&self) -> bool {
        !self.text(BEFORE).is_empty()
    }

    /// Where this page lies, of a list that can be gone through both ways. `read` reads the key of a row.
    pub(in crate::http) fn place<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Place<T>, Refusal> {
        let name = if self.is_backwards() { BEFORE } else { AFTER };
        let Some(key) = self.key(name)? else { return Ok(Place::Start) };
        let unreadable = || Refusal::Query(format!("“{name}” cannot be read; begin at the first page of this list."));
        let key = read(key).ok_or_else(unreadable)?;
        Ok(if name == BEFORE { Place::Before(key) } else { Place::After(key) })
    }

    /// Whether the view shows less than all there is: something is searched for or filtered by.
    pub(in crate::http) fn is_narrowed(&self, by: &[&str]) -> bool {
        by.iter().any(|name| !self.text(name).is_empty())
    }

    fn key(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let key = text.split_once('.').filter(|(mark, _)| *mark == self.mark()).map(|(_, key)| key);
        key.map(Some).ok_or_else(|| {
            Refusal::Query(
                "This place in the list belongs to another search or filter. Begin at the first page of this one.".into(),
            )
        })
    }

    /// The address of the page after the row with this key.
    pub(in crate::http) fn next(&self, key: &str) -> String {
        self.with(AFTER, &format!("{}.{key}", self.mark()))
    }

    /// The address of the page before the row with this key, where there is a way back.
    pub(in crate::http) fn previous(&self, key: &str) -> Option<String> {
        self.has_way_back.then(|| self.with(BEFORE, &format!("{}.{key}", self.mark())))
    }

    /// The address of the first page of this view.
    pub(in crate::http) fn first(&self) -> String {
        self.with(AFTER, "")
    }

    /// The address of this view with another length of its pages, from its first page.
    pub(in crate::http) fn with_page_size(&self, rows: i64) -> String {
        self.with(PAGE_SIZE, &if rows == DEFAULT_SIZE { String::new() } else { rows.to_string() })
    }

    /// The address of the first page of the view in which one key has another value; empty leaves it open. `name` must be one that
    /// [`read`](Self::read) was told of.
    pub(in crate::http) fn with(&self, name: &'static str, value: &str) -> String {
        let others = self.values.iter().filter(|(known, _)| *known != name && !PLACES.contains(known));
        let mut pairs: Vec<(&str, &str)> = others.map(|(known, value)| (*known, value.as_str())).collect();
        if !value.is_empty() {
            pairs.push((name, value));
        }
        address(&self.path, &pairs)
    }

    /// What another address is to be asked to speak of the same rows, such as an export: all but the paging.
    pub(in crate::http) fn at(&self, path: &str) -> String {
        let rows = self.values.iter().filter(|(known, _)| ![AFTER, BEFORE, PAGE_SIZE].contains(known));
        address(path, &rows.map(|(known, value)| (*known, value.as_str())).collect::<Vec<_>>())
    }

    /// Tells this view from others, whatever its page.
    fn mark(&self) -> String {
        let mut pairs: Vec<_> = self.values.iter().filter(|(known, _)| ![AFTER, BEFORE, PAGE_SIZE].contains(known)).collect();
        pairs.sort_unstable();
        hex(&Sha256::digest(format!("{}{pairs:?}", self.path).as_bytes())[..4])
    }
}

fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", Serializer::new(String::new()).extend_pairs(pairs).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["q", "status", "since"];

    fn read(query: &str) -> Result<Query, String> {
        Query::of("/list/", query, KNOWN, true).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn what_is_left_empty_is_not_asked() {
        let query = read("q=+anna+&page_size=25").unwrap();
        assert_eq!((query.text("q"), query.text("status"), query.page_size().unwrap()), ("anna", "", 25));
        for (asked, short) in [("status=&page_size=25&q=+anna+&since=", "/list/?q=anna&page_size=25"), ("q=+&after=", "/list/")] {
            let refusal = Query::of("/list/", asked, KNOWN, true).unwrap_err();
            assert!(matches!(&refusal, Refusal::Elsewhere(address) if address == short), "{asked}: {refusal:?}");
        }
        assert!(read("q=&odd=").unwrap_err().contains("“odd”"), "what is not known is named all the same");
        assert_eq!(read("").unwrap().page_size().unwrap(), 100);
    }

    #[test]
    fn neighbouring_views_have_addresses() {
        let query = read("status=left&q=a+b%26&page_size=25").unwrap();
        assert_eq!(query.with("status", ""), "/list/?q=a+b%26&page_size=25");
        assert_eq!(query.with("status", "linked"), "/list/?q=a+b%26&page_size=25&status=linked");
        assert_eq!(query.with_page_size(100), "/list/?q=a+b%26&status=left");
        assert_eq!(query.at("/list/export.csv"), "/list/export.csv?q=a+b%26&status=left");
        assert_eq!(read("").unwrap().first(), "/list/");
    }

    #[test]
    fn a_cursor_belongs_to_its_view() {
        let query = read("status=left&q=anna").unwrap();
        let next = query.next("anna.17");
        let next = next.split_once('?').unwrap().1;
        let second = read(next).unwrap();
        let after = |query: &Query| query.place(|key| Some(key.to_owned())).map_err(|refusal| refusal.to_string());
        let place = |key: &str| Ok(Place::After(key.to_owned()));
        assert_eq!(after(&second), place("anna.17"));
        assert_eq!(second.first(), "/list/?q=anna&status=left");
        let odd = query.next(" \t\u{202e}%&=.17\n");
        assert_eq!(after(&read(odd.split_once('?').unwrap().1).unwrap()), place(" \t\u{202e}%&=.17\n"));
        assert_eq!(after(&read(&format!("{next}&page_size=25")).unwrap()), place("anna.17"));
        for other in [next.replace("anna&", "ben&"), next.replace("&status=left", ""), "after=17".into(), "after=.".into()] {
            assert!(after(&read(&other).unwrap()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_cursor_says_its_direction() {
        let query = read("status=left&page_size=25").unwrap();
        let [next, previous] = [query.next("17"), query.previous("17").unwrap()].map(|address| {
            let page = read(address.split_once('?').unwrap().1).unwrap();
            (page.place(|key| key.parse().ok()).unwrap(), page.is_first(), page.is_backwards(), page.first())
        });
        let first = "/list/?status=left&page_size=25".to_owned();
        assert_eq!(next, (Place::After(17), false, false, first.clone()));
        assert_eq!(previous, (Place::Before(17), false, true, first));
        assert_eq!(query.place(|_| Some(())).unwrap(), Place::Start);
        let place = query.previous("x").unwrap();
        assert!(read(place.split_once('?').unwrap().1).unwrap().place(|key| key.parse::<i64>().ok()).is_err());
        assert!(read("before=1.2&after=1.2").is_err());
        let one_way = Query::of("/list/", "", KNOWN, false).unwrap();
        assert_eq!(one_way.previous("17"), None);
        assert!(Query::of("/list/", "before=1.2", KNOWN, false).is_err());
    }

    #[test]
    fn what_cannot_be_asked_for_is_named() {
        for (query, named) in [
            ("nonsense=1", "“nonsense”"),
            ("q=1&q=2", "“q” is given twice"),
            ("q=%00", "“q”"),
            (&format!("q={}", "x".repeat(201)), "“q”"),
        ] {
            let fault = read(query).unwrap_err();
            assert!(fault.contains(named), "{query}: {fault}");
        }
        let query = read("status=gone&since=2026-02-30&page_size=7").unwrap();
        let faults = [
            query.choice("status", &[("left", 1)]).unwrap_err(),
            query.date("since").unwrap_err(),
            query.page_size().unwrap_err(),
        ];
        for (fault, named) in faults.iter().zip(["“left”", "“since”", "“page_size”"]) {
            assert!(fault.to_string().contains(named), "{fault}");
        }
    }
}
