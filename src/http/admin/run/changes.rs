//! What a run changed, or a dry run would, member by member.
//!
//! Enters: a run, and where in the list a page begins. Leaves: its rows, each with the fields before and after.

use std::collections::HashMap;

use crate::domain::{Action, Change, Counts, DiscordId, MemberRow, RunId, has_visible};
use crate::http::admin::timeline::Told;
use crate::http::pages::App;
use crate::http::pages::addresses::MEMBERS;
use crate::http::pages::chips::RoleNames;
use crate::http::pages::pager::Pager;
use crate::http::pages::query::{Place, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::shell::number;
use crate::store::ChangeCursor;

/// The kinds of changes that a list is narrowed down to, by their words.
pub(super) const ACTIONS: [(&str, Action); 6] = [
    ("created", Action::Created),
    ("updated", Action::Updated),
    ("left", Action::Left),
    ("rejoined", Action::Rejoined),
    ("linked", Action::Linked),
    ("unlinked", Action::Unlinked),
];

/// A kind of change, and how many there are of it.
pub(super) struct Kind {
    pub words: String,
    pub address: String,
    pub is_chosen: bool,
}

/// The kinds that a run has some of, and the one that is chosen.
pub(super) fn kinds(counts: &Counts, query: &Query, chosen: Option<Action>) -> Vec<Kind> {
    let told = |action| match action {
        Action::Created => ("Created", counts.created),
        Action::Updated => ("Changed", counts.changed()),
        Action::Left => ("Left", counts.marked_left),
        Action::Rejoined => ("Came back", counts.rejoined),
        Action::Linked => ("Linked", counts.linked),
        Action::Unlinked => ("Unlinked", counts.unlinked),
        Action::Held => ("Held", counts.departures_held),
    };
    let kind = |(word, action): (&str, Action)| {
        let (words, count) = told(action);
        let is_chosen = chosen == Some(action);
        let words = format!("{words} {}", number(count));
        (count > 0 || is_chosen).then(|| Kind { words, address: query.with("action", word), is_chosen })
    };
    let some: Vec<Kind> = ACTIONS.into_iter().filter_map(kind).collect();
    if some.is_empty() {
        return some;
    }
    let all = Kind { words: "All".to_owned(), address: query.with("action", ""), is_chosen: chosen.is_none() };
    std::iter::once(all).chain(some).collect()
}

/// A change as the template shows it.
pub(super) struct Row {
    pub name: String,
    pub address: String,
    pub told: Told,
}

/// A page of changes.
pub(super) struct Changes {
    pub rows: Vec<Row>,
    pub pager: Pager,
}

impl Changes {
    /// Reads a page of a run's changes, of one kind or all.
    pub(super) async fn read(app: &App, run: RunId, action: Option<Action>, query: &Query) -> Result<Self, Refusal> {
        let (read, size) = (&app.state.read, query.page_size()?);
        // One more than is shown says whether there is another page.
        let mut found = match query.place(cursor)? {
            Place::Start => read.changes(run, action, ChangeCursor::default(), size + 1).await?,
            Place::After(place) => read.changes(run, action, place, size + 1).await?,
            Place::Before(place) => read.changes_before(run, action, place, size + 1).await?,
        };
        let pager = Pager::cut(query, &mut found, size, |(place, _)| format!("{}.{}", place.id, place.number)).at("#list");
        let ids: Vec<i64> = found.iter().map(|(place, _)| place.id).collect();
        let members = app.state.runs.members_among(&ids).await?;
        let members: HashMap<DiscordId, MemberRow> = members.into_iter().map(|row| (row.member.id, row)).collect();
        let roles = RoleNames::new(app.state.read.roles().await?);
        let rows = found.into_iter().map(|(_, change)| row(&change, members.get(&change.id), &roles)).collect();
        Ok(Self { rows, pager })
    }
}

fn cursor(text: &str) -> Option<ChangeCursor> {
    let (id, number) = text.split_once('.')?;
    Some(ChangeCursor { id: id.parse().ok()?, number: number.parse().ok()? })
}

fn row(change: &Change, member: Option<&MemberRow>, roles: &RoleNames) -> Row {
    Row { name: name(change, member), address: format!("{MEMBERS}{}/", change.id), told: Told::new(change, roles) }
}

/// The name that the member has now; of one who would only be made, the name it would get.
pub(super) fn name(change: &Change, member: Option<&MemberRow>) -> String {
    let planned = || {
        let field = |name: &str| change.after.as_ref()?.get(name)?.as_str().filter(|text| has_visible(text));
        ["nickname", "display_name", "username"].into_iter().find_map(field)
    };
    let known = member.map(|row| row.member.shown_name().into_owned());
    known.or_else(|| planned().map(str::to_owned)).unwrap_or_else(|| change.id.to_string())
}
