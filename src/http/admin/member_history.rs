//! What happened to a member, as CSV.
//!
//! Enters: a Discord id. Leaves: the history as a file, from the newest event to how it began, noted in the log of staff. Fields are JSON, so
//! that nothing of them is lost.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::member::member_id;
use super::member_export::time;
use crate::domain::{Change, DiscordId, Event, Fields, MemberRow};
use crate::http::pages::addresses::MEMBERS;
use crate::http::pages::export::Pages;
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::{App, export};
use crate::store::StoreError;

/// The history of a member as CSV.
#[handler]
pub(super) async fn export_csv(
    staff: Staff,
    app: Data<&Arc<App>>,
    id: poem::Result<Path<String>>,
    request: &Request,
) -> Result<Response, Refusal> {
    let id = member_id(id)?;
    Query::none(request)?;
    let row = app.state.read.member(id).await?.ok_or(Refusal::NoMember)?;
    app.note_export(&staff.0.account, request, &format!("{MEMBERS}{id}/")).await?;
    export::answer(&app, "history", History { id, before: None, beginning: Some(Box::new(row)) }).await
}

struct History {
    id: DiscordId,
    /// The next page begins below this event.
    before: Option<i64>,
    /// How it began, which comes last.
    beginning: Option<Box<MemberRow>>,
}

impl Pages for History {
    const COLUMNS: &'static [&'static str] = &["observed_at", "recorded_at", "action", "fields", "before", "after", "sync"];

    async fn next(&mut self, app: &App) -> Result<Vec<Vec<String>>, StoreError> {
        let events = app.state.read.history(self.id, self.before, export::ROWS).await?;
        if let Some(last) = events.last() {
            self.before = Some(last.number);
            return Ok(events.iter().map(cells).collect());
        }
        Ok(self.beginning.take().map(|row| beginning(&row)).unwrap_or_default())
    }
}

fn cells(event: &Event) -> Vec<String> {
    let sync = event.run_id.map(|run| run.to_string()).unwrap_or_default();
    let [action, fields, before, after] = change_cells(&event.change);
    vec![time(Some(event.observed_at)), time(Some(event.recorded_at)), action, fields, before, after, sync]
}

/// As the page tells it: when the member was first seen and, as far as that lies before, when it joined.
fn beginning(row: &MemberRow) -> Vec<Vec<String>> {
    let line = |at, recorded, action: &str, sync: String| {
        vec![time(Some(at)), time(recorded), action.to_owned(), String::new(), String::new(), String::new(), sync]
    };
    let sync = row.created_run_id.map(|run| run.to_string()).unwrap_or_default();
    let seen = line(row.date_created, Some(row.date_created), "created", sync);
    let joined = row.member.joined_at.filter(|joined| *joined <= row.date_created);
    std::iter::once(seen).chain(joined.map(|joined| line(joined, None, "joined", String::new()))).collect()
}

/// What kind of change it is, which fields differ, and what they were and are.
pub(super) fn change_cells(change: &Change) -> [String; 4] {
    let json = |fields: Option<&Fields>| fields.and_then(|fields| serde_json::to_string(fields).ok()).unwrap_or_default();
    let fields: Vec<&str> = change.after.iter().flatten().map(|(name, _)| name.as_str()).collect();
    [change.action.as_str().to_owned(), fields.join("; "), json(change.before.as_ref()), json(change.after.as_ref())]
}
