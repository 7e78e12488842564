//! Sequences that once found a fault, as short as they could be made.

use super::steps::{Claims, Late, Roster, Step};
use super::{Field, Ledger};

fn roster(entries: impl IntoIterator<Item = i64>) -> Roster {
    let entries = entries.into_iter().map(|number| (number, 0)).collect();
    Roster { ahead: 0, entries, size: 1, dry: false, allow: false, key: None }
}

#[track_caller]
fn replay(steps: &[Step]) {
    for mut field in [Field::new(Ledger::postgres), Field::new(Ledger::sqlite)] {
        field.follow(steps).unwrap_or_else(|error| panic!("{error:#}"));
    }
}

/// Whoever applied a batch of a cancelled run kept its claim for as long as it liked.
#[test]
fn a_batch_of_a_cancelled_run_cannot_be_kept_claimed() {
    replay(&[Step::File(roster([2, 3, 5, 7, 9])), Step::Lose(0), Step::Lose(0), Step::Cancel(0), Step::Return(0, Late::Renews)]);
}

/// Whom a run made before it was cancelled waited for the next roster to be linked.
#[test]
fn whom_a_cancelled_run_made_is_linked() {
    let account = Step::Import(vec![(0, false, false, Claims::Id(2))]);
    replay(&[account, Step::File(roster([2, 3, 5])), Step::Advance { run: 0, by: 2, backwards: false }, Step::Cancel(0)]);
}
