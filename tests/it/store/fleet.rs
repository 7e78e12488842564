//! Duties of processes, and what waits for workers.

use guildsync::domain::{Mode, RunState};
use guildsync::store::{Backlog, Duty, Lease, OpenRun};

use super::Ledger;
use super::hand::{GUARD, LEASE, List, MICRO, apply, at, claim, claim_finish, file, members, take_up};

on_both!(
    a_duty_is_told_while_its_lease_lasts,
    every_step_waits_or_is_at_work,
    lists_under_way_come_first_and_the_sums_are_those_of_all,
);

async fn a_duty_is_told_while_its_lease_lasts(ledger: &Ledger) {
    for (name, holder, until) in [("sweeper", "one", at(6)), ("bot", "two", at(9))] {
        assert!(ledger.upkeep.take_lease(&Lease { name, holder, until }, at(0)).await.unwrap());
    }
    let duty = |name: &str, holder: &str| Duty { name: name.into(), holder: holder.into() };
    assert_eq!(ledger.fleet.duties(at(6)).await.unwrap(), [duty("bot", "two"), duty("sweeper", "one")]);
    assert_eq!(ledger.fleet.duties(at(6) + MICRO).await.unwrap(), [duty("bot", "two")]);
}

/// Steps that wait, and steps at work.
async fn steps(ledger: &Ledger, now: chrono::DateTime<chrono::Utc>) -> (i64, i64) {
    let backlog = ledger.fleet.backlog(now, 10).await.unwrap();
    (backlog.waiting, backlog.at_work)
}

async fn every_step_waits_or_is_at_work(ledger: &Ledger) {
    assert_eq!(ledger.fleet.backlog(at(0), 10).await.unwrap(), Backlog::default());
    let run = file(ledger, at(0), &members(1..=5)).await;
    assert_eq!(steps(ledger, at(1)).await, (1, 0), "to be taken up");
    take_up(ledger, run, at(2)).await;
    assert_eq!(steps(ledger, at(2)).await, (3, 0));
    apply(ledger, run, 0, at(3)).await;
    claim(ledger, run, 1, at(3)).await;
    assert_eq!(steps(ledger, at(3) + LEASE).await, (1, 1));
    assert_eq!(steps(ledger, at(3) + LEASE + MICRO).await, (2, 0), "its worker was lost");
    for batch in 1..=2 {
        apply(ledger, run, batch, at(20)).await;
    }
    assert_eq!(steps(ledger, at(20)).await, (1, 0), "to be finished");
    let finish = claim_finish(ledger, run, at(21)).await;
    assert_eq!(steps(ledger, at(21) + LEASE).await, (0, 1));
    assert_eq!(steps(ledger, at(21) + LEASE + MICRO).await, (1, 0));
    ledger.work.finish_run(&finish, GUARD, at(22)).await.unwrap();
    assert_eq!(ledger.fleet.backlog(at(23), 10).await.unwrap(), Backlog::default());
}

async fn lists_under_way_come_first_and_the_sums_are_those_of_all(ledger: &Ledger) {
    let at_work = file(ledger, at(10), &members(1..=5)).await;
    take_up(ledger, at_work, at(11)).await;
    let mut older = List::new(at(5), &members(1..=2), 2);
    (older.run.mode, older.run.created_at) = (Mode::DryRun, at(12));
    let older = older.file(ledger).await;
    let newer = file(ledger, at(20), &members(1..=2)).await;
    let backlog = ledger.fleet.backlog(at(30), 10).await.unwrap();
    let told = |run: &OpenRun| (run.id, run.state, run.mode, run.created_at, run.waiting, run.at_work);
    assert_eq!(
        backlog.first.iter().map(told).collect::<Vec<_>>(),
        [
            (at_work, RunState::Applying, Mode::Full, at(10), 3, 0),
            (older, RunState::Queued, Mode::DryRun, at(12), 1, 0),
            (newer, RunState::Queued, Mode::Full, at(20), 1, 0),
        ]
    );
    assert_eq!((backlog.runs, backlog.waiting, backlog.at_work, backlog.oldest), (3, 5, 0, Some(at(10))));

    let all = [
        claim(ledger, at_work, 0, at(31)).await,
        claim(ledger, at_work, 1, at(31)).await,
        claim(ledger, at_work, 2, at(31)).await,
    ];
    let backlog = ledger.fleet.backlog(at(32), 1).await.unwrap();
    assert_eq!(backlog.first.iter().map(|run| (run.id, run.at_work)).collect::<Vec<_>>(), [(at_work, 3)]);
    assert_eq!((backlog.runs, backlog.waiting, backlog.at_work), (3, 2, i64::try_from(all.len()).unwrap()));
    assert_eq!(backlog.oldest, Some(at(12)), "the run under way has no step that waits");
}
