//! From a list that is coming in to a run that is filed, and what can be read of it.

use chrono::TimeDelta;
use guildsync::domain::{Counts, Progress, RunState};
use guildsync::store::{Dropped, MemberTotals, Retention, RunClaim};

use super::Ledger;
use super::hand::{
    GUARD, List, MICRO, apply, at, carry_out, claim, claim_finish, file, id, member, members, read, renamed, row, rows, take_up,
    to_apply,
};

on_both!(
    staged_batches_have_no_effect_until_their_run_is_filed,
    discarding_removes_what_was_staged_for_that_list_alone,
    discarding_never_touches_a_filed_run,
    filing_the_same_run_twice_fails_and_changes_nothing,
    staging_the_same_batch_twice_fails_and_keeps_the_first,
    a_list_whose_batches_are_not_all_there_is_not_filed,
    an_entry_that_a_later_batch_replaces_is_not_applied,
    a_run_reads_as_it_was_filed,
    progress_and_counts_grow_while_a_run_is_applied,
    runs_are_listed_newest_first,
);

async fn batches(ledger: &Ledger) -> i64 {
    ledger.number("SELECT count(*) FROM sync_batches").await
}

async fn staged_batches_have_no_effect_until_their_run_is_filed(ledger: &Ledger) {
    let list = List::new(at(0), &members(1..=5), 2);
    let run = list.run.id;
    for batch in &list.batches[..2] {
        ledger.filing.stage_batch(run, batch, at(0)).await.unwrap();
    }
    assert_eq!(ledger.read.run(run).await.unwrap(), None);
    assert_eq!(ledger.read.runs(true, 10).await.unwrap(), []);
    assert_eq!(ledger.work.claim_run(run, at(1)).await.unwrap(), RunClaim::Nothing);
    assert!(ledger.work.claim_batch(run, 0, "tests", at(1), at(7)).await.unwrap().is_none());
    assert!(ledger.work.claim_finish(run, at(1), at(7)).await.unwrap().is_none());
    assert_eq!(ledger.work.due(at(1_000), at(999), 10).await.unwrap(), []);
    assert_eq!(ledger.work.exhausted(at(1_000)).await.unwrap(), []);
    assert_eq!(ledger.read.member_totals().await.unwrap(), MemberTotals::default());

    ledger.filing.file_run(&list.run, &list.batches[2..], &[]).await.unwrap();
    assert_eq!(take_up(ledger, run, at(2)).await, 3);
}

async fn discarding_removes_what_was_staged_for_that_list_alone(ledger: &Ledger) {
    let [gone, kept] = [List::new(at(0), &members(1..=4), 2), List::new(at(1), &members(1..=4), 2)];
    for list in [&gone, &kept] {
        ledger.filing.stage_batch(list.run.id, &list.batches[0], at(0)).await.unwrap();
    }
    ledger.filing.discard_staged(gone.run.id).await.unwrap();
    assert_eq!(batches(ledger).await, 1);
    ledger.filing.discard_staged(gone.run.id).await.unwrap();
    ledger.filing.file_run(&kept.run, &kept.batches[1..], &[]).await.unwrap();
    assert_eq!(carry_out(ledger, kept.run.id, GUARD, at(2)).await.counts.created, 4);
}

async fn discarding_never_touches_a_filed_run(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=5)).await;
    ledger.filing.discard_staged(run).await.unwrap();
    assert_eq!(batches(ledger).await, 3);
    assert_eq!(take_up(ledger, run, at(1)).await, 3);
    apply(ledger, run, 0, at(1)).await;
    ledger.filing.discard_staged(run).await.unwrap();
    for batch in 1..3 {
        apply(ledger, run, batch, at(1)).await;
    }
    let finish = claim_finish(ledger, run, at(1)).await;
    assert_eq!(ledger.work.finish_run(&finish, GUARD, at(1)).await.unwrap().counts.created, 5);
    ledger.filing.discard_staged(run).await.unwrap();
    assert_eq!(batches(ledger).await, 3);
}

async fn filing_the_same_run_twice_fails_and_changes_nothing(ledger: &Ledger) {
    let list = List::new(at(0), &members(1..=4), 2);
    let run = list.file(ledger).await;
    let before = read(ledger, run).await;

    let mut again = List::new(at(50), &members(5..=8), 2);
    again.run.id = run;
    let dropped = [Dropped { batch: 0, ids: vec![1] }];
    ledger.filing.file_run(&again.run, &[], &dropped).await.unwrap_err();
    let mut more = again.batches[0].clone();
    more.batch = 2;
    ledger.filing.file_run(&again.run, &[more], &dropped).await.unwrap_err();
    ledger.filing.file_run(&again.run, &again.batches[1..], &dropped).await.unwrap_err();

    assert_eq!(read(ledger, run).await, before);
    assert_eq!(batches(ledger).await, 2);
    take_up(ledger, run, at(1)).await;
    let first = claim(ledger, run, 0, at(1)).await;
    assert!(first.dropped.is_empty());
    assert_eq!(to_apply(&first), members(1..=2));
    assert_eq!(to_apply(&claim(ledger, run, 1, at(1)).await), members(3..=4));
}

async fn staging_the_same_batch_twice_fails_and_keeps_the_first(ledger: &Ledger) {
    let list = List::new(at(0), &members(1..=4), 2);
    let mut other = list.batches[1].clone();
    other.batch = 0;
    ledger.filing.stage_batch(list.run.id, &list.batches[0], at(0)).await.unwrap();
    ledger.filing.stage_batch(list.run.id, &other, at(0)).await.unwrap_err();
    ledger.filing.file_run(&list.run, &list.batches[1..], &[]).await.unwrap();
    carry_out(ledger, list.run.id, GUARD, at(1)).await;
    assert_eq!(rows(ledger).await.len(), 4);
}

/// The list took so long to come in that its first batch was swept. Were it filed all the same, those in that batch would be taken
/// for departed.
async fn a_list_whose_batches_are_not_all_there_is_not_filed(ledger: &Ledger) {
    super::hand::sync(ledger, at(0), &members(1..=4)).await;
    let list = List::new(at(100), &members(1..=4), 2);
    ledger.filing.stage_batch(list.run.id, &list.batches[0], at(100)).await.unwrap();
    let day = TimeDelta::days(1);
    let retention = Retention {
        runs: day,
        dry_runs: day,
        deltas: day,
        events: day,
        failed_payloads: day,
        staff_log: day,
        daily_counts: day,
        staged: TimeDelta::seconds(10),
        sessions: day,
        processes: day,
    };
    let swept = ledger.upkeep.sweep(&retention, at(110) + MICRO).await.unwrap();
    assert_eq!(swept.batches, 1);

    let refused = ledger.filing.file_run(&list.run, &list.batches[1..], &[]).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(ledger.read.run(list.run.id).await.unwrap(), None);
    assert_eq!(ledger.number("SELECT count(*) FROM sync_batches WHERE payload IS NOT NULL").await, 0);
}

async fn an_entry_that_a_later_batch_replaces_is_not_applied(ledger: &Ledger) {
    // In batches of two: (1a, 2a) (1b, 3a) (3b, 1c) (4a): of 1 the third batch counts, of 3 too.
    let entries = [
        renamed(1, "1a"),
        renamed(2, "2a"),
        renamed(1, "1b"),
        renamed(3, "3a"),
        renamed(3, "3b"),
        renamed(1, "1c"),
        renamed(4, "4a"),
    ];
    let run = file(ledger, at(0), &entries).await;
    let done = carry_out(ledger, run, GUARD, at(1)).await;
    let expected = Counts { created: 4, total_received: 7, duplicates: 3, total_active: 4, ..Counts::default() };
    assert_eq!(done.counts, expected);
    let names: Vec<String> = rows(ledger).await.into_iter().map(|row| row.member.username).collect();
    assert_eq!(names, ["1c", "2a", "3b", "4a"]);
    let progress = read(ledger, run).await.progress;
    assert_eq!(progress, Progress { members_done: 4, members_total: 4, batches_done: 4, batches_total: 4 });
}

async fn a_run_reads_as_it_was_filed(ledger: &Ledger) {
    let mut list = List::new(at(7), &members(1..=3), 2);
    list.run.requested_by = "Zoë \"🦀\" O'Neill".into();
    list.run.created_at = at(9) + MICRO;
    list.run.counts = Counts { total_received: 10, duplicates: 4, skipped: 3, ..Counts::default() };
    let run = read(ledger, list.file(ledger).await).await;
    assert_eq!((run.source, run.mode, run.state), (list.run.source, list.run.mode, RunState::Queued));
    assert_eq!(run.requested_by, "Zoë \"🦀\" O'Neill");
    assert_eq!((run.observed_at, run.created_at), (at(7), at(9) + MICRO));
    assert_eq!((run.started_at, run.finished_at, run.held_reason, run.error), (None, None, None, None));
    assert_eq!(run.counts, list.run.counts);
    assert_eq!(run.progress, Progress { members_done: 0, members_total: 3, batches_done: 0, batches_total: 2 });
    assert_eq!(run.warnings, Vec::<String>::new());
}

async fn progress_and_counts_grow_while_a_run_is_applied(ledger: &Ledger) {
    super::hand::sync(ledger, at(0), &[member(1), member(3)]).await;
    let run = file(ledger, at(10), &[member(1), renamed(3, "other"), member(5), member(6), member(7)]).await;
    take_up(ledger, run, at(11)).await;
    let now = read(ledger, run).await;
    assert_eq!((now.state, now.started_at, now.counts.updated), (RunState::Applying, Some(at(11)), 0));

    apply(ledger, run, 0, at(12)).await;
    let now = read(ledger, run).await;
    assert_eq!(now.state, RunState::Applying);
    assert_eq!(now.progress, Progress { members_done: 2, members_total: 5, batches_done: 1, batches_total: 3 });
    let received = Counts { total_received: 5, ..Counts::default() };
    assert_eq!(now.counts, Counts { updated: 2, unchanged: 1, ..received });
    assert_eq!(ledger.read.runs(true, 1).await.unwrap(), [now]);

    apply(ledger, run, 2, at(13)).await;
    let now = read(ledger, run).await;
    assert_eq!(now.progress, Progress { members_done: 3, members_total: 5, batches_done: 2, batches_total: 3 });
    assert_eq!(now.counts, Counts { created: 1, updated: 2, unchanged: 1, ..received });

    apply(ledger, run, 1, at(14)).await;
    let finish = claim_finish(ledger, run, at(15)).await;
    let now = read(ledger, run).await;
    assert_eq!((now.state, now.finished_at), (RunState::Finishing, None));
    assert_eq!(now.counts, Counts { created: 3, updated: 2, unchanged: 1, ..received });

    let done = ledger.work.finish_run(&finish, GUARD, at(16)).await.unwrap();
    let now = read(ledger, run).await;
    assert_eq!((now.state, now.started_at, now.finished_at), (RunState::Succeeded, Some(at(11)), Some(at(16))));
    assert_eq!(now.counts, Counts { created: 3, updated: 2, unchanged: 1, total_active: 5, ..received });
    assert_eq!(now.counts, done.counts);
    assert_eq!(now.progress, Progress { members_done: 5, members_total: 5, batches_done: 3, batches_total: 3 });
    assert_eq!(row(ledger, 3).await.member.id, id(3));
}

async fn runs_are_listed_newest_first(ledger: &Ledger) {
    let mut ids = Vec::new();
    for observed in [30, 10, 20] {
        let mut list = List::new(at(observed), &members(1..=3), 2);
        list.run.id = super::hand::run_id(at(100 + i64::try_from(ids.len()).unwrap()));
        ids.push(list.file(ledger).await);
    }
    let listed = |runs: Vec<guildsync::domain::Run>| runs.into_iter().map(|run| run.id).collect::<Vec<_>>();
    assert_eq!(listed(ledger.read.runs(true, 10).await.unwrap()), [ids[2], ids[1], ids[0]]);
    assert_eq!(listed(ledger.read.runs(true, 2).await.unwrap()), [ids[2], ids[1]]);
    assert_eq!(ledger.read.runs(true, 0).await.unwrap(), []);
}
