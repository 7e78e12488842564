//! The log of staff's acts.

use chrono::TimeDelta;
use guildsync::domain::{AccountChange, StaffAct, StaffEntry};
use guildsync::store::{Claim, Decided, ImportRow, NewStaff, NewStaffEntry, Retention, StaffLogPage, StaffNote};

use super::Ledger;
use super::hand::{MICRO, at, file, id, members, read};

on_both!(
    acts_are_kept_as_they_were_noted_the_newest_first,
    acts_are_filtered_and_paged,
    acts_go_by_their_age,
    who_acted_is_told_when_the_account_is_gone,
    an_act_on_the_command_line_is_nobodys,
    an_act_of_nobody_is_refused,
    what_is_changed_is_noted_with_the_change_or_not_changed,
);

async fn account(ledger: &Ledger, name: &str) -> i64 {
    let staff = NewStaff { username: name.into(), password_hash: "x".into(), is_superuser: true };
    ledger.accounts.create_staff(&staff, at(0)).await.unwrap().expect("the name is free").id
}

async fn note(ledger: &Ledger, account: i64, act: StaffAct, target: &str, second: i64) {
    let entry = NewStaffEntry { account: Some(account), name: "name", act, target, detail: "" };
    ledger.staff_log.note_act(entry, at(second)).await.unwrap();
}

async fn acts(ledger: &Ledger, page: StaffLogPage) -> Vec<StaffEntry> {
    ledger.staff_log.acts(&StaffLogPage { limit: if page.limit == 0 { 100 } else { page.limit }, ..page }).await.unwrap()
}

fn targets(entries: &[StaffEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.target.as_str()).collect()
}

async fn acts_are_kept_as_they_were_noted_the_newest_first(ledger: &Ledger) {
    let anna = account(ledger, "anna").await;
    assert_eq!(acts(ledger, StaffLogPage::default()).await, []);
    let entry = NewStaffEntry {
        account: Some(anna),
        name: "Änna \"🦀\"",
        act: StaffAct::SyncMember,
        target: "17",
        detail: "<b>' OR 1=1",
    };
    ledger.staff_log.note_act(entry, at(5) + MICRO).await.unwrap();
    note(ledger, anna, StaffAct::LogIn, "", 5).await;
    let found = acts(ledger, StaffLogPage::default()).await;
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].act, found[0].at), (StaffAct::LogIn, at(5)), "noted later, whatever the time says");
    let expected = StaffEntry {
        id: found[1].id,
        at: at(5) + MICRO,
        account: Some(anna),
        name: "Änna \"🦀\"".into(),
        act: StaffAct::SyncMember,
        target: "17".into(),
        detail: "<b>' OR 1=1".into(),
    };
    assert_eq!(found[1], expected);
}

async fn acts_are_filtered_and_paged(ledger: &Ledger) {
    let (anna, bea) = (account(ledger, "anna").await, account(ledger, "bea").await);
    for number in 0..6 {
        let act = if number < 3 { StaffAct::Export } else { StaffAct::CancelRun };
        note(ledger, if number % 2 == 0 { anna } else { bea }, act, &number.to_string(), number).await;
    }
    let page = StaffLogPage::default;
    assert_eq!(targets(&acts(ledger, page()).await), ["5", "4", "3", "2", "1", "0"]);
    assert_eq!(targets(&acts(ledger, StaffLogPage { account: Some(anna), ..page() }).await), ["4", "2", "0"]);
    assert_eq!(targets(&acts(ledger, StaffLogPage { act: Some(StaffAct::CancelRun), ..page() }).await), ["5", "4", "3"]);
    let both = StaffLogPage { account: Some(bea), act: Some(StaffAct::Export), ..page() };
    assert_eq!(targets(&acts(ledger, both).await), ["1"]);
    assert_eq!(acts(ledger, StaffLogPage { account: Some(i64::MAX), ..page() }).await, []);
    assert_eq!(acts(ledger, StaffLogPage { act: Some(StaffAct::LogIn), ..page() }).await, []);

    let between = StaffLogPage { since: Some(at(2)), until: Some(at(4)), ..page() };
    assert_eq!(targets(&acts(ledger, between).await), ["3", "2"], "the end is not within");

    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let found = acts(ledger, StaffLogPage { account: Some(anna), before, limit: 2, ..page() }).await;
        let Some(last) = found.last() else { break };
        before = Some(last.id);
        seen.extend(found.into_iter().map(|entry| entry.target));
    }
    assert_eq!(seen, ["4", "2", "0"]);

    // Back from the oldest, the nearest first.
    let all = acts(ledger, page()).await;
    let after = |id| StaffLogPage { after: Some(id), limit: 2, ..page() };
    assert_eq!(acts(ledger, after(all[5].id)).await, all[3..5]);
    assert_eq!(acts(ledger, after(all[1].id)).await, all[..1]);
    assert_eq!(acts(ledger, after(all[0].id)).await, []);
    let of_anna = acts(ledger, StaffLogPage { account: Some(anna), ..after(all[5].id) }).await;
    assert_eq!(targets(&of_anna), ["4", "2"]);
}

async fn acts_go_by_their_age(ledger: &Ledger) {
    let anna = account(ledger, "anna").await;
    note(ledger, anna, StaffAct::Export, "early", 100).await;
    note(ledger, anna, StaffAct::Export, "late", 200).await;
    let year = TimeDelta::days(365);
    let keep = Retention {
        runs: year,
        dry_runs: year,
        deltas: year,
        events: year,
        failed_payloads: year,
        staff_log: TimeDelta::hours(1),
        daily_counts: TimeDelta::hours(1),
        staged: year,
        sessions: year,
        processes: year,
    };
    ledger.upkeep.sweep(&keep, at(100) + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(targets(&acts(ledger, StaffLogPage::default()).await), ["late", "early"]);
    ledger.upkeep.sweep(&keep, at(100) + TimeDelta::hours(1) + MICRO).await.unwrap();
    assert_eq!(targets(&acts(ledger, StaffLogPage::default()).await), ["late"]);
}

async fn who_acted_is_told_when_the_account_is_gone(ledger: &Ledger) {
    let anna = account(ledger, "anna").await;
    note(ledger, anna, StaffAct::Export, "", 1).await;
    ledger.execute("DELETE FROM users WHERE username = 'anna'").await;
    let left = acts(ledger, StaffLogPage::default()).await;
    assert_eq!((left.len(), left[0].account, left[0].name.as_str()), (1, None, "name"));
}

async fn an_act_on_the_command_line_is_nobodys(ledger: &Ledger) {
    let entry = NewStaffEntry { account: None, name: "command line", act: StaffAct::SetPassword, target: "", detail: "anna" };
    ledger.staff_log.note_act(entry, at(0)).await.unwrap();
    let noted = acts(ledger, StaffLogPage::default()).await;
    assert_eq!((noted[0].account, noted[0].name.as_str()), (None, "command line"));
}

async fn an_act_of_nobody_is_refused(ledger: &Ledger) {
    let entry = NewStaffEntry { account: Some(i64::MAX), name: "x", act: StaffAct::LogIn, target: "", detail: "" };
    assert!(ledger.staff_log.note_act(entry, at(0)).await.is_err());
    assert_eq!(acts(ledger, StaffLogPage::default()).await, []);
}

async fn what_is_changed_is_noted_with_the_change_or_not_changed(ledger: &Ledger) {
    let (root, anna) = (account(ledger, "root").await, account(ledger, "anna").await);
    for name in ["one", "two"] {
        let row = ImportRow { username: name.into(), email: String::new(), discord_id: Claim::Id(id(7)) };
        ledger.accounts.import(&[row], at(1)).await.unwrap();
    }
    let claim = ledger.account_lists.unmet_claims(None, 9).await.unwrap().remove(0);
    let run = file(ledger, at(2), &members(1..=2)).await;
    let note = StaffNote { account: root, name: "root".into(), act: StaffAct::CancelRun, target: None, detail: String::new() };
    let entry =
        NewStaffEntry { account: Some(root), name: "root", act: StaffAct::SettleConflict, target: "2", detail: "dropped" };
    let desk = &ledger.account_desk;

    // The log cannot be written to, so nothing is done.
    ledger.execute("ALTER TABLE staff_log RENAME TO elsewhere").await;
    assert!(desk.change_account(anna, AccountChange::Deactivate, root, at(3)).await.is_err());
    assert!(desk.settle_conflict(claim.account.id, Decided::Keep, entry, at(3)).await.is_err());
    assert!(ledger.filing.cancel_run(run, "root", Some(&note), at(3)).await.is_err());
    ledger.execute("ALTER TABLE elsewhere RENAME TO staff_log").await;
    assert!(ledger.account_lists.account(anna).await.unwrap().unwrap().account.is_active);
    assert_eq!(ledger.account_lists.unmet_claims(None, 9).await.unwrap(), std::slice::from_ref(&claim));
    assert!(!read(ledger, run).await.state.has_ended());
    assert_eq!(acts(ledger, StaffLogPage::default()).await, []);

    desk.change_account(anna, AccountChange::Deactivate, root, at(4)).await.unwrap();
    desk.settle_conflict(claim.account.id, Decided::Keep, entry, at(5)).await.unwrap();
    ledger.filing.cancel_run(run, "root", Some(&note), at(6)).await.unwrap();
    let noted = acts(ledger, StaffLogPage::default()).await;
    let told: Vec<String> = noted.iter().map(|act| format!("{} {} {} {}", act.name, act.act, act.target, act.detail)).collect();
    assert_eq!(
        told,
        [format!("root cancel_run {run} "), "root settle_conflict 2 dropped".to_owned(), format!("root deactivate {anna} anna"),]
    );
    assert!(noted.iter().all(|act| act.account == Some(root)));
    // What comes to nothing is no act.
    desk.settle_conflict(claim.account.id, Decided::Keep, entry, at(7)).await.unwrap();
    desk.change_account(root, AccountChange::Deactivate, root, at(7)).await.unwrap();
    ledger.filing.cancel_run(run, "root", Some(&note), at(7)).await.unwrap();
    assert_eq!(acts(ledger, StaffLogPage::default()).await.len(), 3);
}
