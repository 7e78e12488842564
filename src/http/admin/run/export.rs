//! What a run changed, and whom it holds back, as CSV.
//!
//! Enters: a run, and what its page is narrowed down by. Leaves: the list as a file, noted in the log of staff.

use std::collections::HashMap;
use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::changes::{ACTIONS, name};
use super::held::{HELD_Q, held_by};
use super::run_id;
use crate::domain::{Action, Change, DiscordId, MemberRow, RunId};
use crate::http::admin::member_export::Members;
use crate::http::admin::member_history::change_cells;
use crate::http::admin::member_view::search;
use crate::http::pages::addresses::RUNS;
use crate::http::pages::chips::RoleNames;
use crate::http::pages::export::Pages;
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::{App, export};
use crate::store::{ChangeCursor, MemberFilter, MemberView, StoreError};

/// A list of a run as CSV: its changes, or with `show=held` whom it holds back.
#[handler]
pub(in crate::http::admin) async fn export_csv(
    staff: Staff,
    app: Data<&Arc<App>>,
    request: &Request,
    id: poem::Result<Path<String>>,
) -> Result<Response, Refusal> {
    let id = run_id(id)?;
    let query = Query::read(request, &["show", "action", HELD_Q])?;
    let is_held = query.choice("show", &[("held", true), ("changes", false)])? == Some(true);
    let action = query.choice("action", &ACTIONS)?;
    let search = search(&query, HELD_Q)?;
    let run = app.state.read.run(id).await?.ok_or(Refusal::NoRun)?;
    app.note_export(&staff.0.account, request, &query.at(&format!("{RUNS}{id}/"))).await?;
    if is_held {
        let names = RoleNames::new(app.state.read.roles().await?);
        let filter = MemberFilter { search, ..held_by(&run) };
        let view = MemberView { filter, limit: export::ROWS, ..MemberView::default() };
        return export::answer(&app, "departures", Members::new(view, names)).await;
    }
    export::answer(&app, "changes", Changes { run: id, action, after: ChangeCursor::default() }).await
}

/// What a run changed, a row for each change.
struct Changes {
    run: RunId,
    action: Option<Action>,
    after: ChangeCursor,
}

impl Pages for Changes {
    const COLUMNS: &'static [&'static str] = &["discord_id", "name", "action", "fields", "before", "after"];

    async fn next(&mut self, app: &App) -> Result<Vec<Vec<String>>, StoreError> {
        let found = app.state.read.changes(self.run, self.action, self.after, export::ROWS).await?;
        self.after = found.last().map_or(self.after, |(place, _)| *place);
        let ids: Vec<i64> = found.iter().map(|(place, _)| place.id).collect();
        let members = if ids.is_empty() { Vec::new() } else { app.state.runs.members_among(&ids).await? };
        let members: HashMap<DiscordId, MemberRow> = members.into_iter().map(|row| (row.member.id, row)).collect();
        Ok(found.iter().map(|(_, change)| told(change, members.get(&change.id))).collect())
    }
}

fn told(change: &Change, member: Option<&MemberRow>) -> Vec<String> {
    [change.id.to_string(), name(change, member)].into_iter().chain(change_cells(change)).collect()
}
