//! The part of a run's page that moves while the run does.
//!
//! Enters: the run as it stands. Leaves: a piece of markup that has the same lines in every state, so that nothing moves about.

use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, TimeDelta, Utc};

use super::words;
use crate::domain::{Counts, Mode, Run, RunState, Source};
use crate::http::pages::board::Live;
use crate::http::pages::shell::{duration, number};
use crate::store::{self, RunWork, Share};

/// A count and what it counts.
struct Figure {
    words: &'static str,
    count: Option<String>,
}

/// A phase of a run.
struct Phase {
    words: &'static str,
    /// What the style sheet knows it by: `done`, `now` or `next`.
    stage: &'static str,
    took: Option<String>,
}

/// What a process did of it.
struct Worker {
    name: Option<String>,
    /// What is said where there is no name.
    nobody: &'static str,
    in_hand: String,
    applied: String,
    members: String,
    repeats: String,
}

/// A batch that was tried again.
struct Trouble {
    batch: String,
    attempts: String,
    is_applied: bool,
    error: String,
}

/// The part that moves; its template is `run_live.html`.
#[derive(Template)]
#[template(path = "run_live.html")]
pub(super) struct LiveView {
    state: &'static str,
    meaning: &'static str,
    percent: i64,
    progress: String,
    pace: String,
    phases: Vec<Phase>,
    main: Vec<Figure>,
    more: Vec<Figure>,
    workers: Vec<Worker>,
    /// What is said where there are none.
    no_batches: &'static str,
    /// Why the fetch of the list was tried again.
    fetch_error: Option<String>,
    troubles: Vec<Trouble>,
    /// How many more there are.
    more_troubles: Option<String>,
}

impl HtmlSafe for LiveView {}

impl LiveView {
    pub(super) fn new(live: &Live) -> Self {
        let Live { run, work, at } = live;
        let is_done = matches!(run.state, RunState::Succeeded | RunState::Held);
        Self {
            state: run.state.as_str(),
            meaning: words::meaning(run),
            percent: words::percent(run),
            progress: words::progress(run),
            pace: pace(run, work, *at),
            phases: phases(run, work, *at),
            main: main(&run.counts, is_done),
            more: more(&run.counts),
            // A small run is carried out in one step.
            workers: if run.mode == Mode::Delta {
                Vec::new()
            } else {
                work.shares.iter().map(|share| worker(share, run)).collect()
            },
            no_batches: match run.mode {
                Mode::Delta => "None: it is done in one step.",
                _ if run.state.has_ended() => "None were made.",
                _ => "None yet.",
            },
            fetch_error: work.fetch_error.clone(),
            troubles: work.troubles.iter().map(trouble).collect(),
            more_troubles: more_troubles(work),
        }
    }
}

fn worker(share: &Share, run: &Run) -> Worker {
    // Of a run that was ended from outside the rows of its batches stay as they were; nobody is at them any more.
    let has_ended = run.state.has_ended();
    let in_hand = match share.waiting {
        0 if has_ended => number(0),
        0 => number(share.in_hand),
        waiting if has_ended => format!("{} not applied", number(waiting)),
        waiting => format!("{} waiting", number(waiting)),
    };
    Worker {
        name: share.worker.clone(),
        nobody: match share.waiting {
            0 => "Not noted",
            _ if has_ended => "Nobody",
            _ => "Nobody yet",
        },
        in_hand,
        applied: number(share.applied),
        members: number(share.members),
        repeats: number(share.repeats),
    }
}

fn trouble(trouble: &store::Trouble) -> Trouble {
    Trouble {
        batch: number(trouble.batch),
        attempts: number(trouble.attempts),
        is_applied: trouble.is_applied,
        error: trouble.error.clone(),
    }
}

fn more_troubles(work: &RunWork) -> Option<String> {
    let told = i64::try_from(work.troubles.len()).unwrap_or(i64::MAX);
    (work.troubled > told).then(|| number(work.troubled - told))
}

/// How quickly it goes, and how long it may still take.
fn pace(run: &Run, work: &RunWork, now: DateTime<Utc>) -> String {
    let end = work.applied_at.or(run.finished_at).unwrap_or(now);
    let millis = run.started_at.map_or(0, |start| (end - start).num_milliseconds());
    let done = run.progress.members_done;
    if millis <= 0 || done <= 0 {
        let told = match run.state {
            _ if run.state.has_ended() => "",
            RunState::Queued => "Not begun",
            _ => "No member is done yet",
        };
        return told.to_owned();
    }
    let rate = done.saturating_mul(1_000) / millis;
    let rate_told = format!("{} members a second", number(rate));
    let left = (run.progress.members_total - done).max(0);
    let is_moving = matches!(run.state, RunState::Fetching | RunState::Applying);
    if is_moving && rate > 0 && left > 0 {
        let seconds = left / rate + 1;
        let left = if seconds < 60 { format!("{seconds} s") } else { duration(TimeDelta::seconds(seconds)) };
        format!("{rate_told}, about {left} left")
    } else {
        rate_told
    }
}

/// The phases with their times. A small run has one step.
fn phases(run: &Run, work: &RunWork, now: DateTime<Utc>) -> Vec<Phase> {
    let end = run.finished_at;
    let phase = |words, begun: Option<DateTime<Utc>>, ended: Option<DateTime<Utc>>| {
        // A run that broke off was in this phase until then.
        let over = ended.or(end.filter(|_| begun.is_some()));
        Phase {
            words,
            stage: match (begun, over) {
                (None, _) => "next",
                (Some(_), None) => "now",
                (Some(_), Some(_)) => "done",
            },
            took: begun.map(|begun| duration(over.unwrap_or(now) - begun)),
        }
    };
    let queued = phase("Waiting", Some(run.created_at), run.started_at);
    if run.mode == Mode::Delta {
        return vec![queued, phase("Carrying out", run.started_at, end)];
    }
    let fetching = (run.source == Source::Discord).then(|| phase("Fetching", run.started_at, work.fetched_at));
    let come = if run.source == Source::Discord { work.fetched_at } else { run.started_at };
    let applying = phase("Applying", come, work.applied_at);
    let finishing = phase("Finishing", work.applied_at, end);
    [Some(queued), fetching, Some(applying), Some(finishing)].into_iter().flatten().collect()
}

/// The counts people look for first; what is only known at the end is left open before.
fn main(counts: &Counts, is_done: bool) -> Vec<Figure> {
    let figure = |(words, count): (_, Option<i64>)| Figure { words, count: count.map(number) };
    let at_the_end = |count| is_done.then_some(count);
    let all = [
        ("Created", Some(counts.created)),
        ("Changed", Some(counts.changed())),
        ("Came back", Some(counts.rejoined)),
        ("Marked left", at_the_end(counts.marked_left)),
        ("Departures held", at_the_end(counts.departures_held)),
        ("Present now", at_the_end(counts.total_active)),
    ];
    all.map(figure).into()
}

fn more(counts: &Counts) -> Vec<Figure> {
    let all = [
        ("Entries received", counts.total_received),
        ("Duplicates", counts.duplicates),
        ("Skipped", counts.skipped),
        ("Updated (API)", counts.updated),
        ("Unchanged", counts.unchanged),
        ("Already newer", counts.deferred),
        ("Dismissed", counts.dismissed),
        ("Accounts linked", counts.linked),
        ("Accounts unlinked", counts.unlinked),
    ];
    all.map(|(words, count)| Figure { words, count: Some(number(count)) }).into()
}
