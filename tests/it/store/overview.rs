//! What the overview reads: what each day brought, the lists that say how things stand, categories, conflicts.

use chrono::{Days, NaiveDate};
use guildsync::domain::{Act, Guard, Mode, RunId, RunState, Seen, Sighting, Source};
use guildsync::store::{Claim, DayCounts, Decision, ImportRow, Landmarks, NewRun, StagedBatch, encode_sightings};

use super::Ledger;
use super::hand::{GUARD, List, at, carry_out, claim_finish, file, id, member, members, read, run_id, sync, sync_in_vain};

on_both!(
    counting_begins_with_the_first_list_that_is_applied,
    a_day_adds_up_what_its_runs_did,
    dry_runs_and_held_departures_do_not_count_until_somebody_decides,
    the_lists_that_say_how_things_stand,
    conflicts_are_counted,
);

/// Seconds of a day. [`at`] of 0 is at noon, just about.
const DAY: i64 = 86_400;

fn first_day() -> NaiveDate {
    at(0).date_naive()
}

/// What the days brought: the number of the day, who joined, who left.
async fn days(ledger: &Ledger) -> Vec<(i64, i64, i64)> {
    let days = ledger.overview.days(first_day()).await.unwrap();
    days.into_iter().map(|DayCounts { day, joined, left }| ((day - first_day()).num_days(), joined, left)).collect()
}

fn small(seconds: i64, mode: Mode) -> NewRun {
    let list = List::new(at(seconds), &[], 1);
    NewRun { id: run_id(at(seconds)), source: Source::Events, mode, ..list.run }
}

/// Carries out a small run.
async fn carry_out_small(ledger: &Ledger, run: &NewRun, batch: &[StagedBatch], seconds: i64) {
    ledger.filing.file_run(run, batch, &[]).await.unwrap();
    let claim = claim_finish(ledger, run.id, at(seconds)).await;
    let done = ledger.work.finish_run(&claim, GUARD, at(seconds)).await.unwrap();
    assert_eq!(done.state, RunState::Succeeded);
}

/// Somebody is seen.
async fn sight(ledger: &Ledger, seconds: i64, seen: Seen) {
    let sighting = Sighting { observed_at: at(seconds), seen };
    let batch = StagedBatch { batch: 0, members: 1, payload: encode_sightings(&[sighting]).unwrap() };
    let run = NewRun { members_total: 1, batches_total: 1, ..small(seconds, Mode::Delta) };
    carry_out_small(ledger, &run, &[batch], seconds).await;
}

async fn decide(ledger: &Ledger, seconds: i64, act: Act, target: RunId) {
    let run = NewRun { decision: Some(Decision { act, target }), ..small(seconds, Mode::Delta) };
    carry_out_small(ledger, &run, &[], seconds).await;
}

async fn counting_begins_with_the_first_list_that_is_applied(ledger: &Ledger) {
    sight(ledger, 0, Seen::Present(member(1))).await;
    sync_in_vain(ledger, at(10), &members(1..=10)).await;
    sync(ledger, at(20), &[]).await;
    assert_eq!(days(ledger).await, [], "neither events, nor a list that failed, nor an empty one");
    sync(ledger, at(30), &members(1..=20)).await;
    assert_eq!(days(ledger).await, [(0, 0, 0)], "who is in the first list had been there before");
    sight(ledger, 40, Seen::Present(member(21))).await;
    assert_eq!(days(ledger).await, [(0, 1, 0)]);
}

async fn a_day_adds_up_what_its_runs_did(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=20)).await;
    // Two leave and three come, and then one comes back; each counts on the day on which it was noticed.
    sync(ledger, at(DAY), &members(3..=23)).await;
    sight(ledger, DAY + 10, Seen::Present(member(1))).await;
    sight(ledger, DAY + 20, Seen::Gone { id: id(23), user: None }).await;
    assert_eq!(days(ledger).await, [(0, 0, 0), (1, 4, 3)]);
    // Nothing changes, and so does the row of the day.
    let run = file(ledger, at(2 * DAY), &members((1..=1).chain(3..=22))).await;
    carry_out(ledger, run, GUARD, at(3 * DAY)).await;
    assert_eq!(days(ledger).await, [(0, 0, 0), (1, 4, 3)]);
    // A list that breaks off has made whom it made.
    sync_in_vain(ledger, at(4 * DAY), &members(1..=26)).await;
    assert_eq!(days(ledger).await, [(0, 0, 0), (1, 4, 3), (4, 5, 0)]);
    let since = ledger.overview.days(first_day() + Days::new(4)).await.unwrap();
    assert_eq!(since, [DayCounts { day: first_day() + Days::new(4), joined: 5, left: 0 }]);
}

async fn dry_runs_and_held_departures_do_not_count_until_somebody_decides(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=20)).await;
    let mut dry = List::new(at(DAY), &members(11..=40), 5);
    dry.run.mode = Mode::DryRun;
    let dry = dry.file(ledger).await;
    assert_eq!(carry_out(ledger, dry, GUARD, at(DAY)).await.counts.created, 20);
    assert_eq!(days(ledger).await, [(0, 0, 0)]);

    let run = file(ledger, at(DAY + 10), &members(11..=21)).await;
    let held = carry_out(ledger, run, Guard { floor: 0, ..GUARD }, at(DAY + 11)).await;
    assert_eq!((held.state, held.counts.departures_held), (RunState::Held, 10));
    assert_eq!(days(ledger).await, [(0, 0, 0), (1, 1, 0)]);
    decide(ledger, 2 * DAY, Act::ApplyDepartures, run).await;
    assert_eq!(days(ledger).await, [(0, 0, 0), (1, 1, 0), (2, 0, 10)]);
    decide(ledger, 3 * DAY, Act::UndoDepartures, run).await;
    assert_eq!(days(ledger).await, [(0, 0, 0), (1, 1, 0), (2, 0, 10), (3, 10, 0)]);
}

/// The ids of the landmarks.
async fn landmarks(ledger: &Ledger) -> [Option<RunId>; 3] {
    let Landmarks { filed, ended, applied } = ledger.overview.landmarks().await.unwrap();
    [filed, ended, applied].map(|run| run.map(|run| run.id))
}

async fn the_lists_that_say_how_things_stand(ledger: &Ledger) {
    assert_eq!(ledger.overview.landmarks().await.unwrap(), Landmarks::default());
    sight(ledger, 0, Seen::Present(member(1))).await;
    assert_eq!(landmarks(ledger).await, [None; 3], "events are no list");

    let first = file(ledger, at(10), &members(1..=20)).await;
    assert_eq!(landmarks(ledger).await, [Some(first), None, None]);
    carry_out(ledger, first, GUARD, at(11)).await;
    assert_eq!(landmarks(ledger).await, [Some(first); 3]);

    let mut dry = List::new(at(12), &members(1..=3), 5);
    dry.run.mode = Mode::DryRun;
    let dry = dry.file(ledger).await;
    carry_out(ledger, dry, GUARD, at(13)).await;
    let held = file(ledger, at(20), &members(1..=10)).await;
    carry_out(ledger, held, Guard { floor: 0, ..GUARD }, at(21)).await;
    assert_eq!(landmarks(ledger).await, [Some(held); 3]);
    assert_eq!(ledger.overview.landmarks().await.unwrap().applied, Some(read(ledger, held).await));

    let failed = sync_in_vain(ledger, at(30), &members(1..=10)).await;
    assert_eq!(landmarks(ledger).await, [Some(failed), Some(failed), Some(held)]);
    let empty = file(ledger, at(40), &[]).await;
    carry_out(ledger, empty, GUARD, at(41)).await;
    assert_eq!(landmarks(ledger).await, [Some(empty), Some(empty), Some(held)], "an empty list replaces no hold");
    let cancelled = file(ledger, at(50), &members(1..=10)).await;
    ledger.filing.cancel_run(cancelled, "", None, at(51)).await.unwrap();
    assert_eq!(landmarks(ledger).await, [Some(cancelled), Some(empty), Some(held)]);
    let last = file(ledger, at(60), &members(1..=20)).await;
    carry_out(ledger, last, GUARD, at(61)).await;
    assert_eq!(landmarks(ledger).await, [Some(last); 3]);
}

fn claim(username: &str, claimed: Claim) -> ImportRow {
    ImportRow { username: username.into(), email: String::new(), discord_id: claimed }
}

async fn conflicts_are_counted(ledger: &Ledger) {
    assert_eq!(ledger.overview.open_conflicts().await.unwrap(), None);
    let rows = [claim("anna", Claim::Id(id(1))), claim("bea", Claim::Id(id(1)))];
    ledger.accounts.import(&rows, at(5)).await.unwrap();
    let third = [claim("cleo", Claim::Unreadable("soon".into()))];
    ledger.accounts.import(&third, at(9)).await.unwrap();
    let conflicts = ledger.overview.open_conflicts().await.unwrap().unwrap();
    assert_eq!((conflicts.count, conflicts.since), (3, at(5)));
}
