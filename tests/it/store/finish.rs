//! The end of a run: who is taken for departed, when that is believed, and what is counted.

use guildsync::domain::{Counts, Guard, HeldReason, Member, RunState};

use super::Ledger;
use super::hand::{
    GUARD, MICRO, apply_all, at, carry_out, claim_finish, departed, file, member, members, read, renamed, row, rows, sync,
    sync_in_vain,
};

on_both!(
    whom_no_batch_lists_has_left,
    a_departure_is_dated_by_its_evidence,
    rows_with_newer_evidence_are_neither_marked_nor_counted,
    the_floor_is_believed_and_one_more_is_held,
    the_share_is_believed_and_one_more_is_held,
    whom_the_run_brought_does_not_count_as_active,
    an_empty_list_is_held_whatever_the_guard,
    a_hold_saves_everything_but_the_departures,
    the_payload_goes_with_success_and_stays_with_failure,
    who_has_left_already_is_no_departure,
);

async fn whom_no_batch_lists_has_left(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=9)).await;
    // Listed in three batches: 2, 4 and 6 stay; 2 stands in two of them, and the first entry is dropped.
    let run = file(ledger, at(10), &[member(2), member(4), member(6), renamed(2, "again"), member(20)]).await;
    let done = carry_out(ledger, run, GUARD, at(11)).await;
    let expected = Counts {
        created: 1,
        updated: 3,
        unchanged: 2,
        marked_left: 6,
        total_received: 5,
        duplicates: 1,
        total_active: 4,
        ..Counts::default()
    };
    assert_eq!(done.counts, expected);
    assert_eq!(departed(ledger).await, [1, 3, 5, 7, 8, 9]);
    let run = read(ledger, run).await;
    assert_eq!((run.state, run.counts, run.held_reason), (RunState::Succeeded, expected, None));
}

async fn a_departure_is_dated_by_its_evidence(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=2)).await;
    let was = row(ledger, 2).await;
    let run = file(ledger, at(10), &members(1..=1)).await;
    carry_out(ledger, run, GUARD, at(17)).await;
    let mut expected = was.clone();
    (expected.date_left, expected.date_modified, expected.observed_at) = (Some(at(10)), at(17), at(10));
    assert_eq!(row(ledger, 2).await, expected);

    // And back again.
    let done = sync(ledger, at(20), &members(1..=2)).await;
    assert_eq!((done.counts.rejoined, done.counts.unchanged, done.counts.updated), (1, 1, 2));
    (expected.date_left, expected.date_modified, expected.observed_at) = (None, at(21), at(20));
    assert_eq!(row(ledger, 2).await, expected);
}

async fn rows_with_newer_evidence_are_neither_marked_nor_counted(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=4)).await;
    // A failed run has seen 3 and 5 later than the roster that now follows.
    sync_in_vain(ledger, at(20) + MICRO, &[renamed(3, "later"), renamed(5, "later")]).await;
    sync_in_vain(ledger, at(20), &[renamed(4, "at the same time")]).await;
    let before = [row(ledger, 3).await, row(ledger, 5).await];
    let run = file(ledger, at(20), &members(1..=2)).await;
    let done = carry_out(ledger, run, Guard { floor: 0, share: 0.2 }, at(21)).await;
    // One departure (4) of five active: exactly the share. With 3 and 5 counted it would be held.
    assert_eq!((done.state, done.counts.marked_left, done.counts.total_active), (RunState::Succeeded, 1, 4));
    assert_eq!(departed(ledger).await, [4]);
    assert_eq!([row(ledger, 3).await, row(ledger, 5).await], before);

    // Listed with older evidence they are deferred, whatever the list says of them.
    let done = sync(ledger, at(20), &[member(1), member(2), renamed(3, "old news"), member(5)]).await;
    let expected = Counts { updated: 4, unchanged: 2, deferred: 2, total_received: 4, total_active: 4, ..Counts::default() };
    assert_eq!(done.counts, expected);
    assert_eq!([row(ledger, 3).await, row(ledger, 5).await], before);
}

/// Of `active` members, how a list ends that misses `departures` of them.
async fn judge(ledger: &Ledger, guard: Guard, active: i64, departures: i64) -> RunState {
    let everyone = file(ledger, at(0), &members(1..=active)).await;
    carry_out(ledger, everyone, guard, at(1)).await;
    let run = file(ledger, at(10), &members(departures + 1..=active)).await;
    let done = carry_out(ledger, run, guard, at(11)).await;
    let (left, held) = if done.state == RunState::Succeeded { (departures, 0) } else { (0, departures) };
    assert_eq!((done.counts.marked_left, done.counts.departures_held), (left, held));
    assert_eq!(i64::try_from(departed(ledger).await.len()).unwrap(), left);
    assert_eq!(done.counts.total_active, active - left);
    assert_eq!(read(ledger, run).await.held_reason, (held > 0).then_some(HeldReason::MassDeparture));
    ledger.execute("DELETE FROM guild_members; DELETE FROM sync_runs; DELETE FROM sync_batches;").await;
    done.state
}

async fn the_floor_is_believed_and_one_more_is_held(ledger: &Ledger) {
    assert_eq!(judge(ledger, GUARD, 30, 25).await, RunState::Succeeded);
    assert_eq!(judge(ledger, GUARD, 30, 26).await, RunState::Held);
    assert_eq!(judge(ledger, Guard { floor: 0, share: 0.0 }, 3, 0).await, RunState::Succeeded);
    assert_eq!(judge(ledger, Guard { floor: 0, share: 0.0 }, 3, 1).await, RunState::Held);
}

async fn the_share_is_believed_and_one_more_is_held(ledger: &Ledger) {
    let guard = Guard { floor: 2, share: 0.20 };
    assert_eq!(judge(ledger, guard, 20, 4).await, RunState::Succeeded);
    assert_eq!(judge(ledger, guard, 20, 5).await, RunState::Held);
    assert_eq!(judge(ledger, guard, 19, 4).await, RunState::Held);
}

async fn whom_the_run_brought_does_not_count_as_active(ledger: &Ledger) {
    let guard = Guard { floor: 0, share: 0.20 };
    sync(ledger, at(0), &members(1..=24)).await;
    // Four leave, twenty stay.
    sync(ledger, at(10), &members(5..=24)).await;
    // The roster misses five of the twenty, brings back four and creates twenty: with those as active it would pass.
    let run = file(ledger, at(20), &members((1..=4).chain(10..=24).chain(101..=120))).await;
    let done = carry_out(ledger, run, guard, at(21)).await;
    assert_eq!((done.state, done.counts.departures_held), (RunState::Held, 5));
    assert_eq!((done.counts.created, done.counts.rejoined, done.counts.total_active), (20, 4, 44));

    // Of these 44, 8 may go (0.2 × 44 = 8.8), however many come.
    let eight = file(ledger, at(30), &members((9..=24).chain(101..=120).chain(201..=210))).await;
    assert_eq!(carry_out(ledger, eight, guard, at(31)).await.counts.marked_left, 8);
}

async fn an_empty_list_is_held_whatever_the_guard(ledger: &Ledger) {
    let nobody: [Member; 0] = [];
    let lenient = Guard { floor: 1_000, share: 1.0 };
    let run = file(ledger, at(0), &nobody).await;
    let done = carry_out(ledger, run, lenient, at(1)).await;
    assert_eq!((done.state, done.counts), (RunState::Held, Counts::default()));

    sync(ledger, at(10), &members(1..=5)).await;
    sync(ledger, at(20), &members(1..=4)).await;
    // Also those of whom newer evidence has been seen: an empty list speaks of nobody in particular.
    sync_in_vain(ledger, at(40), &[renamed(1, "later")]).await;
    let before = rows(ledger).await;
    ledger.note_writes().await;
    let run = file(ledger, at(30), &nobody).await;
    let done = carry_out(ledger, run, lenient, at(41)).await;
    let expected = Counts { departures_held: 4, total_active: 4, ..Counts::default() };
    assert_eq!((done.state, done.counts), (RunState::Held, expected));
    let run = read(ledger, run).await;
    assert_eq!((run.state, run.held_reason, run.finished_at), (RunState::Held, Some(HeldReason::EmptyList), Some(at(41))));
    assert_eq!(rows(ledger).await, before);
    assert_eq!(ledger.noted().await, Vec::<String>::new());
}

async fn a_hold_saves_everything_but_the_departures(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=10)).await;
    let before = rows(ledger).await;
    let run = file(ledger, at(10), &[member(1), renamed(2, "changed"), member(50)]).await;
    let done = carry_out(ledger, run, Guard { floor: 7, share: 0.5 }, at(11)).await;
    let expected = Counts {
        created: 1,
        updated: 2,
        unchanged: 1,
        departures_held: 8,
        total_received: 3,
        total_active: 11,
        ..Counts::default()
    };
    assert_eq!((done.state, done.counts), (RunState::Held, expected));
    let run = read(ledger, run).await;
    assert_eq!((run.counts, run.held_reason), (expected, Some(HeldReason::MassDeparture)));
    assert_eq!(row(ledger, 2).await.member.username, "changed");
    assert_eq!(row(ledger, 50).await.date_created, at(11));
    assert_eq!(rows(ledger).await[2..10], before[2..10]);
}

async fn the_payload_goes_with_success_and_stays_with_failure(ledger: &Ledger) {
    let kept = "SELECT count(*) FROM sync_batches WHERE payload IS NOT NULL";
    let run = file(ledger, at(0), &members(1..=5)).await;
    apply_all(ledger, run, at(1)).await;
    assert_eq!(ledger.number(kept).await, 3);
    let finish = claim_finish(ledger, run, at(2)).await;
    ledger.work.finish_run(&finish, GUARD, at(3)).await.unwrap();
    assert_eq!(ledger.number(kept).await, 0);
    assert_eq!(read(ledger, run).await.progress.members_done, 5, "what was done is still known");

    let held = file(ledger, at(10), &members(1..=2)).await;
    carry_out(ledger, held, Guard { floor: 0, share: 0.0 }, at(11)).await;
    assert_eq!(ledger.number(kept).await, 0);
    sync_in_vain(ledger, at(20), &members(1..=5)).await;
    assert_eq!(ledger.number(kept).await, 3);
}

async fn who_has_left_already_is_no_departure(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=5)).await;
    sync(ledger, at(10), &members(1..=3)).await;
    let gone = row(ledger, 5).await;
    let again = file(ledger, at(20), &members(1..=3)).await;
    let done = carry_out(ledger, again, Guard { floor: 0, share: 0.0 }, at(21)).await;
    assert_eq!((done.state, done.counts.marked_left, done.counts.departures_held), (RunState::Succeeded, 0, 0));
    assert_eq!(row(ledger, 5).await, gone);
}
