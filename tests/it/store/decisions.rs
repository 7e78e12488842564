//! Decisions about departures as staff see them: what the log says came of each, and whether there is anybody left to bring back.

use guildsync::domain::{Act, DiscordId, Guard, Mode, RunId, Source, StaffAct};
use guildsync::store::{Decision, NewRun, NewStaff, StaffLogPage, StaffNote, StagedBatch, encode_ids};

use super::Ledger;
use super::hand::{GUARD, List, at, carry_out, carry_out_small, file, id, members, mishap, run_id, sync};

on_both!(
    what_came_of_a_decision_is_told_in_its_note,
    what_was_undone_cannot_be_undone_again,
    who_is_known_to_have_left_since_is_not_brought_back,
);

/// Ten of twenty are held.
async fn held(ledger: &Ledger) -> RunId {
    sync(ledger, at(0), &members(1..=20)).await;
    let run = file(ledger, at(10), &members(1..=10)).await;
    let held = carry_out(ledger, run, Guard { floor: 0, ..GUARD }, at(11)).await;
    assert_eq!(held.counts.departures_held, 10);
    run
}

fn decision(seconds: i64, act: Act, target: RunId, note: Option<StaffNote>) -> NewRun {
    let list = List::new(at(seconds), &[], 1);
    NewRun {
        id: run_id(at(seconds)),
        source: Source::Push,
        mode: Mode::Delta,
        decision: Some(Decision { act, target }),
        noted: note,
        ..list.run
    }
}

/// Files a decision of staff about all, or about these.
async fn decide(ledger: &Ledger, seconds: i64, act: Act, target: RunId, ids: Option<&[DiscordId]>, by: i64) -> RunId {
    let noted = StaffAct::from_word(act.as_str()).unwrap();
    let note = StaffNote { account: by, name: "root".into(), act: noted, target: Some(target), detail: "some".into() };
    let mut run = decision(seconds, act, target, Some(note));
    let batch = ids.map(|ids| StagedBatch { batch: 0, members: 1, payload: encode_ids(ids).unwrap() });
    (run.members_total, run.batches_total) = (i64::from(batch.is_some()), i32::from(batch.is_some()));
    ledger.filing.file_run(&run, batch.as_slice(), &[]).await.unwrap();
    run.id
}

async fn root(ledger: &Ledger) -> i64 {
    let staff = NewStaff { username: "root".into(), password_hash: "x".into(), is_superuser: true };
    ledger.accounts.create_staff(&staff, at(0)).await.unwrap().expect("the name is free").id
}

async fn details(ledger: &Ledger) -> Vec<String> {
    let page = StaffLogPage { limit: 50, ..StaffLogPage::default() };
    ledger.staff_log.acts(&page).await.unwrap().into_iter().rev().map(|act| act.detail).collect()
}

async fn what_came_of_a_decision_is_told_in_its_note(ledger: &Ledger) {
    let (by, run) = (root(ledger).await, held(ledger).await);
    let ids = |numbers: &[i64]| numbers.iter().map(|number| id(*number)).collect::<Vec<_>>();
    // Of three, one was never held.
    let some = decide(ledger, 20, Act::ApplyDepartures, run, Some(&ids(&[5, 11, 12])), by).await;
    assert_eq!(details(ledger).await, ["some"], "nothing has come of it yet");
    carry_out_small(ledger, some, at(21)).await;
    let cancelled = decide(ledger, 30, Act::DismissDepartures, run, None, by).await;
    ledger.filing.cancel_run(cancelled, "", None, at(31)).await.unwrap();
    let failed = decide(ledger, 32, Act::DismissDepartures, run, None, by).await;
    ledger.work.fail_run(failed, &mishap(), at(33)).await.unwrap();
    let rest = decide(ledger, 40, Act::DismissDepartures, run, Some(&ids(&[11, 13, 14])), by).await;
    carry_out_small(ledger, rest, at(41)).await;
    // Through the API, of which there is no note.
    let api = decision(50, Act::DismissDepartures, run, None);
    ledger.filing.file_run(&api, &[], &[]).await.unwrap();
    carry_out_small(ledger, api.id, at(51)).await;
    let late = decide(ledger, 60, Act::ApplyDepartures, run, None, by).await;
    carry_out_small(ledger, late, at(61)).await;
    let undone = decide(ledger, 70, Act::UndoDepartures, run, None, by).await;
    carry_out_small(ledger, undone, at(71)).await;
    let told = [
        "some: 2 marked as left, 1 not marked",
        "some: cancelled, nothing was changed",
        "some: failed, nothing was changed",
        "some: 2 dismissed, 1 not held there",
        "some: came too late, nothing was changed",
        "some: 2 present again",
    ];
    assert_eq!(details(ledger).await, told);
}

async fn what_was_undone_cannot_be_undone_again(ledger: &Ledger) {
    let (by, run) = (root(ledger).await, held(ledger).await);
    let undoable = async |run| ledger.runs.has_undoable(run).await.unwrap();
    assert!(!undoable(run).await, "it has marked nobody yet");
    let applied = decide(ledger, 20, Act::ApplyDepartures, run, Some(&[id(11)]), by).await;
    carry_out_small(ledger, applied, at(21)).await;
    let others = decide(ledger, 22, Act::ApplyDepartures, run, None, by).await;
    carry_out_small(ledger, others, at(23)).await;
    assert!(undoable(run).await && undoable(applied).await && undoable(others).await);
    let undone = decide(ledger, 30, Act::UndoDepartures, applied, None, by).await;
    carry_out_small(ledger, undone, at(31)).await;
    assert!(undoable(run).await && !undoable(applied).await && undoable(others).await, "only the first decision is undone");
    let all = decide(ledger, 40, Act::UndoDepartures, run, None, by).await;
    carry_out_small(ledger, all, at(41)).await;
    assert!(!undoable(run).await && !undoable(others).await);
    assert!(!undoable(run_id(at(99))).await, "no such run");
}

async fn who_is_known_to_have_left_since_is_not_brought_back(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=20)).await;
    let marked = file(ledger, at(10), &members(1..=19)).await;
    carry_out(ledger, marked, GUARD, at(11)).await;
    assert!(ledger.runs.has_undoable(marked).await.unwrap());
    sync(ledger, at(20), &members(1..=20)).await;
    assert!(!ledger.runs.has_undoable(marked).await.unwrap(), "a newer list has brought it back");
    let again = file(ledger, at(30), &members(1..=19)).await;
    carry_out(ledger, again, GUARD, at(31)).await;
    assert!(ledger.runs.has_undoable(again).await.unwrap() && !ledger.runs.has_undoable(marked).await.unwrap());
}
