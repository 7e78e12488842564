//! Retention: each kind of thing goes when its time is over, and not a microsecond earlier.

use chrono::TimeDelta;
use guildsync::domain::{Mode, RunState};
use guildsync::store::{Idempotency, Jobs, KEY_LIFETIME, NewStaff, Process, Retention, RunClaim, Swept};

use super::Ledger;
use super::hand::{GUARD, List, MICRO, at, carry_out, file, id, members, mishap, renamed, rows, sync, take_up};

on_both!(
    ended_runs_go_with_their_batches,
    runs_that_have_not_ended_stay,
    the_payload_of_a_failed_run_goes_before_the_run,
    batches_of_a_list_that_never_came_in_whole_go,
    sessions_go_by_their_age_and_processes_by_their_last_beat,
    history_and_keys_go_by_their_age,
    dry_runs_and_holds_go_with_what_they_found,
    the_newest_applied_list_is_remembered_for_ever,
    days_go_by_their_age_but_for_the_newest,
);

const YEAR: TimeDelta = TimeDelta::days(365);
/// Nothing is old enough.
const KEEP: Retention = all_for(YEAR);

/// Everything is kept for so long.
const fn all_for(time: TimeDelta) -> Retention {
    Retention {
        runs: time,
        dry_runs: time,
        deltas: time,
        events: time,
        failed_payloads: time,
        staff_log: time,
        daily_counts: time,
        staged: time,
        sessions: time,
        processes: time,
    }
}
const HOUR: TimeDelta = TimeDelta::hours(1);

async fn sweep(ledger: &Ledger, retention: Retention, now: chrono::DateTime<chrono::Utc>) -> Swept {
    ledger.upkeep.sweep(&retention, now).await.unwrap()
}

async fn batches(ledger: &Ledger) -> i64 {
    ledger.number("SELECT count(*) FROM sync_batches").await
}

async fn ended_runs_go_with_their_batches(ledger: &Ledger) {
    let [early, late] = [file(ledger, at(0), &members(1..=4)).await, file(ledger, at(10), &members(1..=4)).await];
    carry_out(ledger, early, GUARD, at(100)).await;
    carry_out(ledger, late, GUARD, at(200)).await;
    let retention = Retention { runs: HOUR, staged: HOUR, ..KEEP };
    assert_eq!(sweep(ledger, retention, at(100) + HOUR).await, Swept::default());
    let swept = sweep(ledger, retention, at(100) + HOUR + MICRO).await;
    assert_eq!(swept, Swept { runs: 1, batches: 2, ..Swept::default() });
    assert_eq!(ledger.read.run(early).await.unwrap(), None);
    assert!(ledger.read.run(late).await.unwrap().is_some());
    assert_eq!(batches(ledger).await, 2);
    assert_eq!(rows(ledger).await.len(), 4, "what it brought stays");
}

async fn runs_that_have_not_ended_stay(ledger: &Ledger) {
    let applying = file(ledger, at(0), &members(1..=4)).await;
    take_up(ledger, applying, at(1)).await;
    let queued = file(ledger, at(10), &members(1..=4)).await;
    let none = all_for(HOUR);
    assert_eq!(sweep(ledger, none, at(0) + YEAR).await, Swept::default());
    assert_eq!(batches(ledger).await, 4);
    for batch in 0..2 {
        super::hand::apply(ledger, applying, batch, at(20)).await;
    }
    let finish = super::hand::claim_finish(ledger, applying, at(30)).await;
    ledger.work.finish_run(&finish, GUARD, at(30)).await.unwrap();
    assert_eq!(carry_out(ledger, queued, GUARD, at(31)).await.counts.unchanged, 4);
}

async fn the_payload_of_a_failed_run_goes_before_the_run(ledger: &Ledger) {
    let kept = "SELECT count(*) FROM sync_batches WHERE payload IS NOT NULL";
    let failed = file(ledger, at(0), &members(1..=4)).await;
    ledger.work.fail_run(failed, &mishap(), at(100)).await.unwrap();
    let queued = file(ledger, at(10), &members(1..=2)).await;
    let retention = Retention { failed_payloads: HOUR, ..KEEP };
    sweep(ledger, retention, at(100) + HOUR).await;
    assert_eq!(ledger.number(kept).await, 3);
    assert_eq!(sweep(ledger, retention, at(100) + HOUR + MICRO).await, Swept::default());
    assert_eq!(ledger.number(kept).await, 1, "that of the run that waits");
    assert!(ledger.read.run(failed).await.unwrap().unwrap().error.is_some());
    assert_eq!(carry_out(ledger, queued, GUARD, at(200)).await.counts.created, 2);
}

async fn batches_of_a_list_that_never_came_in_whole_go(ledger: &Ledger) {
    let list = List::new(at(0), &members(1..=4), 2);
    ledger.filing.stage_batch(list.run.id, &list.batches[0], at(0)).await.unwrap();
    ledger.filing.stage_batch(list.run.id, &list.batches[1], at(1)).await.unwrap();
    let filed = file(ledger, at(0), &members(1..=2)).await;
    let retention = Retention { staged: HOUR, ..KEEP };
    assert_eq!(sweep(ledger, retention, at(0) + HOUR).await, Swept::default());
    assert_eq!(sweep(ledger, retention, at(0) + HOUR + MICRO).await, Swept { batches: 1, ..Swept::default() });
    assert_eq!(sweep(ledger, retention, at(1) + HOUR + MICRO).await, Swept { batches: 1, ..Swept::default() });
    assert_eq!(carry_out(ledger, filed, GUARD, at(2)).await.counts.created, 2);
}

async fn sessions_go_by_their_age_and_processes_by_their_last_beat(ledger: &Ledger) {
    let staff = NewStaff { username: "anna".into(), password_hash: "x".into(), is_superuser: false };
    let anna = ledger.accounts.create_staff(&staff, at(0)).await.unwrap().unwrap();
    ledger.sessions.open_session(&[1; 32], anna.id, at(0)).await.unwrap();
    ledger.sessions.open_session(&[2; 32], anna.id, at(1)).await.unwrap();
    let (host, roles, version) = ("host".to_owned(), "http".to_owned(), "1".to_owned());
    let one = Process { id: "one".into(), host, roles, version, started_at: at(-9_000), seen_at: at(0), jobs: Jobs::default() };
    let other = Process { id: "other".into(), seen_at: at(1), ..one.clone() };
    for process in [&one, &other] {
        ledger.upkeep.beat(process).await.unwrap();
    }
    let retention = Retention { sessions: HOUR, processes: HOUR, ..KEEP };
    assert_eq!(sweep(ledger, retention, at(0) + HOUR).await, Swept::default());
    let swept = sweep(ledger, retention, at(0) + HOUR + MICRO).await;
    assert_eq!(swept, Swept { sessions: 1, processes: 1, ..Swept::default() });
    assert_eq!(ledger.read.processes(at(-9_999)).await.unwrap(), [other]);
    assert_eq!(ledger.number("SELECT count(*) FROM sessions").await, 1);
}

async fn history_and_keys_go_by_their_age(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=1)).await;
    sync(ledger, at(10), &[renamed(1, "other")]).await;
    let mut list = List::new(at(20), &members(1..=1), 1);
    list.run.idempotency = Some(Idempotency { key: "k".into(), body_hash: [1; 32] });
    let kept = list.file(ledger).await;
    carry_out(ledger, kept, GUARD, at(30)).await;
    let [events, keys] = ["SELECT count(*) FROM member_events", "SELECT count(*) FROM idempotency_keys"];
    let first: i64 = ledger.number(events).await;
    assert_eq!((first, ledger.number(keys).await), (2, 1));
    let retention = Retention { events: HOUR, ..KEEP };
    let noted = ledger.read.history(id(1), None, 10).await.unwrap();
    assert_eq!(sweep(ledger, retention, noted[1].recorded_at + HOUR).await.events, 0);
    assert_eq!(sweep(ledger, retention, noted[1].recorded_at + HOUR + MICRO).await.events, 1);
    assert_eq!(ledger.number(events).await, 1);
    let filed = ledger.read.run(kept).await.unwrap().unwrap().created_at;
    sweep(ledger, KEEP, filed + KEY_LIFETIME).await;
    assert_eq!(ledger.number(keys).await, 1);
    sweep(ledger, KEEP, filed + KEY_LIFETIME + MICRO).await;
    assert_eq!(ledger.number(keys).await, 0);
}

async fn dry_runs_and_holds_go_with_what_they_found(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=60)).await;
    let mut list = List::new(at(10), &members(1..=61), 100);
    list.run.mode = Mode::DryRun;
    let dry = list.file(ledger).await;
    carry_out(ledger, dry, GUARD, at(100)).await;
    let held = file(ledger, at(20), &members(1..=10)).await;
    assert_eq!(carry_out(ledger, held, GUARD, at(200)).await.state, RunState::Held);
    let [plans, holds] = ["SELECT count(*) FROM planned_changes", "SELECT count(*) FROM held_departures"];
    assert_eq!((ledger.number(plans).await, ledger.number(holds).await), (1, 50));
    let retention = Retention { dry_runs: HOUR, ..KEEP };
    assert_eq!(sweep(ledger, retention, at(100) + HOUR).await.runs, 0);
    assert_eq!(sweep(ledger, retention, at(100) + HOUR + MICRO).await.runs, 1);
    assert_eq!((ledger.number(plans).await, ledger.number(holds).await), (0, 50));
    // A newer list is applied, so that the held one need not be remembered any more.
    sync(ledger, at(30), &members(1..=60)).await;
    let retention = Retention { runs: HOUR, ..KEEP };
    sweep(ledger, retention, at(200) + HOUR + MICRO).await;
    assert_eq!((ledger.read.run(held).await.unwrap(), ledger.number(holds).await), (None, 0));
}

/// Or a list that is older still would be believed.
async fn the_newest_applied_list_is_remembered_for_ever(ledger: &Ledger) {
    let newest = file(ledger, at(100), &members(1..=3)).await;
    carry_out(ledger, newest, GUARD, at(110)).await;
    let swept = sweep(ledger, all_for(HOUR), at(110) + YEAR).await;
    assert_eq!(swept.runs, 0);
    assert!(ledger.read.run(newest).await.unwrap().is_some());
    let late = file(ledger, at(50), &members(1..=1)).await;
    assert_eq!(ledger.work.claim_run(late, at(120)).await.unwrap(), RunClaim::Superseded(Vec::new()));
}

async fn days_go_by_their_age_but_for_the_newest(ledger: &Ledger) {
    let days = async || {
        let days = ledger.overview.days("1970-01-01".parse().unwrap()).await.unwrap();
        days.into_iter().map(|day| (day.joined, day.left)).collect::<Vec<_>>()
    };
    let day = 86_400;
    sync(ledger, at(0), &members(1..=1)).await;
    sync(ledger, at(day), &members(1..=3)).await;
    sync(ledger, at(2 * day), &members(1..=6)).await;
    assert_eq!(days().await, [(0, 0), (2, 0), (3, 0)]);
    let midnight = |of: i64| at(of * day).date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    let retention = Retention { daily_counts: HOUR, ..KEEP };
    sweep(ledger, retention, midnight(1) + HOUR).await;
    assert_eq!(days().await, [(2, 0), (3, 0)]);
    sweep(ledger, retention, midnight(1) + HOUR + MICRO).await;
    assert_eq!(days().await, [(3, 0)]);
    sweep(ledger, retention, midnight(9)).await;
    assert_eq!(days().await, [(3, 0)]);
    // Counting has begun, however long ago.
    sync(ledger, at(9 * day), &members(1..=7)).await;
    assert_eq!(days().await, [(3, 0), (1, 0)]);
}
