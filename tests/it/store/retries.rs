//! A failed run filed anew from what is kept of it, and refused when that is not to be had.

use guildsync::domain::{Act, Mode, RunState, StaffAct};
use guildsync::store::{Decision, Retried, Retry, RunClaim, StaffLogPage, StaffNote};

use super::Ledger;
use super::hand::{GUARD, List, apply, at, carry_out, file, member, members, mishap, read, renamed, rows, run_id, sync, take_up};

on_both!(
    a_failed_run_is_filed_anew_with_all_that_it_listed,
    a_retry_is_noted_with_its_run_or_not_at_all,
    what_did_not_fail_is_not_retried,
    a_run_whose_list_is_gone_is_not_retried,
    a_retry_that_comes_after_a_newer_list_changes_nothing,
);

fn retry(failed: guildsync::domain::RunId, seconds: i64) -> Retry {
    let note = StaffNote { account: 1, name: "root".into(), act: StaffAct::RetryRun, target: None, detail: "again".into() };
    Retry { failed, id: run_id(at(seconds)), requested_by: "root".into(), noted: Some(note) }
}

async fn account(ledger: &Ledger) {
    let staff = guildsync::store::NewStaff { username: "root".into(), password_hash: "x".into(), is_superuser: true };
    let made = ledger.accounts.create_staff(&staff, at(0)).await.unwrap().unwrap();
    assert_eq!(made.id, 1);
}

/// Of a list of five in batches of two, with an entry that a later one replaces, one batch is applied; then it fails.
async fn failed(ledger: &Ledger, seconds: i64) -> guildsync::domain::RunId {
    let entries = [renamed(1, "old"), member(2), renamed(1, "new"), member(3), member(4)];
    let mut list = List::new(at(seconds), &entries, 2);
    list.run.allow_mass_departure = true;
    let run = list.file(ledger).await;
    take_up(ledger, run, at(seconds + 1)).await;
    apply(ledger, run, 0, at(seconds + 2)).await;
    ledger.work.fail_run(run, &mishap(), at(seconds + 3)).await.unwrap();
    run
}

async fn a_failed_run_is_filed_anew_with_all_that_it_listed(ledger: &Ledger) {
    account(ledger).await;
    sync(ledger, at(0), &members(1..=9)).await;
    let failed = failed(ledger, 100).await;
    let retry = retry(failed, 200);
    assert_eq!(ledger.filing.retry_run(&retry, at(200)).await.unwrap(), Retried::Filed);

    let anew = read(ledger, retry.id).await;
    let old = read(ledger, failed).await;
    assert_eq!((anew.state, anew.mode, anew.source, anew.observed_at), (RunState::Queued, old.mode, old.source, at(100)));
    assert_eq!((anew.created_at, anew.requested_by.as_str()), (at(200), "root"));
    assert_eq!((anew.target_run_id, anew.act), (Some(failed), None));
    assert_eq!((anew.progress.members_total, anew.progress.batches_total, anew.progress.batches_done), (4, 3, 0));
    assert_eq!((anew.counts.total_received, anew.counts.duplicates), (5, 1));

    let done = carry_out(ledger, retry.id, GUARD, at(201)).await;
    assert_eq!((done.state, done.counts.created, done.counts.updated, done.counts.marked_left), (RunState::Succeeded, 0, 4, 5));
    assert_eq!(rows(ledger).await[0].member.username, "new");
    assert_eq!(read(ledger, failed).await, old, "the failed run stays what it was");
}

async fn a_retry_is_noted_with_its_run_or_not_at_all(ledger: &Ledger) {
    account(ledger).await;
    let run = file(ledger, at(0), &members(1..=3)).await;
    let log = StaffLogPage { limit: 10, ..StaffLogPage::default() };
    assert_eq!(ledger.filing.retry_run(&retry(run, 10), at(10)).await.unwrap(), Retried::NotFailed);
    assert_eq!(ledger.staff_log.acts(&log).await.unwrap(), []);
    ledger.work.fail_run(run, &mishap(), at(11)).await.unwrap();
    let retry = retry(run, 12);
    ledger.filing.retry_run(&retry, at(12)).await.unwrap();
    let [entry] = &ledger.staff_log.acts(&log).await.unwrap()[..] else { panic!("one act") };
    assert_eq!((entry.act, entry.at, entry.name.as_str()), (StaffAct::RetryRun, at(12), "root"));
    assert_eq!((entry.target.as_str(), entry.detail.as_str()), (retry.id.to_string().as_str(), "again"));
}

async fn what_did_not_fail_is_not_retried(ledger: &Ledger) {
    account(ledger).await;
    let queued = file(ledger, at(0), &members(1..=3)).await;
    let unknown = run_id(at(1));
    for run in [queued, unknown] {
        assert_eq!(ledger.filing.retry_run(&retry(run, 2), at(2)).await.unwrap(), Retried::NotFailed);
    }
    carry_out(ledger, queued, GUARD, at(3)).await;
    assert_eq!(ledger.filing.retry_run(&retry(queued, 4), at(4)).await.unwrap(), Retried::NotFailed);

    // A decision that failed is made anew.
    let mut decision = List::new(at(5), &[], 1).run;
    decision.mode = Mode::Delta;
    decision.decision = Some(Decision { act: Act::ApplyDepartures, target: queued });
    ledger.filing.file_run(&decision, &[], &[]).await.unwrap();
    ledger.work.fail_run(decision.id, &mishap(), at(6)).await.unwrap();
    assert_eq!(ledger.filing.retry_run(&retry(decision.id, 7), at(7)).await.unwrap(), Retried::NotFailed);
    assert_eq!(ledger.number("SELECT count(*) FROM sync_runs").await, 2);
}

async fn a_run_whose_list_is_gone_is_not_retried(ledger: &Ledger) {
    account(ledger).await;
    let run = failed(ledger, 0).await;
    ledger.execute("UPDATE sync_batches SET payload = NULL WHERE batch = 1").await;
    let retry = retry(run, 10);
    assert_eq!(ledger.filing.retry_run(&retry, at(10)).await.unwrap(), Retried::Gone);
    assert_eq!(ledger.read.run(retry.id).await.unwrap(), None);
    assert_eq!(ledger.number("SELECT count(*) FROM sync_batches").await, 3, "nothing is left behind");
}

async fn a_retry_that_comes_after_a_newer_list_changes_nothing(ledger: &Ledger) {
    account(ledger).await;
    let run = failed(ledger, 0).await;
    sync(ledger, at(50), &members(1..=9)).await;
    let retry = retry(run, 60);
    assert_eq!(ledger.filing.retry_run(&retry, at(60)).await.unwrap(), Retried::Filed);
    assert_eq!(ledger.work.claim_run(retry.id, at(61)).await.unwrap(), RunClaim::Superseded(Vec::new()));
    assert_eq!(read(ledger, retry.id).await.state, RunState::Superseded);
}
