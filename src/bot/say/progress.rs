//! A reply while its run goes on.

use super::lines;
use super::numbers::{number, things};
use crate::domain::{Run, RunState};

/// Squares of the bar.
const SQUARES: i64 = 20;

/// How far a run has come. `expected` is about how many members the guild has: while the list is being fetched, its length is not known.
pub(in crate::bot) fn progress(run: &Run, expected: i64, address: &str) -> String {
    let (done, total) = (run.progress.members_done, run.progress.members_total);
    let heading = match run.state {
        RunState::Queued => "The sync waits for its turn.",
        RunState::Fetching => "The member list is being fetched from Discord; what has come is being applied.",
        RunState::Finishing => "All members are applied; departures and links are being judged.",
        _ => "The member list is being applied.",
    };
    let measure = match run.state {
        RunState::Queued => String::new(),
        RunState::Fetching => {
            let about = expected.max(total);
            format!("{} {} fetched, {} applied", bar(done, about), things(total, "member"), number(done))
        }
        _ => format!("{} {} of {}", bar(done, total), number(done), things(total, "member")),
    };
    lines([heading.to_owned(), measure, format!("<{address}>")])
}

/// A bar and its share, such as `[##########----------] 50 %`. Full only when all is done.
fn bar(done: i64, total: i64) -> String {
    let done = done.clamp(0, total.max(0));
    let share = |of: i64| if total > 0 { i128::from(done) * i128::from(of) / i128::from(total) } else { 0 };
    let full = usize::try_from(share(SQUARES)).unwrap_or_default();
    let empty = usize::try_from(SQUARES).unwrap_or_default().saturating_sub(full);
    format!("`[{}{}]` {} % ·", "#".repeat(full), "-".repeat(empty), share(100))
}
