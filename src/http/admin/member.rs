//! One member: everything that is known, and what happened.
//!
//! Enters: a Discord id, and perhaps the run that has just asked for this member. Leaves: the page.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::member_sync::Sync;
use super::timeline::Entry;
use crate::domain::{DiscordId, Event, MemberRow};
use crate::http::pages::App;
use crate::http::pages::addresses::{ACCOUNTS, COMPARISON, MEMBERS, RUNS};
use crate::http::pages::avatar::Avatar;
use crate::http::pages::chips::{Chip, RoleNames};
use crate::http::pages::names as filters;
use crate::http::pages::pager::Pager;
use crate::http::pages::query::{Place, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html};
use crate::http::pages::trail::{LIST, Trail};
use crate::store::StoreError;

/// Where a person is to be seen at Discord.
const PROFILES: &str = "https://discord.com/users/";

#[derive(Template)]
#[template(path = "member.html")]
struct MemberPage<'a> {
    shell: Shell<'a>,
    members: &'static str,
    trail: Trail,
    profile: String,
    id: DiscordId,
    avatar: Avatar,
    name: String,
    row: &'a MemberRow,
    roles: Vec<Chip>,
    account: Option<(String, &'a str)>,
    joined: Option<When>,
    left: Option<When>,
    created: When,
    modified: When,
    observed: When,
    created_run: Option<String>,
    /// Whether the viewer may have Discord asked; what is missing, if nobody can.
    may_act: bool,
    cannot_ask: Option<&'static str>,
    sync: Option<Sync>,
    history: Vec<Entry>,
    pager: Pager,
}

/// The id that an address names.
pub(super) fn member_id(path: poem::Result<Path<String>>) -> Result<DiscordId, Refusal> {
    let Path(id) = path.map_err(|_| Refusal::NoMember)?;
    id.parse().map_err(|_| Refusal::NoMember)
}

/// What happened on either side of an event, the newest first.
async fn history(app: &App, id: DiscordId, place: Place<i64>, limit: i64) -> Result<Vec<Event>, StoreError> {
    match place {
        Place::Start => app.state.read.history(id, None, limit).await,
        Place::After(number) => app.state.read.history(id, Some(number), limit).await,
        Place::Before(number) => app.state.read.history_after(id, number, limit).await,
    }
}

/// The page.
#[handler]
pub(super) async fn show(
    staff: Staff,
    app: Data<&Arc<App>>,
    id: poem::Result<Path<String>>,
    request: &Request,
) -> Result<Response, Refusal> {
    let id = member_id(id)?;
    let mut query = Query::read_both_ways(request, &["run", LIST])?;
    let trail = Trail::find(&app, request, &mut query, &[(MEMBERS, "Members"), (COMPARISON, "Comparison")]);
    let (place, size) = (query.place(|number| number.parse().ok())?, query.page_size()?);
    let read = &app.state.read;
    // One event more than is shown says whether there is another page.
    let (row, mut events, roles) = tokio::try_join!(read.member(id), history(&app, id, place, size + 1), read.roles())?;
    let row = row.ok_or(Refusal::NoMember)?;
    let pager = Pager::cut(&query, &mut events, size, |event| event.number.to_string()).through("Pages of the history");
    if let Some(first) = pager.back_at_first(&query) {
        return Ok(first);
    }
    let names = RoleNames::new(roles);
    let sync = match query.text("run") {
        "" => None,
        run => Sync::find(&app, run, &row, &names).await?,
    };
    let mut history: Vec<Entry> = events.iter().map(|event| Entry::new(event, &names)).collect();
    if pager.next.is_none() {
        history.extend(Entry::beginning(&row));
    }
    let page = MemberPage {
        members: MEMBERS,
        trail,
        profile: format!("{PROFILES}{id}"),
        id,
        avatar: Avatar::new(&row.member, app.guild()).large(),
        name: row.member.shown_name().into_owned(),
        roles: names.all(&row.member),
        account: row.account.as_ref().map(|(number, name)| (format!("{ACCOUNTS}{number}/"), name.as_str())),
        joined: row.member.joined_at.map(When::from),
        left: row.date_left.map(When::from),
        created: row.date_created.into(),
        modified: row.date_modified.into(),
        observed: row.observed_at.into(),
        created_run: row.created_run_id.map(|run| format!("{RUNS}{run}/")),
        may_act: staff.0.account.is_superuser,
        cannot_ask: super::member_sync::missing(&app),
        sync,
        history,
        pager,
        row: &row,
        shell: Shell::new(Some(&staff.0), Section::Members),
    };
    Ok(html(StatusCode::OK, page.render()?))
}
