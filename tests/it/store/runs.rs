//! Full rosters take turns: one at a time, oldest evidence first, and those that come too late not at all.

use guildsync::domain::{Counts, Guard, Member, RunId, RunState};
use guildsync::store::RunClaim;
use tokio::task::JoinSet;

use super::Ledger;
use super::hand::{
    GUARD, MICRO, apply, apply_all, at, carry_out, claim_finish, file, members, mishap, read, renamed, rows, run_id, sync,
    take_up,
};

on_both!(
    the_oldest_evidence_goes_first_and_one_at_a_time,
    of_one_moment_the_first_filed_goes_first,
    a_roster_older_than_the_last_applied_one_is_superseded,
    a_roster_of_the_same_moment_is_not_older,
    a_hold_of_an_empty_list_supersedes_nobody_but_a_mass_departure_does,
    a_failed_run_supersedes_nobody,
    of_many_that_claim_runs_at_once_one_starts,
    what_has_been_taken_up_is_not_taken_up_again,
    a_failed_run_keeps_what_it_applied_and_names_the_next,
    what_has_ended_does_not_fail,
);

async fn claim(ledger: &Ledger, run: RunId, now: i64) -> RunClaim {
    ledger.work.claim_run(run, at(now)).await.unwrap()
}

async fn finish(ledger: &Ledger, run: RunId, now: i64) -> guildsync::store::Finished {
    let claim = claim_finish(ledger, run, at(now)).await;
    ledger.work.finish_run(&claim, GUARD, at(now)).await.unwrap()
}

async fn the_oldest_evidence_goes_first_and_one_at_a_time(ledger: &Ledger) {
    let newest = file(ledger, at(30), &members(1..=2)).await;
    let oldest = file(ledger, at(10), &members(1..=2)).await;
    let middle = file(ledger, at(20), &members(1..=2)).await;
    assert_eq!(claim(ledger, newest, 40).await, RunClaim::NotYet(Some(oldest)));
    assert_eq!(claim(ledger, middle, 40).await, RunClaim::NotYet(Some(oldest)));
    assert_eq!(read(ledger, newest).await.state, RunState::Queued);

    assert_eq!(claim(ledger, oldest, 41).await, RunClaim::Started { batches: 1 });
    assert_eq!(claim(ledger, middle, 41).await, RunClaim::NotYet(None), "one is being applied");
    apply(ledger, oldest, 0, at(42)).await;
    assert_eq!(claim(ledger, middle, 42).await, RunClaim::NotYet(None), "it has not ended");
    assert_eq!(finish(ledger, oldest, 43).await.next, [middle]);

    assert_eq!(claim(ledger, newest, 44).await, RunClaim::NotYet(Some(middle)));
    apply_all(ledger, middle, at(45)).await;
    assert_eq!(finish(ledger, middle, 46).await.next, [newest]);
    apply_all(ledger, newest, at(47)).await;
    assert_eq!(finish(ledger, newest, 48).await.next, []);
}

async fn of_one_moment_the_first_filed_goes_first(ledger: &Ledger) {
    let first = file(ledger, at(10), &members(1..=2)).await;
    let second = file(ledger, at(10), &members(1..=2)).await;
    assert_eq!(claim(ledger, second, 20).await, RunClaim::NotYet(Some(first)));
    assert_eq!(carry_out(ledger, first, GUARD, at(21)).await.next, [second]);
    assert_eq!(carry_out(ledger, second, GUARD, at(22)).await.state, RunState::Succeeded);
}

async fn a_roster_older_than_the_last_applied_one_is_superseded(ledger: &Ledger) {
    sync(ledger, at(10), &members(1..=3)).await;
    let before = rows(ledger).await;
    let entries = [renamed(1, "old"), renamed(1, "older"), renamed(8, "old")];
    let old = file(ledger, at(10) - MICRO, &entries).await;
    let older = file(ledger, at(5), &members(7..=9)).await;
    let next = file(ledger, at(20), &members(1..=3)).await;

    assert_eq!(claim(ledger, older, 30).await, RunClaim::Superseded(vec![old]));
    assert_eq!(claim(ledger, old, 31).await, RunClaim::Superseded(vec![next]));
    let run = read(ledger, old).await;
    assert_eq!((run.state, run.started_at, run.finished_at), (RunState::Superseded, None, Some(at(31))));
    let expected = Counts { total_received: 3, duplicates: 1, total_active: 3, ..Counts::default() };
    assert_eq!((run.counts, run.held_reason, run.error), (expected, None, None));
    assert_eq!(rows(ledger).await, before);
    assert_eq!(ledger.number("SELECT count(*) FROM sync_batches b WHERE payload IS NOT NULL").await, 2, "those of the next run");
    assert_eq!(claim(ledger, old, 32).await, RunClaim::Nothing);
    assert!(ledger.work.claim_batch(old, 0, "tests", at(32), at(38)).await.unwrap().is_none());
    assert!(ledger.work.claim_finish(old, at(32), at(38)).await.unwrap().is_none());
}

async fn a_roster_of_the_same_moment_is_not_older(ledger: &Ledger) {
    sync(ledger, at(10), &members(1..=3)).await;
    let done = sync(ledger, at(10), &[renamed(1, "same moment"), renamed(2, "user2")]).await;
    assert_eq!((done.state, done.counts.updated, done.counts.unchanged, done.counts.marked_left), (RunState::Succeeded, 2, 1, 1));
    assert_eq!(rows(ledger).await[0].member.username, "same moment");
}

async fn a_hold_of_an_empty_list_supersedes_nobody_but_a_mass_departure_does(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=10)).await;
    let nobody: [Member; 0] = [];
    assert_eq!(sync(ledger, at(20), &nobody).await.state, RunState::Held);
    let between = file(ledger, at(10), &members(1..=10)).await;
    assert_eq!(claim(ledger, between, 21).await, RunClaim::Started { batches: 5 }, "an empty list is not an applied one");
    for batch in 0..5 {
        apply(ledger, between, batch, at(21)).await;
    }
    assert_eq!(finish(ledger, between, 22).await.state, RunState::Succeeded);

    let few = file(ledger, at(30), &members(1..=2)).await;
    let held = carry_out(ledger, few, Guard { floor: 3, share: 0.2 }, at(31)).await;
    assert_eq!(held.state, RunState::Held);
    let late = file(ledger, at(29), &members(1..=10)).await;
    assert_eq!(claim(ledger, late, 32).await, RunClaim::Superseded(vec![]));
}

async fn a_failed_run_supersedes_nobody(ledger: &Ledger) {
    super::hand::sync_in_vain(ledger, at(20), &members(1..=2)).await;
    let older = file(ledger, at(10), &members(1..=2)).await;
    assert_eq!(claim(ledger, older, 21).await, RunClaim::Started { batches: 1 });
}

async fn of_many_that_claim_runs_at_once_one_starts(ledger: &Ledger) {
    let mut runs = Vec::new();
    for observed in [10, 20, 30] {
        runs.push(file(ledger, at(observed), &members(1..=2)).await);
    }
    for round in 0..3 {
        let mut claims = JoinSet::new();
        for n in 0..12 {
            let (work, run) = (ledger.work.clone(), runs[n % 3]);
            claims.spawn(async move { (run, work.claim_run(run, at(40)).await.unwrap()) });
        }
        let started: Vec<RunId> = claims
            .join_all()
            .await
            .into_iter()
            .filter_map(|(run, claim)| matches!(claim, RunClaim::Started { .. }).then_some(run))
            .collect();
        assert_eq!(started, [runs[round]]);
        apply(ledger, runs[round], 0, at(41)).await;
        finish(ledger, runs[round], 42).await;
    }
}

async fn what_has_been_taken_up_is_not_taken_up_again(ledger: &Ledger) {
    assert_eq!(claim(ledger, run_id(at(0)), 1).await, RunClaim::Nothing, "unknown");
    let run = file(ledger, at(0), &members(1..=2)).await;
    take_up(ledger, run, at(1)).await;
    assert_eq!(claim(ledger, run, 2).await, RunClaim::Nothing, "applying");
    assert_eq!(read(ledger, run).await.started_at, Some(at(1)));
    apply(ledger, run, 0, at(3)).await;
    claim_finish(ledger, run, at(4)).await;
    assert_eq!(claim(ledger, run, 5).await, RunClaim::Nothing, "finishing");
    finish(ledger, run, 20).await;
    assert_eq!(claim(ledger, run, 21).await, RunClaim::Nothing, "ended");
}

async fn a_failed_run_keeps_what_it_applied_and_names_the_next(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=3)).await;
    // Three batches, of which two are applied; 1 and 2 are not on the list.
    let run = file(
        ledger,
        at(10),
        &[renamed(3, "changed"), renamed(4, "new"), renamed(5, "new"), renamed(6, "new"), renamed(7, "new")],
    )
    .await;
    let next = file(ledger, at(20), &members(1..=3)).await;
    let later = file(ledger, at(30), &members(1..=3)).await;
    take_up(ledger, run, at(11)).await;
    apply(ledger, run, 0, at(12)).await;
    apply(ledger, run, 2, at(12)).await;
    assert_eq!(ledger.work.fail_run(later, &mishap(), at(13)).await.unwrap(), [], "another is being applied");
    assert_eq!(ledger.work.fail_run(run, &mishap(), at(14)).await.unwrap(), [next]);

    let failed = read(ledger, run).await;
    assert_eq!((failed.state, failed.finished_at, failed.error), (RunState::Failed, Some(at(14)), Some(mishap())));
    let expected = Counts { created: 2, updated: 1, total_received: 5, total_active: 5, ..Counts::default() };
    assert_eq!((failed.counts, failed.held_reason), (expected, None));
    assert_eq!(failed.progress.batches_done, 2);
    let kept: Vec<(i64, String, bool)> =
        rows(ledger).await.into_iter().map(|r| (r.member.id.get(), r.member.username, r.date_left.is_some())).collect();
    let present = |n: i64, name: &str| (n, name.to_owned(), false);
    let names = [present(1, "user1"), present(2, "user2"), present(3, "changed"), present(4, "new"), present(7, "new")];
    assert_eq!(kept, names);
    let payloads = format!("SELECT count(*) FROM sync_batches WHERE run_id = '{run}' AND payload IS NOT NULL");
    assert_eq!(ledger.number(&payloads).await, 3, "so that it can be retried");
}

async fn what_has_ended_does_not_fail(ledger: &Ledger) {
    let first = file(ledger, at(0), &members(1..=2)).await;
    let other = guildsync::domain::RunError { code: "other".into(), message: "Other.".into() };
    ledger.work.fail_run(first, &mishap(), at(1)).await.unwrap();
    let failed = read(ledger, first).await;
    assert_eq!((failed.state, failed.started_at), (RunState::Failed, None));
    ledger.work.fail_run(first, &other, at(2)).await.unwrap();
    assert_eq!(read(ledger, first).await, failed);

    let second = file(ledger, at(10), &members(1..=2)).await;
    carry_out(ledger, second, GUARD, at(11)).await;
    let done = read(ledger, second).await;
    let third = file(ledger, at(20), &members(1..=2)).await;
    assert_eq!(ledger.work.fail_run(second, &other, at(12)).await.unwrap(), [third]);
    assert_eq!(read(ledger, second).await, done);
    assert_eq!(ledger.work.fail_run(run_id(at(0)), &other, at(12)).await.unwrap(), [third]);
}
