//! What is asked before something is done about a run.
//!
//! Enters: the run, and what a form wants. Leaves: the question, with the number that the form then has to name again.

use crate::domain::{Act, Run};
use crate::http::pages::addresses::RUNS;
use crate::http::pages::question::Question;
use crate::http::pages::shell::{Section, number};

/// About all departures that a run holds.
pub(super) fn all_held(run: &Run, act: Act) -> Question {
    let held = run.counts.departures_held;
    let (title, text, button, word) = if act == Act::ApplyDepartures {
        (
            format!("Mark {} as left?", members(held)),
            "Whoever was seen again meanwhile is not marked. The page of the sync can take all of it back later.",
            "Mark them as left",
            "apply_departures",
        )
    } else {
        (
            format!("Dismiss the departures of {}?", members(held)),
            "They stay members. The next whole list that misses them is judged anew.",
            "Dismiss them",
            "dismiss_departures",
        )
    };
    let fields = vec![("act", word.to_owned()), ("all", held.to_string())];
    Question { fields, ..about(run, title, text, button) }
}

/// About all departures that a run marked.
pub(super) fn undo(run: &Run) -> Question {
    let marked = run.counts.marked_left;
    let text = "Whom this sync marked as left is present again, but for those of whom something newer is known.";
    let title = format!("Take back the departures of {}?", members(marked));
    Question { fields: vec![("all", marked.to_string())], ..about(run, title, text, "Take them back") }
}

/// About a run that is under way.
pub(super) fn cancel(run: &Run) -> Question {
    let text = "What it has applied stays, and nobody is marked as left. Its list is not kept: to go on later, it must be sent or fetched \
                again.";
    about(run, "Cancel this sync?".to_owned(), text, "Cancel it")
}

fn about(run: &Run, title: String, text: &str, button: &'static str) -> Question {
    let back = format!("{RUNS}{}/", run.id);
    let (section, facts, fields) = (Section::Syncs, Vec::new(), Vec::new());
    Question { section, title, facts, text: text.to_owned(), fields, button, back }
}

fn members(count: i64) -> String {
    if count == 1 { "1 member".to_owned() } else { format!("{} members", number(count)) }
}
