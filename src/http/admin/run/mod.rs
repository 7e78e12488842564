//! One sync.
//!
//! Enters: its id. Leaves: how far it is, what it did, and what can be done about it. `live` is the part that moves, `events` keeps it up to date
//! where script runs; without, the page asks the browser to come again. `changes` and `held` are its lists, `export` writes them as files, `acts` what staff do here,
//! `questions` what they are asked before.

mod acts;
mod changes;
mod events;
mod export;
mod held;
mod live;
mod questions;
mod words;

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use url::form_urlencoded::Serializer;

use crate::domain::{Action, Mode, Run, RunError, RunId, RunState};
use crate::http::pages::App;
use crate::http::pages::addresses::RUNS;
use crate::http::pages::assets::{RUN_SCRIPT, TICKS};
use crate::http::pages::board::Live;
use crate::http::pages::names as filters;
use crate::http::pages::pager::{Pager, Size, sizes_at};
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Badge, Section, Shell, When, html, number, source, time_taken};
use crate::http::pages::trail::{LIST, Trail};
pub(super) use acts::{cancel, decide, retry, to_fetch, undo};
use changes::{ACTIONS, Changes, Kind, kinds};
pub(super) use events::watch;
pub(super) use export::export_csv;
use held::{HELD_Q, Held};
use live::LiveView;

use super::runs::asked_by;

/// The list below the facts.
enum List {
    /// Nothing to list yet.
    None,
    Held(Held),
    Changes(Changes),
}

impl List {
    /// The one that is asked for, or that of what waits for a person.
    async fn read(app: &App, run: &Run, action: Option<Action>, query: &Query) -> Result<Self, Refusal> {
        let wanted = query.choice("show", &[("held", true), ("changes", false)])?;
        if !run.state.has_ended() {
            Ok(Self::None)
        } else if Held::is_open(run) && wanted != Some(false) {
            Ok(Self::Held(Held::read(app, run, query).await?))
        } else {
            Ok(Self::Changes(Changes::read(app, run.id, action, query).await?))
        }
    }

    fn pager(&self) -> Option<&Pager> {
        match self {
            Self::None => None,
            Self::Held(held) => Some(&held.pager),
            Self::Changes(changes) => Some(&changes.pager),
        }
    }
}

/// The ways to both lists of a run that holds departures.
fn tabs(run: &Run, of_changes: &str, shows_held: bool, query: &Query) -> [Tab; 2] {
    let of_held = format!("Departures held ({})", number(run.counts.departures_held));
    [(of_held, "", shows_held), (of_changes.to_owned(), "changes", !shows_held)].map(|(words, list, is_here)| Tab {
        words,
        address: query.with("show", list),
        is_here,
    })
}

/// The way to a list.
struct Tab {
    words: String,
    address: String,
    is_here: bool,
}

/// What this viewer can do about the run.
#[derive(Default)]
struct Acts {
    cancel: bool,
    retry: bool,
    undo: Option<String>,
    decide: bool,
}

impl Acts {
    async fn of(app: &App, run: &Run, may_act: bool) -> Result<Self, Refusal> {
        if !may_act {
            return Ok(Self::default());
        }
        let has_marked = run.counts.marked_left > 0 && run.mode != Mode::DryRun && run.state.has_ended();
        let can_undo = has_marked && app.state.runs.has_undoable(run.id).await?;
        Ok(Self {
            cancel: !run.state.has_ended(),
            retry: run.is_retryable(),
            undo: can_undo.then(|| number(run.counts.marked_left)),
            decide: Held::is_open(run),
        })
    }
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'a> {
    shell: Shell<'a>,
    script: &'static str,
    ticks: &'static str,
    runs: &'static str,
    trail: Trail,
    id: RunId,
    has_ended: bool,
    state: Badge,
    /// What a decision that was just made came to, or that a wish joined this run.
    told: Option<Told>,
    /// The run that took this one's place, and the run that this one decides about or repeats.
    newer: Option<RunId>,
    target: Option<(RunId, &'static str)>,
    /// What happened to the departures and what to do, if they were held.
    held: Option<String>,
    /// They wait for a person, which is what the page is opened for: they stand before all that is only to be read.
    is_held: bool,
    /// Where they are listed.
    held_list: String,
    error: Option<RunError>,
    warnings: Vec<String>,
    live: LiveView,
    acts: Acts,
    /// Departures that are held, as the buttons say it and as the form does.
    held_number: String,
    held_count: i64,
    source: &'static str,
    who: super::runs::Asker,
    observed: When,
    filed: When,
    /// The same, so that those of one minute can be told apart.
    begun: When,
    started: Option<When>,
    finished: Option<When>,
    took: Option<String>,
    tabs: Vec<Tab>,
    list: List,
    sizes: Vec<Size>,
    /// What the list of changes can be narrowed down to.
    kinds: Vec<Kind>,
    is_narrowed: bool,
    /// The list as a file.
    export: String,
    list_title: &'static str,
}

impl<'a> RunPage<'a> {
    async fn new(app: &App, staff: &'a Staff, (live, list, trail): (Live, List, Trail), query: &Query) -> Result<Self, Refusal> {
        let run = &live.run;
        let has_ended = run.state.has_ended();
        let is_held = Held::is_open(run);
        let action = query.choice("action", &ACTIONS)?;
        let (shows_held, shows_changes) = (matches!(list, List::Held(_)), matches!(list, List::Changes(_)));
        let list_title = if run.mode == Mode::DryRun { "What it would change" } else { "What it changed" };
        Ok(Self {
            shell: Shell::new(Some(&staff.0), Section::Syncs),
            script: RUN_SCRIPT.address(),
            ticks: TICKS.address(),
            runs: RUNS,
            trail,
            id: run.id,
            has_ended,
            state: run.state.into(),
            told: told(app, run, query).await?,
            newer: run.superseded_by,
            target: run.target_run_id.map(|target| (target, target_words(run))),
            held: words::held(run),
            is_held,
            held_list: query.with("show", ""),
            live: LiveView::new(&live),
            acts: Acts::of(app, run, staff.0.account.is_superuser).await?,
            held_number: number(run.counts.departures_held),
            held_count: run.counts.departures_held,
            source: source(run),
            who: asked_by(app, std::slice::from_ref(run)).await?.of(run),
            observed: run.observed_at.into(),
            filed: run.created_at.into(),
            begun: When::to_the_second(run.created_at),
            started: run.started_at.map(When::from),
            finished: run.finished_at.map(When::from),
            // Until then the phases say it, which are kept up to date.
            took: time_taken(run, live.at).filter(|_| has_ended),
            tabs: if is_held { tabs(run, list_title, shows_held, query).into() } else { Vec::new() },
            sizes: if matches!(list, List::None) { Vec::new() } else { sizes_at(query, query.page_size()?, "#list") },
            list,
            kinds: if shows_changes { kinds(&run.counts, query, action) } else { Vec::new() },
            is_narrowed: action.is_some(),
            export: export(run.id, shows_held, query),
            list_title,
            error: run.error.clone(),
            warnings: run.warnings.clone(),
        })
    }
}

/// Where the list that is shown is a file.
fn export(run: RunId, shows_held: bool, query: &Query) -> String {
    let (list, narrowed_by) = if shows_held { ("held", HELD_Q) } else { ("", "action") };
    let asks = [("show", list), (narrowed_by, query.text(narrowed_by))].into_iter().filter(|(_, value)| !value.is_empty());
    let asks = Serializer::new(String::new()).extend_pairs(asks).finish();
    format!("{RUNS}{run}/export.csv{}{asks}", if asks.is_empty() { "" } else { "?" })
}

fn target_words(run: &Run) -> &'static str {
    if run.act.is_some() { "The sync it decides about" } else { "The failed sync it repeats" }
}

/// What the way to a page has to tell, and where to watch what is not done yet.
struct Told {
    text: String,
    watch: Option<String>,
}

/// What the way here has to tell: `decision` names the run of a decision about this one.
async fn told(app: &App, run: &Run, query: &Query) -> Result<Option<Told>, Refusal> {
    if query.choice("joined", &[("1", ())])?.is_some() {
        let text =
            "A list was being fetched from Discord already, or was about to be, so your wish has joined it: this is that sync.";
        return Ok(Some(Told { text: text.to_owned(), watch: None }));
    }
    let told = |text: &str| Ok(Some(Told { text: text.to_owned(), watch: None }));
    // Told as long as it is so.
    if query.choice("cancelled", &[("1", ())])?.is_some() && run.state == RunState::Cancelled {
        return told("The sync is cancelled.");
    }
    if query.choice("retried", &[("1", ())])?.is_some() {
        return told("The failed sync was filed anew: this is it.");
    }
    let text = query.text("decision");
    if text.is_empty() {
        return Ok(None);
    }
    let id: RunId = text.parse().map_err(|_| Refusal::Query("“decision” must be the id of a sync.".into()))?;
    let decision =
        app.state.read.run(id).await?.filter(|decision| decision.target_run_id == Some(run.id) && decision.act.is_some());
    Ok(decision.map(|decision| Told {
        text: words::decided(&decision),
        watch: (!decision.state.has_ended()).then(|| format!("{RUNS}{}/", decision.id)),
    }))
}

/// The id in an address; what is none is no run's.
fn run_id(path: poem::Result<Path<String>>) -> Result<RunId, Refusal> {
    let Path(id) = path.map_err(|_| Refusal::NoRun)?;
    id.parse().map_err(|_| Refusal::NoRun)
}

/// The page of a run.
#[handler]
pub(super) async fn show(
    staff: Staff,
    app: Data<&Arc<App>>,
    request: &Request,
    id: poem::Result<Path<String>>,
) -> Result<Response, Refusal> {
    let id = run_id(id)?;
    let mut query =
        Query::read_both_ways(request, &["show", "action", HELD_Q, "decision", "joined", "cancelled", "retried", LIST])?;
    let trail = Trail::find(&app, request, &mut query, &[(RUNS, "Syncs")]);
    let live = Live::look(&app.state, id).await?.ok_or(Refusal::NoRun)?;
    let list = List::read(&app, &live.run, query.choice("action", &ACTIONS)?, &query).await?;
    if let Some(first) = list.pager().and_then(|pager| pager.back_at_first(&query)) {
        return Ok(first);
    }
    Ok(html(StatusCode::OK, RunPage::new(&app, &staff, (live, list, trail), &query).await?.render()?))
}
