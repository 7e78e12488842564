//! What needs a person, the broken things first, each with the way to mend it.

use chrono::{DateTime, Utc};

use super::address;
use crate::domain::{HeldReason, Run, RunState};
use crate::http::pages::addresses::{CONFLICTS, MEMBERS, RUNS, WORKERS};
use crate::http::pages::shell::{When, ago, number};
use crate::store::{Landmarks, OpenConflicts, Problem, Process};

const PORTAL: &str = "https://discord.com/developers/applications";

/// Something that waits for a person.
pub(super) struct Matter {
    /// Whether it is broken, rather than waiting.
    pub is_bad: bool,
    pub text: String,
    /// Where it can be mended, in words.
    pub words: &'static str,
    pub address: String,
    pub since: Option<When>,
}

impl Matter {
    fn bad(text: impl Into<String>, words: &'static str, address: impl Into<String>, since: DateTime<Utc>) -> Self {
        Self { is_bad: true, text: text.into(), words, address: address.into(), since: Some(since.into()) }
    }

    fn waits(self) -> Self {
        Self { is_bad: false, ..self }
    }
}

/// What is known of how things stand.
pub(super) struct Seen {
    pub problems: Vec<Problem>,
    pub landmarks: Landmarks,
    pub conflicts: Option<OpenConflicts>,
    /// Also those that were lost lately.
    pub processes: Vec<Process>,
    pub now: DateTime<Utc>,
}

pub(super) fn matters(seen: Seen) -> Vec<Matter> {
    let Seen { problems, landmarks, conflicts, processes, now } = seen;
    let mut matters: Vec<Matter> = problems.into_iter().map(problem).collect();
    matters.extend(of_workers(&processes, now));
    matters.extend(of_lists(&landmarks));
    matters.extend(conflicts.map(of_conflicts));
    matters.sort_by_key(|matter| !matter.is_bad);
    matters
}

/// Its message says what to do; this is where.
fn problem(problem: Problem) -> Matter {
    let (words, address) = match problem.code.as_str() {
        "bot_intent" | "bot_token" => ("Open the Discord Developer Portal", PORTAL),
        "roster" => ("See what the syncs say", RUNS),
        _ => ("See which process has the bot", WORKERS),
    };
    Matter::bad(problem.message, words, address, problem.noted_at)
}

/// Nobody who works, or some who were lost.
fn of_workers(processes: &[Process], now: DateTime<Utc>) -> Option<Matter> {
    let (alive, lost): (Vec<_>, Vec<_>) =
        processes.iter().filter(|process| process.has_role("worker")).partition(|process| process.is_alive(now));
    let newest = lost.iter().max_by_key(|process| process.seen_at);
    if alive.is_empty() {
        let text = "No worker is running. Lists that come in are kept and wait for one.";
        return Some(Matter {
            is_bad: true,
            text: text.into(),
            words: "How to start a worker",
            address: WORKERS.into(),
            since: newest.map(|process| process.seen_at.into()),
        });
    }
    let newest = newest?;
    let age = ago(now - newest.seen_at);
    let text = match lost.len() {
        1 => format!("The worker on {} was lost: it showed itself last {age}. Others have taken over its work.", newest.host),
        lost => format!("{lost} workers were lost, the last one {age}, on {}. Others have taken over their work.", newest.host),
    };
    Some(Matter::bad(text, "Look at the workers", WORKERS, newest.seen_at).waits())
}

/// A list that failed with none after it that did not, an open hold, or no list at all.
fn of_lists(landmarks: &Landmarks) -> Vec<Matter> {
    if landmarks.filed.is_none() {
        return vec![Matter {
            is_bad: false,
            text: "No member list has come in yet, so nobody is known.".into(),
            words: "How to send the first list",
            address: MEMBERS.into(),
            since: None,
        }];
    }
    let failed = landmarks.ended.as_ref().and_then(|run| match (run.state, run.held_reason) {
        (RunState::Failed, _) => Some(failed(run)),
        (RunState::Held, Some(HeldReason::EmptyList)) => {
            let text =
                "The last list was empty, which is never believed: nobody was marked as left. Look into the bot that sent it.";
            Some(Matter::bad(text, "See the sync", address(run), run.created_at))
        }
        _ => None,
    });
    let held = landmarks.applied.as_ref().filter(|run| run.state == RunState::Held).map(|run| {
        let text = format!("{} departures are held until a person decides.", number(run.counts.departures_held));
        Matter::bad(text, "Decide on them", address(run), run.created_at).waits()
    });
    failed.into_iter().chain(held).collect()
}

fn failed(run: &Run) -> Matter {
    let text = run.error.as_ref().map_or("The last sync failed.", |error| error.message.as_str());
    Matter::bad(text, "See the sync and try again", address(run), run.created_at)
}

fn of_conflicts(conflicts: OpenConflicts) -> Matter {
    let text = match conflicts.count {
        1 => "An account claims a Discord id that could not be given to it.".to_owned(),
        count => format!("{} accounts claim Discord ids that could not be given to them.", number(count)),
    };
    Matter::bad(text, "Decide on the claims", CONFLICTS, conflicts.since).waits()
}
