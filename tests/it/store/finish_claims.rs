//! Claims on the finish of a run, which follow the same rules as those on batches.

use guildsync::domain::{Member, RunState};
use guildsync::store::{Due, FinishClaim, MAX_CLAIMS, StoreError};
use tokio::task::JoinSet;

use super::Ledger;
use super::hand::{GUARD, LEASE, MICRO, apply, apply_all, at, claim_finish, file, members, read, rows, sync, take_up};

on_both!(
    a_run_is_finished_only_after_its_last_batch,
    of_many_that_claim_a_finish_one_gets_it,
    who_lost_the_finish_changes_nothing,
    a_repeated_finish_changes_nothing,
    a_run_that_lost_a_batch_is_never_finished,
    a_given_back_finish_is_free_again,
    a_finish_without_an_outcome_exhausts_its_run,
    an_empty_list_is_finished_without_batches,
);

async fn try_finish(ledger: &Ledger, run: guildsync::domain::RunId, now: i64) -> Option<FinishClaim> {
    ledger.work.claim_finish(run, at(now), at(now) + LEASE).await.unwrap()
}

async fn a_run_is_finished_only_after_its_last_batch(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=4)).await;
    assert_eq!(try_finish(ledger, run, 1).await, None, "queued");
    take_up(ledger, run, at(1)).await;
    assert_eq!(try_finish(ledger, run, 1).await, None, "no batch is applied");
    assert_eq!(apply(ledger, run, 1, at(2)).await.remaining, 1);
    assert_eq!(try_finish(ledger, run, 3).await, None, "one is missing");
    super::hand::claim(ledger, run, 0, at(4)).await;
    assert_eq!(try_finish(ledger, run, 5).await, None, "one is being applied");
    assert_eq!(apply(ledger, run, 0, at(20)).await.remaining, 0);
    let claim = try_finish(ledger, run, 21).await.unwrap();
    assert_eq!(claim, FinishClaim { run, attempt: 1, observed_at: at(0) });
}

async fn of_many_that_claim_a_finish_one_gets_it(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=4)).await;
    apply_all(ledger, run, at(1)).await;
    let mut claims = JoinSet::new();
    for _ in 0..8 {
        let work = ledger.work.clone();
        claims.spawn(async move { work.claim_finish(run, at(2), at(8)).await.unwrap() });
    }
    assert_eq!(claims.join_all().await.into_iter().flatten().count(), 1);
}

async fn who_lost_the_finish_changes_nothing(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=3)).await;
    let run = file(ledger, at(10), &members(2..=3)).await;
    apply_all(ledger, run, at(11)).await;
    let slow = claim_finish(ledger, run, at(12)).await;
    assert_eq!(ledger.work.claim_finish(run, at(12) + LEASE, at(99)).await.unwrap(), None, "the lease holds to its end");
    let quick = ledger.work.claim_finish(run, at(12) + LEASE + MICRO, at(30)).await.unwrap().unwrap();
    assert_eq!(quick.attempt, 2);
    let before = (rows(ledger).await, read(ledger, run).await);

    let lost = ledger.work.finish_run(&slow, GUARD, at(20)).await;
    assert!(matches!(lost, Err(StoreError::ClaimLost)), "{lost:?}");
    assert!(!ledger.work.renew_finish(&slow, at(99)).await.unwrap());
    ledger.work.release_finish(&slow, false, at(20)).await.unwrap();
    assert_eq!((rows(ledger).await, read(ledger, run).await), before);
    assert_eq!(try_finish(ledger, run, 21).await, None);

    assert!(ledger.work.renew_finish(&quick, at(50)).await.unwrap());
    assert_eq!(try_finish(ledger, run, 49).await, None);
    assert_eq!(ledger.work.finish_run(&quick, GUARD, at(51)).await.unwrap().counts.marked_left, 1);
}

/// The slow one wakes when the other has long ended the run and its payload is gone.
async fn a_repeated_finish_changes_nothing(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=3)).await;
    let run = file(ledger, at(10), &members(2..=3)).await;
    apply_all(ledger, run, at(11)).await;
    let slow = claim_finish(ledger, run, at(12)).await;
    let quick = claim_finish(ledger, run, at(30)).await;
    ledger.work.finish_run(&quick, GUARD, at(31)).await.unwrap();
    let before = (rows(ledger).await, read(ledger, run).await);
    for claim in [slow, quick] {
        let again = ledger.work.finish_run(&claim, GUARD, at(40)).await;
        assert!(matches!(again, Err(StoreError::ClaimLost)), "{again:?}");
        ledger.work.release_finish(&claim, true, at(40)).await.unwrap();
        assert!(!ledger.work.renew_finish(&claim, at(99)).await.unwrap());
    }
    assert_eq!(try_finish(ledger, run, 1_000).await, None);
    assert_eq!((rows(ledger).await, read(ledger, run).await), before);
}

/// Whoever removed it: those in the batch must not be taken for departed.
async fn a_run_that_lost_a_batch_is_never_finished(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=6)).await;
    let run = file(ledger, at(10), &members(1..=6)).await;
    apply_all(ledger, run, at(11)).await;
    ledger.execute(&format!("DELETE FROM sync_batches WHERE run_id = '{run}' AND batch = 1")).await;
    for round in 0..i64::from(MAX_CLAIMS) {
        let Some(claim) = try_finish(ledger, run, 12 + round).await else { continue };
        let finished = ledger.work.finish_run(&claim, GUARD, at(12 + round)).await;
        assert!(matches!(finished, Err(StoreError::Unreadable(_))), "{finished:?}");
        ledger.work.release_finish(&claim, false, at(12 + round) - MICRO).await.unwrap();
    }
    assert!(super::hand::departed(ledger).await.is_empty());
    assert_eq!(ledger.work.exhausted(at(1_000)).await.unwrap(), [run], "so that it fails and lets the next one pass");
}

async fn a_given_back_finish_is_free_again(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=2)).await;
    apply_all(ledger, run, at(1)).await;
    for round in 0..i64::from(MAX_CLAIMS) * 3 {
        let held = try_finish(ledger, run, 10 + round).await.expect("given back");
        ledger.work.release_finish(&held, true, at(10 + round)).await.unwrap();
    }
    assert_eq!(ledger.work.exhausted(at(1_000)).await.unwrap(), []);
    let finish = claim_finish(ledger, run, at(100)).await;
    assert_eq!(ledger.work.finish_run(&finish, GUARD, at(101)).await.unwrap().state, RunState::Succeeded);
}

async fn a_finish_without_an_outcome_exhausts_its_run(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=2)).await;
    apply_all(ledger, run, at(1)).await;
    for claim in 1..=i64::from(MAX_CLAIMS) {
        assert_eq!(ledger.work.exhausted(at(claim * 10)).await.unwrap(), []);
        assert_eq!(ledger.work.due(at(claim * 10), at(claim * 10), 9).await.unwrap(), [Due::Finish(run)]);
        assert!(try_finish(ledger, run, claim * 10).await.is_some());
    }
    let end = at(i64::from(MAX_CLAIMS) * 10) + LEASE;
    assert_eq!(ledger.work.exhausted(end).await.unwrap(), []);
    assert_eq!(ledger.work.exhausted(end + MICRO).await.unwrap(), [run]);
    assert_eq!(try_finish(ledger, run, 1_000).await, None);
    assert_eq!(ledger.work.due(at(1_000), at(999), 9).await.unwrap(), [], "it is set aside");
}

async fn an_empty_list_is_finished_without_batches(ledger: &Ledger) {
    let nobody: [Member; 0] = [];
    let run = file(ledger, at(0), &nobody).await;
    assert_eq!(take_up(ledger, run, at(1)).await, 0);
    assert_eq!(ledger.work.due(at(10), at(9), 9).await.unwrap(), [Due::Finish(run)]);
    let finish = claim_finish(ledger, run, at(11)).await;
    assert_eq!(ledger.work.finish_run(&finish, GUARD, at(12)).await.unwrap().state, RunState::Held);
}
