//! Links between members and accounts: made where ids are the same, removed where they no longer are.

use guildsync::domain::{Action, Guard, Member, RunState};
use guildsync::store::{Claim, DiscordLogin, ImportRow, Imported, NewStaff};

use super::Ledger;
use super::hand::{GUARD, apply, at, carry_out, file, id, member, members, mishap, read, row, sync, take_up};

on_both!(
    a_sync_links_whoever_has_an_account,
    a_link_alone_is_no_change_of_a_member,
    a_departure_does_not_unlink_and_the_departed_are_linked_too,
    a_link_that_no_longer_matches_is_removed,
    a_link_that_moves_counts_once_in_each,
    held_runs_link_too,
    who_came_with_a_run_that_broke_off_is_linked,
    a_sighting_meets_a_link_that_is_out_of_date,
);

async fn import(ledger: &Ledger, accounts: &[(&str, i64)]) -> Imported {
    let rows: Vec<ImportRow> = accounts
        .iter()
        .map(|(name, number)| ImportRow { username: (*name).into(), email: String::new(), discord_id: Claim::Id(id(*number)) })
        .collect();
    let done = ledger.accounts.import(&rows, at(0)).await.unwrap();
    assert_eq!(done.conflicts, 0);
    done
}

/// The name of the account that a member is linked to.
async fn linked_to(ledger: &Ledger, number: i64) -> Option<String> {
    row(ledger, number).await.account.map(|(_, name)| name)
}

async fn a_sync_links_whoever_has_an_account(ledger: &Ledger) {
    let staff = NewStaff { username: "local".into(), password_hash: "x".into(), is_superuser: true };
    ledger.accounts.create_staff(&staff, at(0)).await.unwrap().unwrap();
    let before = ledger.texts("SELECT username || ' ' || CAST(date_joined AS text) || ' ' || COALESCE(CAST(last_login AS text), '-') FROM users WHERE discord_id IS NULL").await;
    import(ledger, &[("anna", 1), ("bot", 2), ("nobody here", 99)]).await;
    let bot = Member { is_bot: true, ..member(2) };
    let done = sync(ledger, at(0), &[member(1), bot, member(3)]).await;
    assert_eq!((done.counts.linked, done.counts.unlinked), (2, 0));
    assert_eq!(linked_to(ledger, 1).await.as_deref(), Some("anna"));
    assert_eq!(linked_to(ledger, 2).await.as_deref(), Some("bot"));
    assert_eq!(linked_to(ledger, 3).await, None);
    assert_eq!(ledger.read.member_totals().await.unwrap().linked, 2);
    let after = ledger.texts("SELECT username || ' ' || CAST(date_joined AS text) || ' ' || COALESCE(CAST(last_login AS text), '-') FROM users WHERE discord_id IS NULL").await;
    assert_eq!(after, before);
    assert_eq!(sync(ledger, at(10), &members(1..=3)).await.counts.linked, 0, "once is enough");
}

async fn a_link_alone_is_no_change_of_a_member(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=1)).await;
    let mut expected = row(ledger, 1).await;
    import(ledger, &[("anna", 1)]).await;
    let now = row(ledger, 1).await;
    expected.account.clone_from(&now.account);
    assert!(now.account.is_some());
    assert_eq!(now, expected);
    assert_eq!(sync(ledger, at(10), &members(1..=1)).await.counts.unchanged, 1);
}

async fn a_departure_does_not_unlink_and_the_departed_are_linked_too(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=3)).await;
    import(ledger, &[("anna", 1)]).await;
    let done = sync(ledger, at(10), &members(3..=3)).await;
    assert_eq!((done.counts.marked_left, done.counts.unlinked), (2, 0));
    assert_eq!(linked_to(ledger, 1).await.as_deref(), Some("anna"));

    ledger
        .execute(&format!(
            "INSERT INTO users (username, username_key, discord_id, date_joined) VALUES ('bea', 'bea', 2, {})",
            ledger.literal(at(11))
        ))
        .await;
    let done = sync(ledger, at(20), &members(3..=3)).await;
    assert_eq!((done.counts.linked, done.counts.unlinked), (1, 0));
    assert_eq!(linked_to(ledger, 2).await.as_deref(), Some("bea"));
    assert!(row(ledger, 2).await.date_left.is_some());
}

async fn a_link_that_no_longer_matches_is_removed(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=3)).await;
    import(ledger, &[("anna", 1), ("bea", 2), ("cleo", 3)]).await;
    let before = row(ledger, 1).await;
    ledger.execute("UPDATE users SET discord_id = NULL WHERE username = 'anna'; UPDATE users SET discord_id = 77 WHERE username = 'bea';").await;
    let done = sync(ledger, at(10), &members(1..=3)).await;
    assert_eq!((done.counts.linked, done.counts.unlinked), (0, 2));
    assert_eq!(row(ledger, 1).await, guildsync::domain::MemberRow { account: None, ..before });
    assert_eq!(linked_to(ledger, 2).await, None);
    assert_eq!(linked_to(ledger, 3).await.as_deref(), Some("cleo"));
    assert_eq!(done.counts.unchanged, 3);
}

async fn a_link_that_moves_counts_once_in_each(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=2)).await;
    import(ledger, &[("anna", 1), ("bea", 2)]).await;
    // The ids change places, and nobody has looked at the links yet.
    ledger
        .execute(
            "UPDATE users SET discord_id = 7 WHERE username = 'anna'; UPDATE users SET discord_id = 1 WHERE username = 'bea';
             UPDATE users SET discord_id = 2 WHERE username = 'anna';",
        )
        .await;
    let done = sync(ledger, at(10), &members(1..=2)).await;
    assert_eq!((done.counts.linked, done.counts.unlinked), (2, 2));
    assert_eq!(linked_to(ledger, 1).await.as_deref(), Some("bea"));
    assert_eq!(linked_to(ledger, 2).await.as_deref(), Some("anna"));
}

async fn held_runs_link_too(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=4)).await;
    let account = |name: &str, number: i64| {
        format!(
            "INSERT INTO users (username, username_key, discord_id, date_joined) VALUES ('{name}', '{name}', {number}, {});",
            ledger.literal(at(1))
        )
    };
    ledger.execute(&account("anna", 1)).await;
    let nobody: [Member; 0] = [];
    let done = sync(ledger, at(10), &nobody).await;
    assert_eq!((done.state, done.counts.linked, done.counts.unlinked), (RunState::Held, 1, 0));

    ledger.execute(&account("bea", 2)).await;
    ledger.execute("UPDATE users SET discord_id = 50 WHERE username = 'anna'").await;
    let run = file(ledger, at(20), &members(4..=4)).await;
    let done = carry_out(ledger, run, Guard { floor: 0, ..GUARD }, at(21)).await;
    assert_eq!((done.state, done.counts.linked, done.counts.unlinked), (RunState::Held, 1, 1));
    assert_eq!((linked_to(ledger, 1).await, linked_to(ledger, 2).await.as_deref()), (None, Some("bea")));
}

async fn who_came_with_a_run_that_broke_off_is_linked(ledger: &Ledger) {
    import(ledger, &[("anna", 1), ("bea", 3), ("cleo", 11), ("dora", 12)]).await;
    let run = file(ledger, at(0), &members(1..=4)).await;
    take_up(ledger, run, at(1)).await;
    apply(ledger, run, 0, at(1)).await;
    ledger.filing.cancel_run(run, "", None, at(2)).await.unwrap();
    let cancelled = read(ledger, run).await;
    assert_eq!((cancelled.state, cancelled.counts.created, cancelled.counts.linked), (RunState::Cancelled, 2, 1));
    assert_eq!([linked_to(ledger, 1).await.as_deref(), linked_to(ledger, 2).await.as_deref()], [Some("anna"), None]);
    let told = ledger.read.history(id(1), None, 10).await.unwrap();
    assert_eq!((told[0].change.action, told[0].run_id), (Action::Linked, Some(run)));

    let run = file(ledger, at(10), &members(11..=12)).await;
    take_up(ledger, run, at(11)).await;
    apply(ledger, run, 0, at(11)).await;
    ledger.work.fail_run(run, &mishap(), at(12)).await.unwrap();
    assert_eq!(read(ledger, run).await.counts.linked, 2);
    assert_eq!([linked_to(ledger, 11).await.as_deref(), linked_to(ledger, 12).await.as_deref()], [Some("cleo"), Some("dora")]);
    // One that made nobody has nobody to link.
    let run = file(ledger, at(20), &members(1..=4)).await;
    ledger.filing.cancel_run(run, "", None, at(21)).await.unwrap();
    assert_eq!(read(ledger, run).await.counts.linked, 0);
}

/// The website's own hand moved the account's id; nothing has looked at the link since.
async fn a_sighting_meets_a_link_that_is_out_of_date(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=2)).await;
    import(ledger, &[("anna", 1)]).await;
    ledger.execute("UPDATE users SET discord_id = 2").await;
    let login = DiscordLogin { id: id(2), username: "anna".into(), email: None };
    ledger.accounts.log_in_with_discord(&login, at(10)).await.unwrap();
    assert_eq!([linked_to(ledger, 1).await, linked_to(ledger, 2).await], [None, Some("anna".into())]);
}
