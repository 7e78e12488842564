//! What needs a person, the broken things first, each with the way to mend it.

use chrono::{DateTime, Utc};

use super::address;
use crate::domain::{HeldReason, Run, RunState, Source};
use crate::http::pages::addresses::{CONFLICTS, MEMBERS, RUNS, WORKERS};
use crate::http::pages::shell::{When, ago, number};
use crate::store::{Landmarks, OpenConflicts, Problem, Process};

const PORTAL: &str = "https://discord.com/developers/applications";
const PORTAL_WAY: (&str, &str) = ("Open the Discord Developer Portal", PORTAL);
/// What the fetch of a list has met.
const ROSTER: &str = "roster";

/// Something that waits for a person.
pub(super) struct Matter {
    /// Whether it is broken, rather than waiting.
    pub is_bad: bool,
    pub text: String,
    /// Where it can be mended: words and address.
    pub way: Option<(&'static str, String)>,
    pub since: Option<When>,
}

impl Matter {
    fn bad(text: impl Into<String>, words: &'static str, address: impl Into<String>, since: DateTime<Utc>) -> Self {
        Self { is_bad: true, text: text.into(), way: Some((words, address.into())), since: Some(since.into()) }
    }

    /// What whoever runs the site has not set.
    fn unset(text: &str) -> Self {
        Self { is_bad: true, text: text.to_owned(), way: None, since: None }
    }

    fn waits(self) -> Self {
        Self { is_bad: false, ..self }
    }
}

/// What is known of how things stand.
pub(super) struct Seen {
    /// The program knows its guild.
    pub has_guild: bool,
    /// Lists can come in by themselves: from Discord, or from a bot that has a key.
    pub has_source: bool,
    pub problems: Vec<Problem>,
    pub landmarks: Landmarks,
    pub conflicts: Option<OpenConflicts>,
    /// Also those that were lost lately.
    pub processes: Vec<Process>,
    pub now: DateTime<Utc>,
}

pub(super) fn matters(seen: Seen) -> Vec<Matter> {
    let Seen { has_guild, has_source, problems, landmarks, conflicts, processes, now } = seen;
    let mut matters: Vec<Matter> = of_settings(has_guild, has_source).into_iter().collect();
    matters.extend(of_workers(&processes, now));
    matters.extend(of_lists(&landmarks, &problems, has_guild));
    matters.extend(problems.iter().map(problem));
    matters.extend(conflicts.map(of_conflicts));
    matters.sort_by_key(|matter| !matter.is_bad);
    matters
}

/// What must be set before any list can come in.
fn of_settings(has_guild: bool, has_source: bool) -> Option<Matter> {
    if !has_guild {
        let text = "The program does not know its guild, so no list can be taken in. Whoever runs it sets GUILD_ID, the id of the Discord \
                    server, and starts it again.";
        return Some(Matter::unset(text));
    }
    let text = "No list can come in but from a file: bots have no key to send one with, and there is no token to ask Discord with. Whoever runs \
                the program sets DBOT_AUTH_KEY, DISCORD_TOKEN or both, and starts it again.";
    (!has_source).then(|| Matter::unset(text))
}

/// Its message says what to do; this is where.
fn problem(problem: &Problem) -> Matter {
    let (words, address) = match problem.code.as_str() {
        "bot_intent" | "bot_token" => PORTAL_WAY,
        _ if problem.message.contains(PORTAL) => PORTAL_WAY,
        ROSTER => ("See what the syncs say", RUNS),
        _ => ("See which process has the bot", WORKERS),
    };
    // The way is the address.
    let text = problem.message.replace(&format!(" ({PORTAL})"), "");
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    Matter::bad(format!("{text}{end}"), words, address, problem.noted_at)
}

/// Nobody who works, or some who were lost.
fn of_workers(processes: &[Process], now: DateTime<Utc>) -> Option<Matter> {
    let (alive, lost): (Vec<_>, Vec<_>) =
        processes.iter().filter(|process| process.has_role("worker")).partition(|process| process.is_alive(now));
    // One that began on the same machine after the lost one was seen last has taken its place; its steps were taken over long before it
    // counted as lost.
    let is_replaced = |lost: &Process| alive.iter().any(|one| one.host == lost.host && one.started_at >= lost.seen_at);
    let lost: Vec<_> = lost.into_iter().filter(|process| !is_replaced(process)).collect();
    let newest = lost.iter().max_by_key(|process| process.seen_at);
    if alive.is_empty() {
        let text = "No worker is running. Lists that come in are kept and wait for one.";
        return Some(Matter {
            is_bad: true,
            text: text.into(),
            way: Some(("How to start a worker", WORKERS.into())),
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
fn of_lists(landmarks: &Landmarks, problems: &[Problem], has_guild: bool) -> Vec<Matter> {
    if landmarks.filed.is_none() {
        // Without a guild there is something to do before.
        let first = has_guild.then(|| Matter {
            is_bad: false,
            text: "No member list has come in yet, so nobody is known.".into(),
            way: Some(("How to send the first list", MEMBERS.into())),
            since: None,
        });
        return first.into_iter().collect();
    }
    let failed = landmarks.ended.as_ref().and_then(|run| match (run.state, run.held_reason) {
        (RunState::Failed, _) => failed(run, problems),
        (RunState::Held, Some(HeldReason::EmptyList)) => {
            let look = match run.source {
                Source::File => "Look into the file that it came from.",
                Source::Push => "Look into the bot that sent it.",
                Source::Discord | Source::Events => "Look whether the bot is in the right server.",
            };
            let text = format!("The last list was empty, which is never believed: nobody was marked as left. {look}");
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

/// What failed for a reason that stands is told by the reason.
fn failed(run: &Run, problems: &[Problem]) -> Option<Matter> {
    let text = run.error.as_ref().map_or("The last sync failed.", |error| error.message.as_str());
    let is_told = problems.iter().any(|problem| problem.code == ROSTER && text.starts_with(&problem.message));
    (!is_told).then(|| Matter::bad(text, "See the sync and try again", address(run), run.created_at))
}

fn of_conflicts(conflicts: OpenConflicts) -> Matter {
    let text = match conflicts.count {
        1 => "An account claims a Discord id that could not be given to it.".to_owned(),
        count => format!("{} accounts claim Discord ids that could not be given to them.", number(count)),
    };
    Matter::bad(text, "Decide on the claims", CONFLICTS, conflicts.since).waits()
}
