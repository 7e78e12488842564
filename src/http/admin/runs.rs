//! The list of syncs, newest first, and the forms that start one.
//!
//! Enters: what the address filters by, and where a page begins. Leaves: that page. Paging goes by id, so any depth is as quick as the first.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use chrono::{DateTime, Utc};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::change_bar::ChangeBar;
use crate::domain::{DiscordId, Mode, Run, RunId, RunState, Source};
use crate::http::pages::App;
use crate::http::pages::addresses::{MEMBERS, RUNS, RUNS_FROM_DISCORD, RUNS_FROM_FILE};
use crate::http::pages::assets::RUN_SCRIPT;
use crate::http::pages::names as filters;
use crate::http::pages::pager::{Pager, Size, sizes};
use crate::http::pages::query::{Place, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::select::{Choice, Select};
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Badge, Section, Shell, When, html, number, source, time_taken};
use crate::intake::Intake;
use crate::store::{RunList, StoreError};

/// What the list can be narrowed down by.
const STATES: [(&str, RunState); 9] = [
    ("queued", RunState::Queued),
    ("fetching", RunState::Fetching),
    ("applying", RunState::Applying),
    ("finishing", RunState::Finishing),
    ("succeeded", RunState::Succeeded),
    ("held", RunState::Held),
    ("failed", RunState::Failed),
    ("cancelled", RunState::Cancelled),
    ("superseded", RunState::Superseded),
];
const SOURCES: [(&str, &str, Source); 4] = [
    ("discord", "Discord", Source::Discord),
    ("push", "A bot's list", Source::Push),
    ("file", "A file", Source::File),
    ("events", "Discord's events", Source::Events),
];
const MODES: [(&str, &str, Mode); 3] = [
    ("full", "Whole lists", Mode::Full),
    ("dry_run", "Dry runs", Mode::DryRun),
    ("delta", "Decisions and single members", Mode::Delta),
];
const NARROWS: &[&str] = &["state", "source", "mode"];

/// Who asked for a run.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) text: String,
    /// Of a known member the name, and where more is to be seen.
    pub(super) member: Option<(String, String)>,
}

/// Those who asked for some runs.
pub(super) struct Askers(HashMap<String, (String, String)>);

impl Askers {
    /// Who asked for one of them.
    pub(super) fn of(&self, run: &Run) -> Asker {
        Asker { text: run.requested_by.clone(), member: self.0.get(&run.requested_by).cloned() }
    }
}

/// Finds those among the askers of `runs` who are members.
pub(super) async fn asked_by(app: &App, runs: &[Run]) -> Result<Askers, StoreError> {
    let ids: Vec<i64> = runs.iter().filter_map(|run| run.requested_by.parse().ok()).map(DiscordId::get).collect();
    let known = if ids.is_empty() { Vec::new() } else { app.state.runs.members_among(&ids).await? };
    let member = |row: crate::domain::MemberRow| {
        let id = row.member.id.to_string();
        let address = format!("{MEMBERS}{id}/");
        (id, (row.member.shown_name().into_owned(), address))
    };
    Ok(Askers(known.into_iter().map(member).collect()))
}

/// A row as the template shows it.
struct Row {
    address: String,
    filed: When,
    source: &'static str,
    who: Asker,
    state: Badge,
    bar: ChangeBar,
    received: String,
    created: String,
    changed: String,
    back: String,
    left: String,
    held: String,
    took: Option<String>,
}

impl Row {
    /// `among`: those of its minute are told to the second.
    fn new(run: &Run, among: &[Run], askers: &Askers, now: DateTime<Utc>) -> Self {
        let minute = |run: &Run| run.created_at.timestamp().div_euclid(60);
        let has_twin = among.iter().any(|other| other.id != run.id && minute(other) == minute(run));
        Self {
            address: format!("{RUNS}{}/", run.id),
            filed: if has_twin { When::to_the_second(run.created_at) } else { run.created_at.into() },
            source: source(run),
            who: askers.of(run),
            state: run.state.into(),
            bar: ChangeBar::new(&run.counts),
            received: number(run.counts.total_received),
            created: number(run.counts.created),
            changed: number(run.counts.changed()),
            back: number(run.counts.rejoined),
            left: number(run.counts.marked_left),
            held: number(run.counts.departures_held),
            took: time_taken(run, now),
        }
    }
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage<'a> {
    shell: Shell<'a>,
    script: &'static str,
    runs: &'static str,
    members: &'static str,
    start: Option<Start>,
    selects: [Select; 3],
    /// Runs of single members are shown, too.
    deltas: bool,
    is_narrowed: bool,
    page_size: String,
    sizes: Vec<Size>,
    rows: Vec<Row>,
    pager: Pager,
}

/// The forms that start a sync, for those who may act.
struct Start {
    from_discord: &'static str,
    from_file: &'static str,
    has_guild: bool,
    has_token: bool,
    max_bytes: u64,
    max_words: String,
}

fn start(app: &App, staff: &Staff) -> Option<Start> {
    let intake = app.state.intake.as_ref();
    let max_bytes = intake.map_or(0, Intake::max_body);
    staff.0.account.is_superuser.then(|| Start {
        from_discord: RUNS_FROM_DISCORD,
        from_file: RUNS_FROM_FILE,
        has_guild: intake.is_some(),
        has_token: app.state.rest.is_some(),
        max_bytes,
        max_words: format!("{} MiB", number(i64::try_from(max_bytes >> 20).unwrap_or(i64::MAX))),
    })
}

/// What the list is narrowed down by.
fn selects(list: &RunList) -> [Select; 3] {
    let states = STATES.map(|(word, state)| Choice::new(word, word, list.state == Some(state)));
    let sources = SOURCES.map(|(word, words, source)| Choice::new(word, words, list.source == Some(source)));
    let modes = MODES.map(|(word, words, mode)| Choice::new(word, words, list.mode == Some(mode)));
    [Select::filter("state", "State", states), Select::filter("source", "Source", sources), Select::filter("mode", "Kind", modes)]
}

/// The list.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read_both_ways(request, &["state", "source", "mode", "deltas"])?;
    let size = query.page_size()?;
    // Newer runs stand before older ones.
    let (before, after) = match query.place(|key| key.parse::<RunId>().ok())? {
        Place::Start => (None, None),
        Place::After(run) => (Some(run), None),
        Place::Before(run) => (None, Some(run)),
    };
    let list = RunList {
        state: query.choice("state", &STATES)?,
        source: query.choice("source", &SOURCES.map(|(word, _, source)| (word, source)))?,
        mode: query.choice("mode", &MODES.map(|(word, _, mode)| (word, mode)))?,
        deltas: query.choice("deltas", &[("1", ())])?.is_some(),
        before,
        after,
        // One row more than is shown says whether there is another page.
        limit: size + 1,
    };
    let mut found = app.state.runs.list_runs(&list).await?;
    let pager = Pager::cut(&query, &mut found, size, |run| run.id.to_string());
    if let Some(first) = pager.back_at_first(&query) {
        return Ok(first);
    }
    let askers = asked_by(&app, &found).await?;
    let now = app.state.clock.now();
    let page = RunsPage {
        shell: Shell::new(Some(&staff.0), Section::Syncs),
        script: RUN_SCRIPT.address(),
        runs: RUNS,
        members: MEMBERS,
        start: start(&app, &staff),
        selects: selects(&list),
        deltas: list.deltas,
        is_narrowed: query.is_narrowed(NARROWS),
        page_size: query.text("page_size").to_owned(),
        sizes: sizes(&query, size),
        pager,
        rows: found.iter().map(|run| Row::new(run, &found, &askers, now)).collect(),
    };
    Ok(html(StatusCode::OK, page.render()?))
}
