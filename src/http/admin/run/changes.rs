//! What a run changed, or a dry run would, member by member.
//!
//! Enters: a run, and where in the list a page begins. Leaves: its rows, each with the fields before and after.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::{Action, Change, DiscordId, Fields, Member, MemberRow, RunId};
use crate::http::pages::App;
use crate::http::pages::addresses::MEMBERS;
use crate::http::pages::chips::RoleNames;
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::shell::When;
use crate::store::ChangeCursor;

/// Roles of a list of roles that are named; the others are counted.
const ROLES: usize = 8;

/// A field and its values.
pub(super) struct Field {
    pub words: &'static str,
    pub before: Shown,
    pub after: Shown,
}

/// A value of a field as the template shows it.
pub(super) enum Shown {
    /// There was none.
    None,
    Text(String),
    Time(When),
}

/// A change as the template shows it.
pub(super) struct Row {
    pub name: String,
    pub address: String,
    /// What happened, in a word that the style sheet knows, too.
    pub action: &'static str,
    pub fields: Vec<Field>,
}

/// A page of changes.
pub(super) struct Changes {
    pub rows: Vec<Row>,
    pub next: Option<String>,
}

impl Changes {
    /// Reads a page of a run's changes.
    pub(super) async fn read(app: &App, run: RunId, query: &Query) -> Result<Self, Refusal> {
        let after = query.after()?.map(cursor).transpose()?.unwrap_or_default();
        let size = query.page_size()?;
        // One more than is shown says whether there is a next page.
        let mut found = app.state.read.changes(run, after, size + 1).await?;
        let shown = usize::try_from(size).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        let next = found.last().filter(|_| has_more).map(|(place, _)| query.next(&format!("{}.{}", place.id, place.number)));
        let ids: Vec<i64> = found.iter().map(|(place, _)| place.id).collect();
        let members = app.state.runs.members_among(&ids).await?;
        let members: HashMap<DiscordId, MemberRow> = members.into_iter().map(|row| (row.member.id, row)).collect();
        let roles = RoleNames::new(app.state.read.roles().await?);
        let rows = found.into_iter().map(|(_, change)| row(&change, members.get(&change.id), &roles)).collect();
        Ok(Self { rows, next })
    }
}

fn cursor(text: &str) -> Result<ChangeCursor, Refusal> {
    let read = || {
        let (id, number) = text.split_once('.')?;
        Some(ChangeCursor { id: id.parse().ok()?, number: number.parse().ok()? })
    };
    read().ok_or_else(|| Refusal::Query("“after” is no place in this list.".into()))
}

fn row(change: &Change, member: Option<&MemberRow>, roles: &RoleNames) -> Row {
    Row {
        name: name(change, member),
        address: format!("{MEMBERS}{}/", change.id),
        action: change.action.as_str(),
        fields: fields(change, roles),
    }
}

/// The name that the member has now; of one who would only be made, the name it would get.
fn name(change: &Change, member: Option<&MemberRow>) -> String {
    let planned = || {
        let field = |name: &str| change.after.as_ref()?.get(name)?.as_str().filter(|text| !text.is_empty());
        ["nickname", "display_name", "username"].into_iter().find_map(field)
    };
    let known = member.map(|row| Member::shown_name(&row.member));
    known.or_else(planned).map_or_else(|| change.id.to_string(), str::to_owned)
}

/// The fields in the order in which people look for them. Numbers of accounts stand beside their names and are left out.
const FIELDS: [(&str, &str); 10] = [
    ("username", "Username"),
    ("display_name", "Display name"),
    ("nickname", "Nickname"),
    ("roles", "Roles"),
    ("joined_at", "Joined"),
    ("date_left", "Left"),
    ("is_bot", "Bot"),
    ("account", "Account"),
    ("avatar_hash", "Picture"),
    ("guild_avatar_hash", "Picture here"),
];

fn fields(change: &Change, roles: &RoleNames) -> Vec<Field> {
    let value = |fields: Option<&Fields>, name: &str| shown(name, fields.and_then(|fields| fields.get(name)), roles);
    let fields = FIELDS.into_iter().map(|(name, words)| Field {
        words,
        before: value(change.before.as_ref(), name),
        after: value(change.after.as_ref(), name),
    });
    let differs = |field: &Field| !matches!((&field.before, &field.after), (Shown::None, Shown::None));
    // Of somebody new, who they are is enough.
    let is_told = |field: &Field| change.action != Action::Created || !field.words.starts_with("Picture");
    fields.filter(|field| differs(field) && is_told(field)).collect()
}

fn shown(name: &str, value: Option<&Value>, roles: &RoleNames) -> Shown {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => Shown::None,
        Some(Value::Bool(true)) => Shown::Text("yes".to_owned()),
        Some(Value::String(text)) if text.is_empty() => Shown::None,
        Some(Value::String(text)) => match text.parse::<DateTime<Utc>>() {
            Ok(time) if ["joined_at", "date_left"].contains(&name) => Shown::Time(time.into()),
            _ => Shown::Text(text.clone()),
        },
        Some(Value::Array(ids)) if ids.is_empty() => Shown::None,
        Some(Value::Array(ids)) => Shown::Text(role_names(ids, roles)),
        Some(other) => Shown::Text(other.to_string()),
    }
}

fn role_names(ids: &[Value], roles: &RoleNames) -> String {
    let named: Vec<&str> = ids.iter().take(ROLES).filter_map(Value::as_str).map(|id| roles.name(id)).collect();
    let more = ids.len().saturating_sub(ROLES);
    if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
}
