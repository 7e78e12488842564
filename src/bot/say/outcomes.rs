//! What came of a run.

use super::numbers::{number, things};
use super::{MOST_OF_AN_ERROR, cut, lines};
use crate::domain::{Counts, DiscordId, HeldReason, Mode, Run, RunState};

/// The last reply of a run that has ended.
pub(in crate::bot) fn outcome(run: &Run, address: &str) -> String {
    let heading = match (run.state, run.mode) {
        (RunState::Failed, _) => return failure(run, address),
        (RunState::Cancelled, _) => "The sync was cancelled. What it had applied is kept; nobody was marked as left.",
        (RunState::Superseded, _) => "A newer member list was applied in the meantime, so this sync changed nothing.",
        (_, Mode::DryRun) => "The dry run is done. A sync would do this; nothing was changed.",
        (RunState::Held, _) => held_heading(run),
        _ => "The sync is done.",
    };
    let warnings = i64::try_from(run.warnings.len()).unwrap_or(i64::MAX);
    let warned = if warnings > 0 { format!("{} on its page.", things(warnings, "warning")) } else { String::new() };
    lines([heading.to_owned(), counts(&run.counts), held(run), warned, address.to_owned()])
}

/// What a run that is held has come to.
fn held_heading(run: &Run) -> &'static str {
    match run.held_reason {
        Some(HeldReason::EmptyList) => "The sync had nothing to go by.",
        _ => "The sync is done, but for departures that a person must confirm.",
    }
}

/// The counts, one a line, under the names that bots before this one used.
fn counts(counts: &Counts) -> String {
    let named = [
        ("Created", counts.created),
        ("Updated", counts.updated),
        ("Rejoined", counts.rejoined),
        ("Left", counts.marked_left),
        ("Linked", counts.linked),
        ("Active", counts.total_active),
    ];
    named.map(|(name, count)| format!("{name}: {}", number(count))).join("\n")
}

fn failure(run: &Run, address: &str) -> String {
    let message = run.error.as_ref().map_or("Its page says no more.", |error| error.message.as_str());
    lines([format!("The sync failed. {}", cut(message, MOST_OF_AN_ERROR)), address.to_owned()])
}

/// What is held of a run, why, and what to do; empty if nothing is.
fn held(run: &Run) -> String {
    let Some(reason) = run.held_reason else { return String::new() };
    let dry = run.mode == Mode::DryRun;
    let departures = things(run.counts.departures_held, "departure");
    let (kept, be) = match (dry, run.counts.departures_held) {
        (true, _) => ("would be held", "would be"),
        (false, 1) => ("is held", "was"),
        (false, _) => ("are held", "was"),
    };
    let why = match reason {
        HeldReason::EmptyList => {
            return format!(
                "The list was empty, which is never believed: nobody {be} marked as left. Check what sent it, then sync again."
            );
        }
        HeldReason::MassDeparture => "more than are believed without asking",
        HeldReason::IncompleteRoster => "because the list has fewer members than Discord counts",
        HeldReason::Verification => "because one of them, asked for at Discord, is still present",
    };
    let next = match (dry, reason) {
        (true, _) => "",
        (_, HeldReason::MassDeparture) => {
            " Nobody was marked as left. Look at them on the page below, and apply or dismiss them there."
        }
        _ => {
            " Nobody was marked as left. Sync again in a few minutes, or look at them on the page below and apply or dismiss them there."
        }
    };
    format!("{departures} {kept}, {why}.{next}")
}

/// The last edit of a reply whose time is over before its run is.
pub(in crate::bot) fn overdue(has_channel: bool, address: &str) -> String {
    let then = if has_channel {
        "the result will be posted in the report channel, and stands on its page"
    } else {
        "the result will stand on its page"
    };
    lines([
        "The sync is still going on, but a reply can be changed for 15 minutes only.".to_owned(),
        format!("From here on {then}:"),
        address.to_owned(),
    ])
}

/// The last edit of a reply whose run is gone.
pub(in crate::bot) fn vanished() -> String {
    "This sync is no longer in the database: it was removed, or the database was replaced. Begin another with /sync_members."
        .to_owned()
}

/// For the report channel: what came of a run whose reply can no longer be changed.
pub(in crate::bot) fn late(run: &Run, address: &str) -> String {
    let whose = run.requested_by.parse::<DiscordId>().map(|id| format!(" that <@{id}> asked for")).unwrap_or_default();
    lines([format!("The sync{whose} has ended; its reply can no longer be changed."), outcome(run, address)])
}

/// For the report channel: a run that is held or has failed.
pub(in crate::bot) fn report(run: &Run, address: &str) -> String {
    let from = run.source;
    match run.state {
        RunState::Failed => {
            let message = run.error.as_ref().map_or("Its page says no more.", |error| error.message.as_str());
            lines([format!("A sync (from {from}) failed. {}", cut(message, MOST_OF_AN_ERROR)), address.to_owned()])
        }
        _ => lines([format!("{} It came from {from}.", held_heading(run)), held(run), address.to_owned()]),
    }
}
