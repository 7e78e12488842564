//! One sync.
//!
//! Enters: its id. Leaves: how far it is and what it did; while it has not ended the page asks the browser to come again, which works
//! without script.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Response, handler};

use super::refusal::Refusal;
use super::session::Staff;
use super::shell::{Badge, Section, Shell, When, html, number, source, time_taken};
use super::{App, RUNS};
use crate::domain::{Counts, HeldReason, Mode, Run, RunError, RunState};

/// A count and what it counts.
struct Figure {
    words: &'static str,
    count: String,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'a> {
    shell: Shell<'a>,
    runs: &'static str,
    id: String,
    has_ended: bool,
    state: Badge,
    /// What the state means.
    meaning: &'static str,
    /// The run that took this one's place, and the run that this one decides about.
    newer: Option<String>,
    target: Option<String>,
    /// What happened to the departures and what to do, if they were held.
    held: Option<String>,
    error: Option<RunError>,
    warnings: Vec<String>,
    percent: i64,
    progress: String,
    source: &'static str,
    who: String,
    observed: When,
    filed: When,
    started: Option<When>,
    finished: Option<When>,
    took: Option<String>,
    main: Vec<Figure>,
    more: Vec<Figure>,
}

impl<'a> RunPage<'a> {
    fn new(shell: Shell<'a>, run: Run, now: chrono::DateTime<chrono::Utc>) -> Self {
        let (main, more) = figures(&run.counts, matches!(run.state, RunState::Succeeded | RunState::Held));
        Self {
            shell,
            runs: RUNS,
            id: run.id.to_string(),
            has_ended: run.state.has_ended(),
            state: run.state.into(),
            meaning: meaning(run.state, run.mode),
            newer: run.superseded_by.map(|run| run.to_string()),
            target: run.target_run_id.map(|run| run.to_string()),
            held: run.held_reason.map(|reason| explain(reason, run.mode, run.counts.departures_held)),
            percent: percent(&run),
            progress: progress(&run),
            source: source(&run),
            observed: run.observed_at.into(),
            filed: run.created_at.into(),
            started: run.started_at.map(When::from),
            finished: run.finished_at.map(When::from),
            took: time_taken(&run, now),
            main,
            more,
            error: run.error,
            warnings: run.warnings,
            who: run.requested_by,
        }
    }
}

fn meaning(state: RunState, mode: Mode) -> &'static str {
    match state {
        RunState::Succeeded if mode == Mode::DryRun => "It was a dry run: this is what the list would do. Nothing was changed.",
        RunState::Queued => "It waits for a worker, or for an earlier list to be done.",
        RunState::Fetching => {
            "Its list is being fetched from Discord, and applied as it comes. Nobody is marked as left before all of it is."
        }
        RunState::Applying => "Its members are being applied. Nobody is marked as left before all of them are.",
        RunState::Finishing => "All members are applied. Now departures and accounts are looked at.",
        RunState::Succeeded => "Everything is done.",
        RunState::Held => "Everything is done but the departures, which were not believed.",
        RunState::Failed => "It broke off. What it had applied stays; nobody was marked as left.",
        RunState::Cancelled => "Somebody cancelled it. What it had applied stays; nobody was marked as left.",
        RunState::Superseded => "A newer list has taken its place.",
    }
}

/// What was kept back, why, and what a person can do.
fn explain(reason: HeldReason, mode: Mode, departures: i64) -> String {
    let count = number(departures);
    if mode == Mode::DryRun {
        return format!("The list itself would be held: {count} departures would wait for a person.");
    }
    let (members, they) = if departures == 1 { ("member", "is") } else { ("members", "are") };
    match reason {
        HeldReason::MassDeparture => format!(
            "The list misses {count} present {members}, more than the guard believes of one list, so nobody was marked as left. If the \
             list came in short, send the whole list again: it takes this one's place. If {count} {members} really {they} gone, apply the \
             departures (POST /api/dbot/sync_runs/…/apply_departures), or send the list again with allow_mass_departure."
        ),
        HeldReason::IncompleteRoster => format!(
            "Discord listed fewer members than it says there are, so nobody was marked as left, {count} {members} among them who {they} not \
             listed. The next sync from Discord takes this one's place. If {count} {members} really {they} gone, apply the departures \
             (POST /api/dbot/sync_runs/…/apply_departures)."
        ),
        HeldReason::Verification => format!(
            "Discord did not list {count} {members}, but when asked for the first hundred of them one by one, it knew at least one. So nobody \
             was marked as left. The next sync from Discord takes this one's place. If {count} {members} really {they} gone, apply the \
             departures (POST /api/dbot/sync_runs/…/apply_departures)."
        ),
        HeldReason::EmptyList => format!(
            "The list was empty. An empty list is never believed, so nobody was marked as left: {count} {members} {they} still present. \
             Look at the bot or file it came from, then send the whole list."
        ),
    }
}

/// How much is done, 0 to 100. A run that is not through never shows 100.
fn percent(run: &Run) -> i64 {
    let (done, total) = (run.progress.members_done, run.progress.members_total);
    match run.state {
        RunState::Succeeded | RunState::Held => 100,
        RunState::Finishing => 99,
        _ if total <= 0 => 0,
        _ => (done.saturating_mul(100) / total).clamp(0, 99),
    }
}

fn progress(run: &Run) -> String {
    let progress = run.progress;
    let batches = if progress.batches_total == 1 { "batch" } else { "batches" };
    format!(
        "{} of {} members, {} of {} {batches}",
        number(progress.members_done),
        number(progress.members_total),
        number(progress.batches_done),
        number(progress.batches_total),
    )
}

/// The counts people look for first, and the others. What is only known at the end is left out before.
fn figures(counts: &Counts, is_done: bool) -> (Vec<Figure>, Vec<Figure>) {
    let figure = |(words, count)| Figure { words, count: number(count) };
    let main = [("Created", counts.created), ("Updated", counts.updated), ("Marked left", counts.marked_left)];
    let held = ("Departures held", counts.departures_held);
    let held = (counts.departures_held > 0).then_some(held);
    let active = is_done.then_some(("Present now", counts.total_active));
    let more = [
        ("Entries received", counts.total_received),
        ("Duplicates", counts.duplicates),
        ("Skipped", counts.skipped),
        ("Unchanged", counts.unchanged),
        ("Rejoined", counts.rejoined),
        ("Already newer", counts.deferred),
        ("Accounts linked", counts.linked),
        ("Accounts unlinked", counts.unlinked),
    ];
    (main.into_iter().chain(held).chain(active).map(figure).collect(), more.map(figure).into())
}

/// The page of a run.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let id = id.parse().map_err(|_| Refusal::NoRun)?;
    let run = app.state.read.run(id).await?.ok_or(Refusal::NoRun)?;
    let shell = Shell::new(Some(&staff.0), Section::Syncs);
    Ok(html(StatusCode::OK, RunPage::new(shell, run, app.state.clock.now()).render()?))
}
