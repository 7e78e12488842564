//! Claims on batches: who holds one applies it, once; who lost it changes nothing.

use guildsync::domain::{Counts, RunState};
use guildsync::store::{BatchClaim, MAX_CLAIMS, RunClaim, StoreError};
use tokio::task::JoinSet;

use super::Ledger;
use super::hand::{LEASE, MICRO, apply, at, claim, file, members, mishap, read, renamed, rows, sync, take_up, to_apply};

on_both!(
    of_many_that_claim_a_batch_one_gets_it,
    a_lease_that_has_run_out_may_be_claimed_anew,
    who_lost_the_claim_changes_nothing,
    a_repeated_apply_does_nothing,
    a_renewed_lease_is_kept,
    giving_back_without_blame_costs_no_claim,
    giving_back_with_blame_costs_a_claim,
    a_batch_whose_claims_all_ran_out_exhausts_its_run,
    batches_are_claimed_only_while_their_run_is_applied,
    a_batch_of_a_run_that_failed_meanwhile_changes_nothing,
);

async fn try_claim(ledger: &Ledger, run: guildsync::domain::RunId, now: i64) -> Option<BatchClaim> {
    ledger.work.claim_batch(run, 0, "tests", at(now), at(now) + LEASE).await.unwrap()
}

async fn of_many_that_claim_a_batch_one_gets_it(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=4)).await;
    take_up(ledger, run, at(1)).await;
    let mut claims = JoinSet::new();
    for _ in 0..8 {
        let work = ledger.work.clone();
        claims.spawn(async move { work.claim_batch(run, 0, "tests", at(2), at(8)).await.unwrap() });
    }
    let got: Vec<BatchClaim> = claims.join_all().await.into_iter().flatten().collect();
    let [claim] = &got[..] else { panic!("{} claims", got.len()) };
    assert_eq!((claim.run, claim.batch, claim.attempt, claim.observed_at), (run, 0, 1, at(0)));
    assert_eq!(to_apply(claim), members(1..=2));
    // The other batch is free.
    assert!(ledger.work.claim_batch(run, 1, "tests", at(2), at(8)).await.unwrap().is_some());
}

async fn a_lease_that_has_run_out_may_be_claimed_anew(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=2)).await;
    take_up(ledger, run, at(1)).await;
    claim(ledger, run, 0, at(2)).await;
    let end = at(2) + LEASE;
    assert!(ledger.work.claim_batch(run, 0, "tests", end, end + LEASE).await.unwrap().is_none(), "the lease holds to its end");
    let second = ledger.work.claim_batch(run, 0, "tests", end + MICRO, end + LEASE).await.unwrap().unwrap();
    assert_eq!(second.attempt, 2);
    assert_eq!(to_apply(&second), members(1..=2));
}

async fn who_lost_the_claim_changes_nothing(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=3)).await;
    let run = file(ledger, at(10), &[renamed(1, "changed"), renamed(9, "new")]).await;
    take_up(ledger, run, at(11)).await;
    let slow = claim(ledger, run, 0, at(12)).await;
    let quick = claim(ledger, run, 0, at(30)).await;
    ledger.note_writes().await;
    let before = (rows(ledger).await, read(ledger, run).await);

    let lost = ledger.work.apply_batch(&slow, &to_apply(&slow), at(31)).await;
    assert!(matches!(lost, Err(StoreError::ClaimLost)), "{lost:?}");
    assert!(!ledger.work.renew_batch(&slow, at(99)).await.unwrap());
    ledger.work.release_batch(&slow, "a mishap", false, at(31)).await.unwrap();
    assert_eq!((rows(ledger).await, read(ledger, run).await), before);
    assert_eq!(ledger.noted().await, Vec::<String>::new());
    // The other claim was not given back by it, nor made longer.
    assert!(try_claim(ledger, run, 32).await.is_none());

    let done = ledger.work.apply_batch(&quick, &to_apply(&quick), at(33)).await.unwrap();
    assert_eq!(done.counts, Counts { created: 1, updated: 1, ..Counts::default() });
    assert_eq!(done.remaining, 0);
    assert_eq!(ledger.noted().await, ["insert 9", "update 1"]);
}

async fn a_repeated_apply_does_nothing(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=4)).await;
    take_up(ledger, run, at(1)).await;
    let held = claim(ledger, run, 0, at(2)).await;
    let done = ledger.work.apply_batch(&held, &to_apply(&held), at(3)).await.unwrap();
    assert_eq!(done.remaining, 1);
    ledger.note_writes().await;
    let before = (rows(ledger).await, read(ledger, run).await);

    let again = ledger.work.apply_batch(&held, &to_apply(&held), at(4)).await;
    assert!(matches!(again, Err(StoreError::ClaimLost)), "{again:?}");
    ledger.work.release_batch(&held, "a mishap", true, at(4)).await.unwrap();
    assert!(!ledger.work.renew_batch(&held, at(99)).await.unwrap());
    assert!(try_claim(ledger, run, 1_000).await.is_none());
    assert_eq!((rows(ledger).await, read(ledger, run).await), before);
    assert_eq!(ledger.noted().await, Vec::<String>::new());
}

async fn a_renewed_lease_is_kept(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=2)).await;
    take_up(ledger, run, at(1)).await;
    let held = claim(ledger, run, 0, at(2)).await;
    assert!(ledger.work.renew_batch(&held, at(100)).await.unwrap());
    assert!(try_claim(ledger, run, 100).await.is_none());
    // A lease that has run out may still be renewed while nobody else has claimed the batch.
    assert!(ledger.work.renew_batch(&held, at(200)).await.unwrap());
    assert_eq!(try_claim(ledger, run, 201).await.unwrap().attempt, 2);
    assert!(!ledger.work.renew_batch(&held, at(300)).await.unwrap());
}

async fn giving_back_without_blame_costs_no_claim(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=2)).await;
    take_up(ledger, run, at(1)).await;
    for round in 0..i64::from(MAX_CLAIMS) * 3 {
        let held = try_claim(ledger, run, 2 + round).await.expect("given back, so free at once");
        ledger.work.release_batch(&held, "a mishap", true, at(2 + round)).await.unwrap();
    }
    assert_eq!(ledger.work.exhausted(at(1_000)).await.unwrap(), []);
    assert_eq!(apply(ledger, run, 0, at(50)).await.counts.created, 2);
}

async fn giving_back_with_blame_costs_a_claim(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=2)).await;
    take_up(ledger, run, at(1)).await;
    for attempt in 1..=MAX_CLAIMS {
        assert_eq!(ledger.work.exhausted(at(1_000)).await.unwrap(), []);
        let held = try_claim(ledger, run, 2).await.expect("given back, so free at once");
        assert_eq!(held.attempt, attempt);
        ledger.work.release_batch(&held, "a mishap", false, at(2)).await.unwrap();
    }
    assert!(try_claim(ledger, run, 1_000).await.is_none());
    assert_eq!(ledger.work.exhausted(at(2)).await.unwrap(), [run]);
    assert_eq!(ledger.work.due(at(1_000), at(999), 10).await.unwrap(), []);
}

async fn a_batch_whose_claims_all_ran_out_exhausts_its_run(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=4)).await;
    take_up(ledger, run, at(1)).await;
    apply(ledger, run, 1, at(1)).await;
    let mut last = None;
    for attempt in 1..=i64::from(MAX_CLAIMS) {
        last = try_claim(ledger, run, attempt * 10).await;
        assert!(last.is_some(), "claim {attempt}");
    }
    let end = at(i64::from(MAX_CLAIMS) * 10) + LEASE;
    assert_eq!(ledger.work.exhausted(end).await.unwrap(), [], "its last worker may still come to an end");
    assert_eq!(ledger.work.exhausted(end + MICRO).await.unwrap(), [run]);
    assert!(try_claim(ledger, run, 1_000).await.is_none());

    assert_eq!(ledger.work.fail_run(run, &mishap(), at(1_001)).await.unwrap(), []);
    assert_eq!(ledger.work.exhausted(at(2_000)).await.unwrap(), []);
    let last = last.unwrap();
    let late = ledger.work.apply_batch(&last, &to_apply(&last), at(1_002)).await;
    assert!(matches!(late, Err(StoreError::ClaimLost)), "{late:?}");
    assert_eq!(rows(ledger).await.len(), 2);
    assert_eq!(read(ledger, run).await.counts.created, 2);
}

async fn batches_are_claimed_only_while_their_run_is_applied(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=2)).await;
    assert!(try_claim(ledger, run, 1).await.is_none(), "queued");
    assert!(try_claim(ledger, super::hand::run_id(at(0)), 1).await.is_none(), "unknown");
    take_up(ledger, run, at(1)).await;
    assert!(ledger.work.claim_batch(run, 1, "tests", at(1), at(7)).await.unwrap().is_none(), "there is no such batch");
    apply(ledger, run, 0, at(2)).await;
    let finish = super::hand::claim_finish(ledger, run, at(3)).await;
    assert!(try_claim(ledger, run, 4).await.is_none(), "finishing");
    ledger.work.finish_run(&finish, super::hand::GUARD, at(5)).await.unwrap();
    assert!(try_claim(ledger, run, 1_000).await.is_none(), "ended");

    let failed = file(ledger, at(10), &members(1..=2)).await;
    ledger.work.fail_run(failed, &mishap(), at(11)).await.unwrap();
    assert!(try_claim(ledger, failed, 1_000).await.is_none(), "failed");
    assert_eq!(ledger.work.claim_run(failed, at(12)).await.unwrap(), RunClaim::Nothing);
}

async fn a_batch_of_a_run_that_failed_meanwhile_changes_nothing(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=2)).await;
    let run = file(ledger, at(10), &[renamed(1, "changed"), renamed(7, "new")]).await;
    take_up(ledger, run, at(11)).await;
    let held = claim(ledger, run, 0, at(12)).await;
    ledger.work.fail_run(run, &mishap(), at(13)).await.unwrap();
    let before = (rows(ledger).await, read(ledger, run).await);
    let late = ledger.work.apply_batch(&held, &to_apply(&held), at(14)).await;
    assert!(matches!(late, Err(StoreError::ClaimLost)), "{late:?}");
    assert_eq!((rows(ledger).await, read(ledger, run).await), before);
    assert_eq!(before.1.state, RunState::Failed);
}
