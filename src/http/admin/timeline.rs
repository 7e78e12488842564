//! What happened to a member, in words.
//!
//! Enters: events, and what the guild calls its roles. Leaves: entries with what was and what is.

use std::collections::HashSet;

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::{Action, Change, Event, Fields, MemberRow, RunId};
use crate::http::pages::addresses::{ACCOUNTS, RUNS};
use crate::http::pages::chips::{Chip, RoleNames};
use crate::http::pages::names as filters;
use crate::http::pages::shell::When;

/// One thing that happened.
pub(super) struct Entry {
    pub at: When,
    pub told: Told,
    /// Where the run is that saw it.
    pub run: Option<String>,
}

/// What happened; its template is `told.html`.
#[derive(Template)]
#[template(path = "told.html")]
pub(super) struct Told {
    pub title: String,
    /// Where the account is that it is about, and its name.
    pub account: Option<(String, String)>,
    pub lines: Vec<Line>,
}

impl HtmlSafe for Told {}

/// One field, before and after.
pub(super) struct Line {
    pub label: &'static str,
    pub shown: Shown,
}

/// How a field is shown.
pub(super) enum Shown {
    Text {
        before: String,
        after: String,
    },
    Time {
        before: Option<When>,
        after: Option<When>,
    },
    Roles {
        added: Vec<Chip>,
        removed: Vec<Chip>,
    },
    /// That it differs is all there is to see.
    Changed,
}

impl Entry {
    pub fn new(event: &Event, names: &RoleNames) -> Self {
        Self { at: event.observed_at.into(), told: Told::new(&event.change, names), run: event.run_id.map(address) }
    }

    /// How the history of a row begins: with when the member joined, as far as that lies before anybody looked, and was first seen.
    pub fn beginning(row: &MemberRow) -> Vec<Self> {
        let plain = |title: &str| Told { title: title.to_owned(), account: None, lines: Vec::new() };
        let seen = Self { at: row.date_created.into(), told: plain("First seen"), run: row.created_run_id.map(address) };
        let joined = row.member.joined_at.filter(|joined| *joined <= row.date_created);
        let joined = joined.map(|joined| Self { at: joined.into(), told: plain("Joined"), run: None });
        std::iter::once(seen).chain(joined).collect()
    }
}

fn address(run: RunId) -> String {
    format!("{RUNS}{run}/")
}

/// The fields that are shown, in their order: name, what it is called, and, in a title, what happened when it changed.
const FIELDS: [(&str, &str, &str); 9] = [
    ("nickname", "Nickname", "renamed"),
    ("display_name", "Display name", "renamed"),
    ("username", "Username", "renamed"),
    ("roles", "Roles", "roles changed"),
    ("avatar_hash", "Picture", "new picture"),
    ("guild_avatar_hash", "Picture in the guild", "new picture"),
    ("joined_at", "Joined", "time of joining changed"),
    ("date_left", "Left", "time of leaving changed"),
    ("is_bot", "Kind", "kind changed"),
];

impl Told {
    pub fn new(change: &Change, names: &RoleNames) -> Self {
        let empty = Fields::new();
        let (before, after) = (change.before.as_ref().unwrap_or(&empty), change.after.as_ref().unwrap_or(&empty));
        let value = |fields: &Fields, name: &str| fields.get(name).filter(|value| !is_nothing(value)).cloned();
        let differ = FIELDS.iter().filter(|(name, ..)| value(before, name) != value(after, name));
        // A departure or a return says itself when it was.
        let says_when = matches!(change.action, Action::Left | Action::Rejoined | Action::Held);
        let differ: Vec<_> = differ.filter(|(name, ..)| !(says_when && *name == "date_left")).collect();
        let title = match change.action {
            Action::Created => "First seen".to_owned(),
            Action::Updated => sentence(differ.iter().map(|(.., words)| *words)),
            Action::Rejoined => "Came back".to_owned(),
            Action::Left => "Left".to_owned(),
            Action::Held => "Departure held".to_owned(),
            Action::Linked => "Linked to an account".to_owned(),
            Action::Unlinked => "No longer linked to an account".to_owned(),
        };
        let account = match change.action {
            Action::Linked => account(after),
            Action::Unlinked => account(before),
            _ => None,
        };
        let line = |(name, label, _): &(&str, &'static str, &str)| {
            let (before, after) = (before.get(*name).unwrap_or(&Value::Null), after.get(*name).unwrap_or(&Value::Null));
            Line { label, shown: Shown::new(name, before, after, names) }
        };
        Self { title, account, lines: differ.into_iter().map(line).collect() }
    }
}

/// The words, each once, as a title.
fn sentence<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut known = HashSet::new();
    let text = words.filter(|word| known.insert(*word)).collect::<Vec<_>>().join(", ");
    let mut letters = text.chars();
    letters.next().map_or_else(|| "Seen".to_owned(), |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

/// A field of somebody new that says no more than that there is nothing to say.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

fn account(fields: &Fields) -> Option<(String, String)> {
    let id = fields.get("user_id")?.as_i64()?;
    Some((format!("{ACCOUNTS}{id}/"), fields.get("account")?.as_str()?.to_owned()))
}

impl Shown {
    fn new(name: &str, before: &Value, after: &Value, names: &RoleNames) -> Self {
        match name {
            "roles" => {
                let (before, after) = (strings(before), strings(after));
                let only = |these: &[String], others: &[String]| -> Vec<Chip> {
                    these.iter().filter(|id| !others.contains(id)).map(|id| names.chip(id.clone())).collect()
                };
                Self::Roles { added: only(&after, &before), removed: only(&before, &after) }
            }
            "avatar_hash" | "guild_avatar_hash" => Self::Changed,
            "joined_at" | "date_left" => Self::Time { before: time(before), after: time(after) },
            "is_bot" => {
                let kind = |value: &Value| if value == &Value::Bool(true) { "bot" } else { "person" }.to_owned();
                Self::Text { before: kind(before), after: kind(after) }
            }
            _ => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                Self::Text { before: text(before), after: text(after) }
            }
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
}

fn time(value: &Value) -> Option<When> {
    let time: DateTime<Utc> = serde_json::from_value(value.clone()).ok()?;
    Some(time.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(action: Action, before: &Value, after: &Value) -> Told {
        let fields = |value: &Value| value.as_object().cloned();
        let change = Change { id: 7_i64.try_into().unwrap(), action, before: fields(before), after: fields(after) };
        Told::new(&change, &RoleNames::new(Vec::new()))
    }

    #[test]
    fn a_title_says_each_kind_of_change_once() {
        let before = json!({"nickname": "a", "username": "b", "roles": ["1"], "avatar_hash": "x"});
        let after = json!({"nickname": "", "username": "c", "roles": ["2", "1"], "avatar_hash": ""});
        let told = told(Action::Updated, &before, &after);
        assert_eq!(told.title, "Renamed, roles changed, new picture");
        assert_eq!(told.lines.iter().map(|line| line.label).collect::<Vec<_>>(), ["Nickname", "Username", "Roles", "Picture"]);
        assert!(matches!(&told.lines[2].shown, Shown::Roles { added, removed } if added.len() == 1 && removed.is_empty()));
    }

    #[test]
    fn a_departure_needs_no_line_and_what_came_with_a_return_has_one() {
        assert!(told(Action::Left, &json!({"date_left": null}), &json!({"date_left": "2026-01-01T00:00:00Z"})).lines.is_empty());
        let before = json!({"date_left": "2026-01-01T00:00:00Z", "joined_at": null});
        let back = told(Action::Rejoined, &before, &json!({"date_left": null, "joined_at": "2026-02-01T00:00:00Z"}));
        assert_eq!((back.title.as_str(), back.lines.len()), ("Came back", 1));
        let again =
            told(Action::Updated, &json!({"date_left": "2026-01-01T00:00:00Z"}), &json!({"date_left": "2026-01-02T00:00:00Z"}));
        assert_eq!((again.title.as_str(), again.lines.len()), ("Time of leaving changed", 1));
    }

    #[test]
    fn a_link_names_the_account() {
        let (none, one) = (json!({"user_id": null, "account": null}), json!({"user_id": 5, "account": "anna"}));
        for (action, before, after) in [(Action::Linked, &none, &one), (Action::Unlinked, &one, &none)] {
            assert_eq!(told(action, before, after).account, Some((format!("{ACCOUNTS}5/"), "anna".to_owned())));
        }
    }

    #[test]
    fn what_this_version_does_not_know_is_no_line() {
        let odd = told(Action::Updated, &json!({"shoe_size": 1, "roles": 7, "joined_at": "soon"}), &json!({"roles": null}));
        assert_eq!(odd.lines.len(), 2);
    }
}
