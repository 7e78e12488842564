//! What a run changed: whom it made is found without looking at the rows of all members.

use guildsync::domain::{Action, Mode, RunId, Seen, Sighting};
use guildsync::store::{ChangeCursor, NewRun, StagedBatch, encode_sightings};

use super::Ledger;
use super::hand::{GUARD, List, at, carry_out, claim_finish, id, member, members, read, renamed};

on_both!(
    whom_a_run_made_is_known_by_its_batches_alone,
    a_run_whose_batches_note_nobody_is_looked_for_in_the_rows,
    a_dry_run_made_nobody,
    a_sighting_that_makes_a_member_is_known_by_its_run,
);

/// Who was made, a page of two after the other; the way back is the same.
async fn made(ledger: &Ledger, run: RunId) -> Vec<i64> {
    let (mut all, mut after) = (Vec::new(), ChangeCursor::default());
    loop {
        let page = ledger.read.changes(run, None, after, 2).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = *last;
        all.extend(page);
    }
    let (mut back, mut before) = (Vec::new(), ChangeCursor { id: i64::MAX, number: i64::MAX });
    loop {
        let page = ledger.read.changes_before(run, None, before, 2).await.unwrap();
        let Some((first, _)) = page.first() else { break };
        before = *first;
        back.splice(..0, page);
    }
    assert_eq!(back, all);
    all.iter().filter(|(_, change)| change.action == Action::Created).map(|(place, _)| place.id).collect()
}

async fn list(ledger: &Ledger, seconds: i64, mode: Mode, numbers: impl IntoIterator<Item = i64>, size: usize) -> RunId {
    let mut list = List::new(at(seconds), &members(numbers), size);
    list.run.mode = mode;
    let run = list.file(ledger).await;
    carry_out(ledger, run, GUARD, at(seconds + 1)).await;
    run
}

/// From here on no row says who made it: what is still told of that is not read from the rows.
async fn forget_in_rows(ledger: &Ledger) {
    ledger.execute("UPDATE guild_members SET created_run_id = NULL").await;
}

async fn whom_a_run_made_is_known_by_its_batches_alone(ledger: &Ledger) {
    let first = list(ledger, 0, Mode::Full, (1..=20).map(|n| n * 10), 6).await;
    let mut entries = members((1..=20).map(|n| n * 10));
    entries.extend(members([205, 5, 115]));
    entries[3] = renamed(40, "renamed");
    let some = List::new(at(10), &entries, 6).file(ledger).await;
    carry_out(ledger, some, GUARD, at(11)).await;
    let none = list(ledger, 20, Mode::Full, entries.iter().map(|member| member.id.get()), 50).await;
    forget_in_rows(ledger).await;
    assert_eq!(made(ledger, first).await, (1..=20).map(|n| n * 10).collect::<Vec<_>>());
    assert_eq!(made(ledger, some).await, [5, 115, 205]);
    assert_eq!(made(ledger, none).await, Vec::<i64>::new());
    let all = ledger.read.changes(some, None, ChangeCursor::default(), 100).await.unwrap();
    let told: Vec<_> = all.iter().map(|(place, change)| (place.id, change.action)).collect();
    assert_eq!(told, [(5, Action::Created), (40, Action::Updated), (115, Action::Created), (205, Action::Created)]);
    assert_eq!(all[0].1.after.as_ref().unwrap()["username"], "user5");
}

async fn a_run_whose_batches_note_nobody_is_looked_for_in_the_rows(ledger: &Ledger) {
    let old = list(ledger, 0, Mode::Full, 1..=5, 2).await;
    let new = list(ledger, 10, Mode::Full, 1..=8, 3).await;
    // As a version before this one left it: one of two batches was applied by it.
    ledger.execute("UPDATE sync_batches SET made = NULL WHERE batch = 1").await;
    assert_eq!(made(ledger, old).await, [1, 2, 3, 4, 5]);
    assert_eq!(made(ledger, new).await, [6, 7, 8]);
}

async fn a_dry_run_made_nobody(ledger: &Ledger) {
    list(ledger, 0, Mode::Full, 1..=5, 2).await;
    let dry = list(ledger, 10, Mode::DryRun, 1..=8, 3).await;
    assert_eq!(read(ledger, dry).await.counts.created, 3);
    assert_eq!(ledger.number("SELECT count(*) FROM sync_batches WHERE made IS NOT NULL AND created > 0").await, 3);
    assert_eq!(made(ledger, dry).await, [6, 7, 8], "as its plan says");
    list(ledger, 20, Mode::Full, 1..=8, 3).await;
    assert_eq!(made(ledger, dry).await, [6, 7, 8], "once");
}

async fn a_sighting_that_makes_a_member_is_known_by_its_run(ledger: &Ledger) {
    list(ledger, 0, Mode::Full, 1..=5, 10).await;
    let seen = |number| Sighting { observed_at: at(10), seen: Seen::Present(member(number)) };
    let gone = Sighting { observed_at: at(10), seen: Seen::Gone { id: id(9), user: None } };
    let payload = encode_sightings(&[seen(2), seen(7), gone]).unwrap();
    let run = NewRun { mode: Mode::Delta, members_total: 3, batches_total: 1, ..List::new(at(10), &[], 1).run };
    ledger.filing.file_run(&run, &[StagedBatch { batch: 0, members: 3, payload }], &[]).await.unwrap();
    let claim = claim_finish(ledger, run.id, at(11)).await;
    ledger.work.finish_run(&claim, GUARD, at(11)).await.unwrap();
    forget_in_rows(ledger).await;
    assert_eq!(made(ledger, run.id).await, [7, 9]);
}
