//! Which steps are rung again because nobody seems to be working on them.

use chrono::{DateTime, Utc};
use guildsync::store::Due;

use super::Ledger;
use super::hand::{GUARD, LEASE, MICRO, apply, at, claim, claim_finish, file, members, mishap, take_up};

on_both!(
    each_kind_of_step_is_due_when_nobody_works_on_it,
    of_those_that_wait_only_the_one_whose_turn_it_is_is_due,
    many_that_wait_do_not_hide_the_batches_of_the_one_at_work,
    a_step_is_due_only_after_the_patience_since_it_was_last_rung,
    what_has_ended_is_not_due,
    a_given_back_batch_is_due_after_the_patience,
);

/// Everything that is due at `now`, whenever it was last rung.
async fn due(ledger: &Ledger, now: DateTime<Utc>) -> Vec<Due> {
    ledger.work.due(now, now, 100).await.unwrap()
}

async fn each_kind_of_step_is_due_when_nobody_works_on_it(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=3)).await;
    assert_eq!(due(ledger, at(10)).await, [Due::Run(run)]);
    take_up(ledger, run, at(11)).await;
    assert_eq!(due(ledger, at(20)).await, [Due::Batch(run, 0), Due::Batch(run, 1)]);

    claim(ledger, run, 0, at(21)).await;
    assert_eq!(due(ledger, at(22)).await, [], "the run is being worked on, so the other batch waits its turn");
    assert_eq!(due(ledger, at(21) + LEASE).await, []);
    assert_eq!(due(ledger, at(21) + LEASE + MICRO).await, [Due::Batch(run, 0), Due::Batch(run, 1)]);

    apply(ledger, run, 1, at(30)).await;
    assert_eq!(due(ledger, at(31)).await, [Due::Batch(run, 0)]);
    apply(ledger, run, 0, at(32)).await;
    assert_eq!(due(ledger, at(33)).await, [Due::Finish(run)]);

    let finish = claim_finish(ledger, run, at(34)).await;
    assert_eq!(due(ledger, at(34) + LEASE).await, []);
    assert_eq!(due(ledger, at(34) + LEASE + MICRO).await, [Due::Finish(run)]);
    ledger.work.finish_run(&finish, GUARD, at(50)).await.unwrap();
    assert_eq!(due(ledger, at(1_000)).await, []);
}

async fn of_those_that_wait_only_the_one_whose_turn_it_is_is_due(ledger: &Ledger) {
    let mut runs = Vec::new();
    for observed in [50, 20, 90, 10, 70] {
        runs.push((observed, file(ledger, at(observed), &members(1..=2)).await));
    }
    runs.sort_unstable();
    let (first, second) = (runs[0].1, runs[1].1);
    assert_eq!(due(ledger, at(1_000)).await, [Due::Run(first)]);
    assert_eq!(ledger.work.due(at(1_001), at(1_000), 100).await.unwrap(), [], "it was rung just now");
    assert_eq!(ledger.work.due(at(1_002), at(1_002), 0).await.unwrap(), []);

    take_up(ledger, first, at(1_100)).await;
    assert_eq!(due(ledger, at(1_101)).await, [Due::Batch(first, 0)], "the others wait for this one");
    apply(ledger, first, 0, at(1_102)).await;
    let finish = claim_finish(ledger, first, at(1_103)).await;
    ledger.work.finish_run(&finish, GUARD, at(1_104)).await.unwrap();
    assert_eq!(due(ledger, at(1_105)).await, [Due::Run(second)]);
}

async fn many_that_wait_do_not_hide_the_batches_of_the_one_at_work(ledger: &Ledger) {
    let many = file(ledger, at(10), &members(1..=50)).await;
    for observed in 20..40 {
        file(ledger, at(observed), &members(1..=2)).await;
    }
    take_up(ledger, many, at(2_001)).await;
    let batches: Vec<Due> = (0..25).map(|batch| Due::Batch(many, batch)).collect();
    assert_eq!(ledger.work.due(at(2_100), at(2_100), 7).await.unwrap(), batches[..7]);
    assert_eq!(ledger.work.due(at(2_101), at(2_100), 7).await.unwrap(), batches[7..14]);
    assert_eq!(ledger.work.due(at(2_102), at(2_100), 100).await.unwrap(), batches[14..]);
}

async fn a_step_is_due_only_after_the_patience_since_it_was_last_rung(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=2)).await;
    let rung_before = async |now: DateTime<Utc>, before| ledger.work.due(now, before, 10).await.unwrap();
    assert_eq!(rung_before(at(5), at(0)).await, [], "filing has rung it, just then");
    assert_eq!(rung_before(at(5), at(0) + MICRO).await, [Due::Run(run)]);
    assert_eq!(rung_before(at(6), at(5)).await, []);
    assert_eq!(rung_before(at(10), at(5) + MICRO).await, [Due::Run(run)]);

    take_up(ledger, run, at(20)).await;
    assert_eq!(rung_before(at(25), at(20)).await, [], "taking it up has rung its batches");
    assert_eq!(rung_before(at(25), at(20) + MICRO).await, [Due::Batch(run, 0)]);
    assert_eq!(rung_before(at(26), at(25)).await, []);

    apply(ledger, run, 0, at(27)).await;
    assert_eq!(rung_before(at(30), at(20) + MICRO).await, [Due::Finish(run)]);
    assert_eq!(rung_before(at(31), at(30)).await, []);
    assert_eq!(rung_before(at(40), at(30) + MICRO).await, [Due::Finish(run)]);
}

async fn what_has_ended_is_not_due(ledger: &Ledger) {
    let failed = file(ledger, at(0), &members(1..=4)).await;
    take_up(ledger, failed, at(1)).await;
    apply(ledger, failed, 0, at(2)).await;
    ledger.work.fail_run(failed, &mishap(), at(3)).await.unwrap();
    super::hand::sync(ledger, at(10), &members(1..=2)).await;
    let old = file(ledger, at(5), &members(1..=2)).await;
    ledger.work.claim_run(old, at(12)).await.unwrap();
    assert_eq!(due(ledger, at(1_000)).await, []);
}

async fn a_given_back_batch_is_due_after_the_patience(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=2)).await;
    take_up(ledger, run, at(1)).await;
    let held = claim(ledger, run, 0, at(2)).await;
    ledger.work.release_batch(&held, "a mishap", true, at(10)).await.unwrap();
    assert_eq!(ledger.work.due(at(14), at(10), 9).await.unwrap(), []);
    assert_eq!(ledger.work.due(at(15), at(10) + MICRO, 9).await.unwrap(), [Due::Batch(run, 0)]);
    apply(ledger, run, 0, at(16)).await;

    let held = claim_finish(ledger, run, at(20)).await;
    ledger.work.release_finish(&held, false, at(21)).await.unwrap();
    assert_eq!(ledger.work.due(at(25), at(21), 9).await.unwrap(), []);
    assert_eq!(ledger.work.due(at(26), at(21) + MICRO, 9).await.unwrap(), [Due::Finish(run)]);
}
