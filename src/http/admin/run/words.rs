//! What is said of a run: its state, what it kept back and why, how far it is.

use crate::domain::{Act, HeldReason, Mode, Run, RunState};
use crate::http::pages::shell::number;

/// What the state means.
pub(super) fn meaning(run: &Run) -> &'static str {
    match run.state {
        RunState::Succeeded if run.mode == Mode::DryRun => {
            "It was a dry run: this is what the list would do. Nothing was changed."
        }
        RunState::Queued => "It waits for a worker, or for an earlier list to be done.",
        RunState::Fetching => {
            "Its list is being fetched from Discord, and applied as it comes. Nobody is marked as left before all of it is."
        }
        RunState::Applying => "Its members are being applied. Nobody is marked as left before all of them are.",
        RunState::Finishing => "All members are applied. Now departures and accounts are looked at.",
        RunState::Succeeded => "Everything is done.",
        RunState::Held => "Everything is done but the departures, which were not believed.",
        RunState::Failed if run.act.is_some() => "It could not be carried out. Nothing was changed.",
        RunState::Failed => "It broke off. What it had applied stays; nobody was marked as left.",
        RunState::Cancelled => "Somebody cancelled it. What it had applied stays; nobody was marked as left.",
        RunState::Superseded => "A newer list has taken its place.",
    }
}

/// What was kept back and why; nothing if that is settled.
pub(super) fn held(run: &Run) -> Option<String> {
    let reason = run.held_reason.filter(|_| run.state != RunState::Superseded)?;
    Some(explain(reason, run.mode, run.counts.departures_held))
}

/// What was kept back, why, and what a person can do.
fn explain(reason: HeldReason, mode: Mode, departures: i64) -> String {
    let count = number(departures);
    if mode == Mode::DryRun {
        return format!("The list itself would be held: {count} departures would wait for a person.");
    }
    let (members, they) = if departures == 1 { ("member", "is") } else { ("members", "are") };
    let really = format!("If {count} {members} really {they} gone, apply the departures below; those who are not, dismiss.");
    match reason {
        HeldReason::MassDeparture => format!(
            "The list misses {count} present {members}, more than the guard believes of one list, so nobody was marked as left. If the \
             list came in short, send the whole list again: it takes this one's place. {really}"
        ),
        HeldReason::IncompleteRoster => format!(
            "Discord listed fewer members than it says there are, so nobody was marked as left, {count} {members} among them who {they} not \
             listed. The next sync from Discord takes this one's place. {really}"
        ),
        HeldReason::Verification => format!(
            "Discord did not list {count} {members}, but when asked for the first hundred of them one by one, it knew at least one. So nobody \
             was marked as left. The next sync from Discord takes this one's place. {really}"
        ),
        HeldReason::EmptyList => format!(
            "The list was empty. An empty list is never believed, so nobody was marked as left: {count} {members} {they} still present. \
             Look at the bot or file it came from, then send the whole list."
        ),
    }
}

/// What a decision came to, for whoever made it.
pub(super) fn decided(decision: &Run) -> String {
    let counts = &decision.counts;
    let told = |count: i64, words: &str| (count > 0).then(|| format!("{} {words}", number(count)));
    match (decision.state, decision.act) {
        (RunState::Succeeded, Some(Act::UndoDepartures)) => {
            format!("{} of those who were marked as left are present again.", number(counts.rejoined))
        }
        (RunState::Succeeded, Some(_)) => {
            let parts = [
                told(counts.marked_left, "marked as left"),
                told(counts.deferred, "not marked, because newer evidence has come or they are no longer held"),
                told(counts.dismissed, "dismissed"),
                told(counts.departures_held, "still held"),
            ];
            let told: Vec<String> = parts.into_iter().flatten().collect();
            if told.is_empty() { "Nobody was left to decide about.".to_owned() } else { format!("{}.", told.join(", ")) }
        }
        (RunState::Failed, _) => {
            decision.error.as_ref().map_or_else(|| "Nothing was changed.".to_owned(), |error| error.message.clone())
        }
        (RunState::Cancelled, _) => "The decision was cancelled before it was carried out. Nothing was changed.".to_owned(),
        _ => "The decision waits for a worker, or for a list that is being applied. It will be carried out.".to_owned(),
    }
}

/// How much is done, 0 to 100. A run that is not through never shows 100.
pub(super) fn percent(run: &Run) -> i64 {
    let (done, total) = (run.progress.members_done, run.progress.members_total);
    match run.state {
        RunState::Succeeded | RunState::Held => 100,
        RunState::Finishing => 99,
        _ if total <= 0 => 0,
        _ => (done.saturating_mul(100) / total).clamp(0, 99),
    }
}

/// How much is done, in words.
pub(super) fn progress(run: &Run) -> String {
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
