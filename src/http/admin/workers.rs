//! Workers and queue: which processes run, what they do, and what waits for them.
//!
//! Enters: nothing but who asks. Leaves: the processes with their figures, those that were lost among them, the depth of the queue, and the
//! runs that have not ended with what each waits for. The page's script asks for the page again and takes over its live part.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use chrono::{DateTime, Utc};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::overview::REMEMBERED;
use crate::domain::{Mode, RunState};
use crate::http::pages::App;
use crate::http::pages::addresses::{RUNS, WORKERS};
use crate::http::pages::assets::REFRESH;
use crate::http::pages::names as filters;
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Badge, Section, Shell, When, ago, duration, html, kind, number};
use crate::queue::Depth;
use crate::store::{Backlog, Duty, OpenRun, Process};

/// Processes on the page.
const MOST_PROCESSES: usize = 100;
/// Runs on the page.
const MOST_RUNS: i64 = 20;
/// How long the page waits for the queue to say how full it is.
const DEPTH_LIMIT: Duration = Duration::from_secs(1);

/// A process as the template shows it.
struct Row {
    id: String,
    host: String,
    roles: String,
    duties: Vec<&'static str>,
    version: String,
    /// A newer one runs beside it.
    is_older: bool,
    /// A word, and how it looks.
    state: (&'static str, &'static str),
    started: When,
    seen: When,
    /// How long ago.
    age: String,
    is_gone: bool,
    in_hand: String,
    done: String,
    failed: String,
}

impl Row {
    fn new(process: &Process, duties: &[Duty], newest: Option<&str>, now: DateTime<Utc>) -> Self {
        let is_gone = !process.is_alive(now);
        let state = match process.jobs.in_hand {
            _ if is_gone => ("lost", "failed"),
            0 => ("running", "succeeded"),
            _ => ("busy", "applying"),
        };
        let duties = duties.iter().filter(|duty| !is_gone && duty.holder == process.id);
        Self {
            id: process.id.clone(),
            host: process.host.clone(),
            roles: process.roles.replace(',', ", "),
            duties: duties.filter_map(|duty| words(&duty.name)).collect(),
            version: process.version.clone(),
            is_older: !is_gone && newest.is_some_and(|newest| is_older(&process.version, newest)),
            state,
            started: process.started_at.into(),
            seen: process.seen_at.into(),
            age: ago(now - process.seen_at),
            is_gone,
            in_hand: number(process.jobs.in_hand),
            done: number(process.jobs.done),
            failed: number(process.jobs.failed),
        }
    }
}

/// The numbers of a version. What comes behind them says nothing of what is older.
fn numbers(version: &str) -> Vec<u64> {
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    version[..end].split('.').map(|number| number.parse().unwrap_or_default()).collect()
}

fn is_older(version: &str, than: &str) -> bool {
    numbers(version) < numbers(than)
}

/// What a duty is to people.
fn words(duty: &str) -> Option<&'static str> {
    match duty {
        "bot" => Some("has the bot’s connection"),
        "replies" => Some("completes the bot’s replies"),
        "sweeper" => Some("looks for lost steps"),
        _ => None,
    }
}

/// A run that has not ended as the template shows it.
struct Waiting {
    address: String,
    kind: &'static str,
    filed: When,
    age: String,
    state: Badge,
    /// What it waits for.
    for_what: String,
}

#[derive(Template)]
#[template(path = "workers.html")]
struct WorkersPage<'a> {
    shell: Shell<'a>,
    script: &'static str,
    here: &'static str,
    now: When,
    rows: Vec<Row>,
    /// Processes that are not shown.
    more: usize,
    has_worker: bool,
    /// Several versions run beside each other.
    is_mixed: bool,
    figures: Vec<(String, String)>,
    /// Why it is not known how full the queue is.
    queue_fault: Option<String>,
    waiting: Vec<Waiting>,
    /// Runs that are not shown.
    more_runs: i64,
}

#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    Query::none(request)?;
    let (state, now) = (&app.state, app.state.clock.now());
    let (processes, duties, backlog, depth) = tokio::join!(
        state.read.processes(now - REMEMBERED),
        state.fleet.duties(now),
        state.fleet.backlog(now, MOST_RUNS),
        depth(state.queue.as_ref()),
    );
    let (mut processes, duties, backlog) = (processes?, duties?, backlog?);
    // Those that run come first; of each kind they come by their start.
    processes.sort_by_key(|process| !process.is_alive(now));
    let alive = || processes.iter().filter(|process| process.is_alive(now));
    let (depth, queue_fault) = match depth {
        Ok(waiting) => (number(i64::try_from(waiting).unwrap_or(i64::MAX)), None),
        Err(fault) => ("not known".to_owned(), Some(fault)),
    };
    let newest = alive().map(|process| process.version.as_str()).max_by_key(|version| numbers(version)).map(str::to_owned);
    let shown = i64::try_from(backlog.first.len()).unwrap_or(i64::MAX);
    let page = WorkersPage {
        shell: Shell::new(Some(&staff.0), Section::Workers),
        script: REFRESH.address(),
        here: WORKERS,
        now: now.into(),
        has_worker: alive().any(|process| process.has_role("worker")),
        is_mixed: alive().zip(alive().skip(1)).any(|(one, next)| one.version != next.version),
        rows: processes.iter().take(MOST_PROCESSES).map(|process| Row::new(process, &duties, newest.as_deref(), now)).collect(),
        more: processes.len().saturating_sub(MOST_PROCESSES),
        figures: figures(&backlog, (state.queue.carrier(), depth), now),
        queue_fault,
        waiting: backlog.first.iter().map(|run| waiting(run, &backlog.first, now)).collect(),
        more_runs: backlog.runs - shown,
    };
    Ok(html(StatusCode::OK, page.render()?))
}

/// How full the queue is; else what is wrong with it.
async fn depth(queue: &dyn Depth) -> Result<usize, String> {
    match tokio::time::timeout(DEPTH_LIMIT, queue.waiting()).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("{} has not said within a second how many jobs it has", queue.carrier())),
    }
}

fn figures(backlog: &Backlog, (carrier, depth): (&str, String), now: DateTime<Utc>) -> Vec<(String, String)> {
    let oldest = backlog.oldest.map_or_else(|| "—".to_owned(), |oldest| duration(now - oldest));
    vec![
        ("Steps waiting".to_owned(), number(backlog.waiting)),
        ("Steps at work".to_owned(), number(backlog.at_work)),
        ("Oldest waits for".to_owned(), oldest),
        (format!("Jobs queued in {carrier}"), depth),
    ]
}

fn waiting(run: &OpenRun, all: &[OpenRun], now: DateTime<Utc>) -> Waiting {
    Waiting {
        address: format!("{RUNS}{}/", run.id),
        kind: kind(run.act, run.mode, run.source),
        filed: run.created_at.into(),
        age: ago(now - run.created_at),
        state: run.state.into(),
        for_what: for_what(run, all),
    }
}

/// What a run waits for. Lists are applied one at a time; those under way stand before those that wait.
fn for_what(run: &OpenRun, all: &[OpenRun]) -> String {
    let is_list = |run: &&OpenRun| run.mode != Mode::Delta;
    let steps = |count: i64| if count == 1 { "1 step".to_owned() } else { format!("{} steps", number(count)) };
    let turn = all.iter().find(is_list);
    match run.state {
        RunState::Queued
            if turn.is_some_and(|first| first.id != run.id && (is_list(&run) || first.state != RunState::Queued)) =>
        {
            "The list before it to be done".to_owned()
        }
        RunState::Queued => "A worker to take it up".to_owned(),
        RunState::Fetching if run.at_work == 0 => "A worker that has a Discord token".to_owned(),
        _ if run.at_work == 0 => format!("A worker for {}", steps(run.waiting)),
        _ if run.waiting == 0 => format!("Nothing: {} at work", steps(run.at_work)),
        _ => format!("A free worker for {}; {} at work", steps(run.waiting), steps(run.at_work)),
    }
}
