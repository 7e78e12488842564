//! Accounts as staff look them through, what staff change about them, and the claims that wait for a decision.

use guildsync::domain::{Account, AccountChange, ConflictKind, StaffAct};
use guildsync::store::{
    AccountOrder, AccountPage, AccountPlace, AccountTotals, Changed, Claim, Decided, DiscordLogin, ImportRow, Membership,
    NewStaff, NewStaffEntry, Rights, SessionLimits, Settlement,
};

use super::Ledger;
use super::hand::{at, id, members, row, sync};

on_both!(
    accounts_are_listed_by_name_page_by_page,
    a_search_finds_what_begins_like_it_parts_of_addresses_and_numbers,
    filters_narrow_the_list_down,
    one_account_tells_how_it_can_be_used,
    accounts_are_counted,
    rights_are_given_and_taken,
    nobody_takes_anything_from_themselves,
    who_may_not_act_changes_nothing,
    of_two_who_shut_each_other_out_one_stays,
    a_deactivated_account_is_logged_out_for_good,
    a_claim_is_met_and_links_follow,
    a_claim_is_dropped_and_nothing_changes,
    a_claim_that_has_changed_meanwhile_is_not_met,
    what_is_no_id_can_only_be_dropped,
    claims_are_listed_page_by_page,
);

async fn import(ledger: &Ledger, username: &str, email: &str, claim: Claim) -> i64 {
    let row = ImportRow { username: username.into(), email: email.into(), discord_id: claim };
    ledger.accounts.import(&[row], at(0)).await.unwrap();
    account(ledger, username).await.id
}

async fn account(ledger: &Ledger, name: &str) -> Account {
    ledger.accounts.credentials(name).await.unwrap().unwrap_or_else(|| panic!("there is no account {name}")).account
}

async fn staff(ledger: &Ledger, name: &str, is_superuser: bool) -> i64 {
    let staff = NewStaff { username: name.into(), password_hash: "$argon2id$x".into(), is_superuser };
    ledger.accounts.create_staff(&staff, at(0)).await.unwrap().expect("the name is free").id
}

async fn names(ledger: &Ledger, page: AccountPage) -> Vec<String> {
    let page = AccountPage { limit: if page.limit == 0 { 100 } else { page.limit }, ..page };
    let rows = ledger.account_lists.accounts(&page).await.unwrap();
    rows.into_iter().map(|row| row.account.username).collect()
}

async fn found(ledger: &Ledger, search: &str) -> Vec<String> {
    names(ledger, AccountPage { search: search.into(), ..AccountPage::default() }).await
}

/// What the log is told of a decision.
fn note() -> NewStaffEntry<'static> {
    NewStaffEntry { account: None, name: "root", act: StaffAct::SettleConflict, target: "", detail: "" }
}

async fn accounts_are_listed_by_name_page_by_page(ledger: &Ledger) {
    for name in ["bea", "Zoë", "anna", "Äsa", "Bob", "an na", "_x", "жанна", "an-na", "9"] {
        import(ledger, name, "", Claim::None).await;
    }
    let all = names(ledger, AccountPage::default()).await;
    assert_eq!(all, ["9", "_x", "an na", "an-na", "anna", "bea", "Bob", "Zoë", "Äsa", "жанна"]);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = AccountPage { after, limit: 3, ..AccountPage::default() };
        let rows = ledger.account_lists.accounts(&page).await.unwrap();
        let Some(last) = rows.last() else { break };
        after = Some(AccountPlace::of(&last.account, page.order));
        seen.extend(rows.into_iter().map(|row| row.account.username));
    }
    assert_eq!(seen, all);
    let beyond = AccountPage { after: Some(AccountPlace { at: None, id: i64::MAX }), ..AccountPage::default() };
    assert_eq!(names(ledger, beyond).await, Vec::<String>::new(), "after nobody comes nobody");
}

async fn a_search_finds_what_begins_like_it_parts_of_addresses_and_numbers(ledger: &Ledger) {
    import(ledger, "Anna", "first@example.org", Claim::Id(id(1_000))).await;
    import(ledger, "ben", "ANNA.B@example.org", Claim::None).await;
    import(ledger, "cleo", "", Claim::Id(id(1_001))).await;
    import(ledger, "Äsa", "", Claim::None).await;
    import(ledger, "100%", "", Claim::None).await;
    import(ledger, "hanna", "", Claim::None).await;
    let login = DiscordLogin { id: id(1_001), username: "AnnaBelle".into(), email: None };
    ledger.accounts.log_in_with_discord(&login, at(1)).await.unwrap();
    assert_eq!(found(ledger, "anna").await, ["Anna", "ben", "cleo"]);
    assert_eq!(found(ledger, "ANNA").await, ["Anna", "ben", "cleo"]);
    assert_eq!(found(ledger, "annab").await, ["cleo"]);
    assert_eq!(found(ledger, "anna.").await, ["ben"]);
    assert_eq!(found(ledger, "äs").await, ["Äsa"]);
    assert_eq!(found(ledger, "1000").await, ["Anna"]);
    assert_eq!(found(ledger, "100").await, ["100%", "Anna", "cleo"]);
    assert_eq!(found(ledger, "10").await, ["100%"], "of two digits only the id itself");
    assert_eq!(found(ledger, "A.b@EX").await, ["ben"], "a part of an address");
    assert_eq!(found(ledger, "@example.org").await, ["Anna", "ben"]);
    assert_eq!(found(ledger, "B@").await, Vec::<String>::new(), "which has three characters at least");
    let hanna = account(ledger, "hanna").await.id;
    assert_eq!(found(ledger, &hanna.to_string()).await, ["hanna"], "by its number");
    for none in ["elle", "%", "_", "an%", "%%%", "a_b", "'", "\\", "\"\"\"", "99999999999999999999", "0", "-1", "\u{10ffff}"] {
        assert_eq!(found(ledger, none).await, Vec::<String>::new(), "{none}");
    }
    let after = Some(AccountPlace::of(&account(ledger, "Anna").await, AccountOrder::default()));
    let second = AccountPage { search: "anna".into(), after, ..AccountPage::default() };
    assert_eq!(names(ledger, second).await, ["ben", "cleo"]);
}

async fn filters_narrow_the_list_down(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=2)).await;
    sync(ledger, at(10), &members(1..=1)).await;
    for (name, number) in [("present", 1), ("left", 2), ("never", 3)] {
        import(ledger, name, "", Claim::Id(id(number))).await;
    }
    staff(ledger, "looks", false).await;
    let acts = staff(ledger, "acts", true).await;
    let never = account(ledger, "never").await.id;
    ledger.account_desk.change_account(never, AccountChange::Deactivate, acts, at(9)).await.unwrap();
    let page = AccountPage::default;
    let by = async |membership| names(ledger, AccountPage { membership: Some(membership), ..page() }).await;
    assert_eq!(by(Membership::Present).await, ["present"]);
    assert_eq!(by(Membership::Left).await, ["left"]);
    assert_eq!(by(Membership::Never).await, ["never"]);
    assert_eq!(by(Membership::NoDiscord).await, ["acts", "looks"]);
    let with = async |rights| names(ledger, AccountPage { rights: Some(rights), ..page() }).await;
    assert_eq!(with(Rights::None).await, ["left", "never", "present"]);
    assert_eq!(with(Rights::Look).await, ["acts", "looks"]);
    assert_eq!(with(Rights::Act).await, ["acts"]);
    assert_eq!(names(ledger, AccountPage { is_active: Some(false), ..page() }).await, ["never"]);
    assert_eq!(names(ledger, AccountPage { is_active: Some(true), ..page() }).await.len(), 4);
    let both = AccountPage { search: "l".into(), rights: Some(Rights::None), membership: Some(Membership::Left), ..page() };
    assert_eq!(names(ledger, both).await, ["left"]);
}

async fn one_account_tells_how_it_can_be_used(ledger: &Ledger) {
    let anna = staff(ledger, "anna", false).await;
    let found = ledger.account_lists.account(anna).await.unwrap().unwrap();
    assert_eq!((found.has_password, found.membership), (true, Membership::NoDiscord));
    assert_eq!(found.account, account(ledger, "anna").await);
    let login = DiscordLogin { id: id(7), username: "seven".into(), email: None };
    let seven = ledger.accounts.log_in_with_discord(&login, at(1)).await.unwrap();
    let found = ledger.account_lists.account(seven.id).await.unwrap().unwrap();
    assert_eq!((found.has_password, found.membership, found.discord_username.as_str()), (false, Membership::Never, "seven"));
    for nobody in [0, -1, i64::MAX, i64::MIN] {
        assert_eq!(ledger.account_lists.account(nobody).await.unwrap(), None);
    }

    let limits = SessionLimits { idle: chrono::TimeDelta::seconds(60), max: chrono::TimeDelta::seconds(600) };
    for (session, time) in [(1, at(0)), (2, at(50)), (3, at(50))] {
        ledger.sessions.open_session(&[session; 32], if session == 3 { seven.id } else { anna }, time).await.unwrap();
    }
    let open = async |account, now| ledger.account_lists.open_sessions(account, limits, now).await.unwrap();
    assert_eq!((open(anna, at(50)).await, open(anna, at(60)).await, open(anna, at(110)).await), (2, 1, 0));
}

async fn accounts_are_counted(ledger: &Ledger) {
    assert_eq!(ledger.account_lists.account_totals().await.unwrap(), AccountTotals::default());
    let root = staff(ledger, "root", true).await;
    staff(ledger, "anna", false).await;
    let ben = import(ledger, "ben", "", Claim::Id(id(1))).await;
    import(ledger, "cleo", "", Claim::Id(id(1))).await;
    ledger.account_desk.change_account(ben, AccountChange::Deactivate, root, at(9)).await.unwrap();
    assert_eq!(ledger.member_lists.tally_members().await.unwrap().accounts, 4);
    let totals = ledger.account_lists.account_totals().await.unwrap();
    assert_eq!(totals, AccountTotals { staff: 2, inactive: 1, conflicts: 1 });
}

/// Whether an account may look, may act, and can be used.
async fn rights(ledger: &Ledger, name: &str) -> (bool, bool, bool) {
    let account = account(ledger, name).await;
    (account.is_staff, account.is_superuser, account.is_active)
}

async fn rights_are_given_and_taken(ledger: &Ledger) {
    let root = staff(ledger, "root", true).await;
    let anna = import(ledger, "anna", "anna@example.org", Claim::Id(id(1))).await;
    for (change, expected) in [
        (AccountChange::GrantStaff, (true, false, true)),
        (AccountChange::GrantStaff, (true, false, true)),
        (AccountChange::GrantSuperuser, (true, true, true)),
        (AccountChange::RevokeSuperuser, (true, false, true)),
        (AccountChange::RevokeStaff, (false, false, true)),
        (AccountChange::GrantSuperuser, (true, true, true)),
        (AccountChange::Deactivate, (true, true, false)),
        (AccountChange::RevokeStaff, (false, false, false)),
        (AccountChange::Activate, (false, false, true)),
    ] {
        assert_eq!(ledger.account_desk.change_account(anna, change, root, at(9)).await.unwrap(), Changed::Done, "{change}");
        assert_eq!(rights(ledger, "anna").await, expected, "{change}");
    }
    let after = account(ledger, "anna").await;
    assert_eq!((after.email.as_str(), after.discord_id), ("anna@example.org", Some(id(1))), "and nothing else");
    assert_eq!(rights(ledger, "root").await, (true, true, true));
}

async fn nobody_takes_anything_from_themselves(ledger: &Ledger) {
    let root = staff(ledger, "root", true).await;
    for change in [AccountChange::RevokeStaff, AccountChange::RevokeSuperuser, AccountChange::Deactivate] {
        assert_eq!(ledger.account_desk.change_account(root, change, root, at(9)).await.unwrap(), Changed::OwnAccount, "{change}");
    }
    assert_eq!(rights(ledger, "root").await, (true, true, true));
}

async fn who_may_not_act_changes_nothing(ledger: &Ledger) {
    let root = staff(ledger, "root", true).await;
    let anna = staff(ledger, "anna", false).await;
    let gone = staff(ledger, "gone", true).await;
    ledger.account_desk.change_account(gone, AccountChange::Deactivate, root, at(9)).await.unwrap();
    for by in [anna, gone, 0, i64::MAX] {
        for change in [AccountChange::GrantSuperuser, AccountChange::Deactivate] {
            assert_eq!(ledger.account_desk.change_account(anna, change, by, at(9)).await.unwrap(), Changed::MayNotAct, "{by}");
        }
    }
    assert_eq!(rights(ledger, "anna").await, (true, false, true));
    let unknown = ledger.account_desk.change_account(i64::MAX, AccountChange::GrantStaff, root, at(9)).await.unwrap();
    assert_eq!(unknown, Changed::Unknown);
}

async fn of_two_who_shut_each_other_out_one_stays(ledger: &Ledger) {
    let (anna, bea) = (staff(ledger, "anna", true).await, staff(ledger, "bea", true).await);
    for round in 0..10 {
        let change = [AccountChange::RevokeStaff, AccountChange::RevokeSuperuser, AccountChange::Deactivate][round % 3];
        let desk = &ledger.account_desk;
        let (one, other) =
            tokio::join!(desk.change_account(bea, change, anna, at(9)), desk.change_account(anna, change, bea, at(9)));
        let mut outcomes = [one.unwrap(), other.unwrap()];
        let winner = if outcomes[0] == Changed::Done { (anna, bea) } else { (bea, anna) };
        outcomes.sort_by_key(|outcome| *outcome != Changed::Done);
        assert_eq!(outcomes, [Changed::Done, Changed::MayNotAct]);
        for back in [AccountChange::GrantSuperuser, AccountChange::Activate] {
            assert_eq!(desk.change_account(winner.1, back, winner.0, at(9)).await.unwrap(), Changed::Done);
        }
    }
}

async fn a_deactivated_account_is_logged_out_for_good(ledger: &Ledger) {
    let (root, anna) = (staff(ledger, "root", true).await, staff(ledger, "anna", false).await);
    let limits = SessionLimits { idle: chrono::TimeDelta::hours(1), max: chrono::TimeDelta::hours(9) };
    for (session, account) in [(1, anna), (2, root)] {
        ledger.sessions.open_session(&[session; 32], account, at(0)).await.unwrap();
    }
    for change in [AccountChange::Deactivate, AccountChange::Activate] {
        ledger.account_desk.change_account(anna, change, root, at(9)).await.unwrap();
        assert_eq!(ledger.sessions.session(&[1; 32], limits, at(1)).await.unwrap(), None, "{change}");
    }
    assert!(ledger.sessions.session(&[2; 32], limits, at(1)).await.unwrap().is_some());
    // Rights are read anew with each request: without them the session goes on as anybody's.
    ledger.sessions.open_session(&[3; 32], anna, at(2)).await.unwrap();
    ledger.account_desk.change_account(anna, AccountChange::RevokeStaff, root, at(9)).await.unwrap();
    let anna = ledger.sessions.session(&[3; 32], limits, at(3)).await.unwrap().unwrap();
    assert!(!anna.is_staff);
}

async fn linked_to(ledger: &Ledger, number: i64) -> Option<String> {
    row(ledger, number).await.account.map(|(_, name)| name)
}

async fn give(ledger: &Ledger, account: i64, claimed: i64, from: Option<i64>) -> Settlement {
    let decided = Decided::Give { claimed: id(claimed), from };
    ledger.account_desk.settle_conflict(account, decided, note(), at(5)).await.unwrap()
}

async fn a_claim_is_met_and_links_follow(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=2)).await;
    let login = DiscordLogin { id: id(1), username: "one".into(), email: None };
    let old = ledger.accounts.log_in_with_discord(&login, at(1)).await.unwrap();
    let new = import(ledger, "new", "", Claim::Id(id(2))).await;
    import(ledger, "new", "", Claim::Id(id(1))).await;
    let open = ledger.account_lists.unmet_claims(None, 10).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].account.id, open[0].claimed_id(), open[0].kind), (new, Some(id(1)), ConflictKind::ClaimedTwice));
    let holder = open[0].holder.as_ref().unwrap();
    assert_eq!((holder.id, holder.username.as_str(), holder.has_password), (old.id, "one", false));

    // The link to 1 moves, and the one to 2 goes.
    assert_eq!(give(ledger, new, 1, Some(old.id)).await, Settlement::Done { linked: 1, unlinked: 2 });
    assert_eq!((linked_to(ledger, 1).await.as_deref(), linked_to(ledger, 2).await), (Some("new"), None));
    assert_eq!(account(ledger, "one").await.discord_id, None);
    assert_eq!(account(ledger, "new").await.discord_id, Some(id(1)));
    let row = ledger.account_lists.account(new).await.unwrap().unwrap();
    assert_eq!(row.discord_username, "one", "the name at Discord goes with the id");
    assert_eq!(ledger.account_lists.account(old.id).await.unwrap().unwrap().discord_username, "");
    assert_eq!(ledger.account_lists.account_totals().await.unwrap().conflicts, 0);
    assert_eq!(give(ledger, new, 1, Some(old.id)).await, Settlement::Gone);
    let history = ledger.read.history(id(1), None, 10).await.unwrap();
    let actions: Vec<&str> = history.iter().map(|event| event.change.action.as_str()).collect();
    assert_eq!(actions, ["linked", "unlinked", "linked"]);
    assert_eq!(history[0].run_id, None);
    assert_eq!(sync(ledger, at(10), &members(1..=2)).await.counts.linked, 0, "a sync finds nothing to mend");
}

async fn a_claim_is_dropped_and_nothing_changes(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=1)).await;
    import(ledger, "old", "", Claim::Id(id(1))).await;
    let new = import(ledger, "new", "", Claim::Id(id(1))).await;
    let other = import(ledger, "other", "", Claim::Id(id(1))).await;
    let kept = ledger.account_desk.settle_conflict(new, Decided::Keep, note(), at(5)).await.unwrap();
    assert_eq!(kept, Settlement::Done { linked: 0, unlinked: 0 });
    assert_eq!(linked_to(ledger, 1).await.as_deref(), Some("old"));
    assert_eq!(account(ledger, "new").await.discord_id, None);
    let open = ledger.account_lists.unmet_claims(None, 10).await.unwrap();
    assert_eq!(open.iter().map(|one| one.account.id).collect::<Vec<_>>(), [other]);
    assert_eq!(ledger.account_desk.settle_conflict(new, Decided::Keep, note(), at(6)).await.unwrap(), Settlement::Gone);
}

async fn a_claim_that_has_changed_meanwhile_is_not_met(ledger: &Ledger) {
    let old = import(ledger, "old", "", Claim::Id(id(1))).await;
    let new = import(ledger, "new", "", Claim::Id(id(1))).await;
    assert_eq!(give(ledger, new, 2, None).await, Settlement::Moved, "another id");
    assert_eq!(give(ledger, new, 1, None).await, Settlement::Moved, "somebody has it");
    assert_eq!(give(ledger, new, 1, Some(new)).await, Settlement::Moved, "somebody else has it");
    assert_eq!(give(ledger, old, 1, Some(old)).await, Settlement::Gone, "it claims nothing");
    assert_eq!(give(ledger, i64::MAX, 1, Some(old)).await, Settlement::Gone);
    assert_eq!(account(ledger, "old").await.discord_id, Some(id(1)));
    // Its holder gives it up: nobody has it now.
    import(ledger, "old", "", Claim::Id(id(9))).await;
    assert_eq!(give(ledger, new, 1, Some(old)).await, Settlement::Moved);
    assert_eq!(give(ledger, new, 1, None).await, Settlement::Done { linked: 0, unlinked: 0 });
    assert_eq!(account(ledger, "new").await.discord_id, Some(id(1)));
}

async fn what_is_no_id_can_only_be_dropped(ledger: &Ledger) {
    let odd = import(ledger, "odd", "", Claim::Unreadable("12<b>".into())).await;
    let open = ledger.account_lists.unmet_claims(None, 10).await.unwrap();
    assert_eq!((open[0].claimed.as_str(), open[0].claimed_id(), &open[0].holder), ("12<b>", None, &None));
    assert_eq!(give(ledger, odd, 12, None).await, Settlement::Moved);
    let kept = ledger.account_desk.settle_conflict(odd, Decided::Keep, note(), at(5)).await.unwrap();
    assert_eq!(kept, Settlement::Done { linked: 0, unlinked: 0 });
    assert_eq!(ledger.account_lists.account_totals().await.unwrap().conflicts, 0);
}

async fn claims_are_listed_page_by_page(ledger: &Ledger) {
    import(ledger, "old", "", Claim::Id(id(1))).await;
    for number in 0..5 {
        import(ledger, &format!("new{number}"), "", Claim::Id(id(1))).await;
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = ledger.account_lists.unmet_claims(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.account.id);
        seen.extend(page.into_iter().map(|one| one.account.username));
    }
    assert_eq!(seen, ["new0", "new1", "new2", "new3", "new4"]);
}
