//! Accounts from an existing site: all lines or none, and links at once.

use std::time::{Duration, Instant};

use guildsync::domain::{Account, ConflictKind};
use guildsync::store::{AccountConflict, Claim, ImportRow, Imported, NewStaff};

use super::Ledger;
use super::hand::{at, id, members, rows, sync};

on_both!(
    accounts_are_made_and_updated_by_name,
    what_a_line_leaves_empty_is_kept,
    ids_may_change_places_within_one_import,
    a_claim_that_cannot_be_met_is_listed_and_the_rest_is_imported,
    what_cannot_be_met_stands_until_an_import_settles_it,
    a_refusal_may_cost_others_their_claim,
    an_id_that_its_holder_gives_up_in_the_same_import_is_free,
    links_follow_at_once,
    an_import_leaves_password_and_rights_alone,
    a_large_import_is_quick,
);

fn line(username: &str, email: &str, number: Option<i64>) -> ImportRow {
    ImportRow {
        username: username.into(),
        email: email.into(),
        discord_id: number.map_or(Claim::None, |number| Claim::Id(id(number))),
    }
}

async fn done(ledger: &Ledger, lines: &[ImportRow]) -> Imported {
    let done = ledger.accounts.import(lines, at(1)).await.unwrap();
    assert_eq!(done.conflicts, 0);
    done
}

async fn account(ledger: &Ledger, name: &str) -> Account {
    ledger.accounts.credentials(name).await.unwrap().unwrap_or_else(|| panic!("there is no account {name}")).account
}

/// Name and id of every account, by name.
async fn ids(ledger: &Ledger) -> Vec<String> {
    ledger.texts("SELECT username || ' ' || COALESCE(CAST(discord_id AS text), '-') FROM users ORDER BY username").await
}

async fn accounts_are_made_and_updated_by_name(ledger: &Ledger) {
    let first = done(ledger, &[line("Anna", "anna@example.org", Some(1)), line("Østen 🦀", "", None)]).await;
    assert_eq!(first, Imported { created: 2, ..Imported::default() });
    let anna = account(ledger, "Anna").await;
    let expected = Account {
        id: anna.id,
        username: "Anna".into(),
        email: "anna@example.org".into(),
        discord_id: Some(id(1)),
        is_staff: false,
        is_superuser: false,
        is_active: true,
        date_joined: at(1),
        last_login: None,
    };
    assert_eq!(anna, expected);

    let lines =
        [line("aNNA", "new@example.org", Some(i64::MAX)), line("ØSTEN 🦀", "o@example.org", Some(1)), line("Cleo", "", None)];
    assert_eq!(done(ledger, &lines).await, Imported { created: 1, updated: 2, ..Imported::default() });
    let now = Account { email: "new@example.org".into(), discord_id: Some(id(i64::MAX)), ..expected };
    assert_eq!(account(ledger, "anna").await, now);
    assert_eq!(account(ledger, "østen 🦀").await.discord_id, Some(id(1)));
    assert_eq!(ids(ledger).await.len(), 3);
    assert_eq!(done(ledger, &[]).await, Imported::default());
}

async fn what_a_line_leaves_empty_is_kept(ledger: &Ledger) {
    done(ledger, &[line("anna", "anna@example.org", Some(1))]).await;
    done(ledger, &[line("anna", "", None)]).await;
    let anna = account(ledger, "anna").await;
    assert_eq!((anna.email.as_str(), anna.discord_id), ("anna@example.org", Some(id(1))));
    done(ledger, &[line("anna", "other@example.org", None)]).await;
    done(ledger, &[line("anna", "", Some(2))]).await;
    let anna = account(ledger, "anna").await;
    assert_eq!((anna.email.as_str(), anna.discord_id), ("other@example.org", Some(id(2))));
}

async fn ids_may_change_places_within_one_import(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=3)).await;
    done(ledger, &[line("anna", "", Some(1)), line("bea", "", Some(2)), line("cleo", "", Some(3))]).await;
    let swapped = done(ledger, &[line("anna", "", Some(2)), line("bea", "", Some(1))]).await;
    assert_eq!(swapped, Imported { created: 0, updated: 2, linked: 2, unlinked: 2, conflicts: 0 });
    assert_eq!(ids(ledger).await, ["anna 2", "bea 1", "cleo 3"]);
    // Round in a circle, and one falls out at the end for a new account.
    let circle = [line("anna", "", Some(1)), line("bea", "", Some(3)), line("cleo", "", Some(4)), line("dora", "", Some(2))];
    assert_eq!(done(ledger, &circle).await, Imported { created: 1, updated: 3, linked: 3, unlinked: 3, conflicts: 0 });
    assert_eq!(ids(ledger).await, ["anna 1", "bea 3", "cleo 4", "dora 2"]);
    let linked: Vec<_> = rows(ledger).await.into_iter().map(|row| row.account.unwrap().1).collect();
    assert_eq!(linked, ["anna", "dora", "bea"]);
}

async fn a_claim_that_cannot_be_met_is_listed_and_the_rest_is_imported(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=3)).await;
    done(ledger, &[line("Anna", "", Some(1)), line("bea", "", Some(2))]).await;
    let unreadable = ImportRow { discord_id: Claim::Unreadable("12a".into()), ..line("fay", "", None) };
    let lines = [
        line("zoe", "", Some(2)),
        line("bea", "bea@example.org", None),
        line("cleo", "", Some(9)),
        line("dora", "", Some(3)),
        line("eve", "", Some(9)),
        unreadable,
    ];
    let imported = ledger.accounts.import(&lines, at(2)).await.unwrap();
    assert_eq!(imported, Imported { created: 5, updated: 1, linked: 1, unlinked: 0, conflicts: 4 });
    let conflict = |username: &str, kind, claimed: &str, held_by: Option<&str>| AccountConflict {
        username: username.into(),
        kind,
        claimed: claimed.into(),
        held_by: held_by.map(str::to_owned),
        noted_at: at(2),
    };
    let expected = [
        conflict("cleo", ConflictKind::ClaimedTwice, "9", None),
        conflict("eve", ConflictKind::ClaimedTwice, "9", None),
        conflict("fay", ConflictKind::NotAnId, "12a", None),
        conflict("zoe", ConflictKind::ClaimedTwice, "2", Some("bea")),
    ];
    assert_eq!(ledger.accounts.conflicts(100).await.unwrap(), expected);
    assert_eq!(ledger.accounts.conflicts(2).await.unwrap(), expected[..2]);
    assert_eq!(ids(ledger).await, ["Anna 1", "bea 2", "cleo -", "dora 3", "eve -", "fay -", "zoe -"]);
    assert_eq!(account(ledger, "bea").await.email, "bea@example.org");
    assert_eq!(done(ledger, &[line("ANNA", "", Some(1))]).await.updated, 1, "its own id is no conflict");
}

async fn what_cannot_be_met_stands_until_an_import_settles_it(ledger: &Ledger) {
    let names = async || {
        let conflicts = ledger.accounts.conflicts(100).await.unwrap();
        conflicts.into_iter().map(|conflict| conflict.username).collect::<Vec<_>>()
    };
    done(ledger, &[line("anna", "", Some(1))]).await;
    ledger.accounts.import(&[line("bea", "", Some(1)), line("cleo", "", Some(1))], at(2)).await.unwrap();
    assert_eq!(names().await, ["bea", "cleo"]);
    done(ledger, &[line("dora", "", Some(5))]).await;
    assert_eq!(names().await, ["bea", "cleo"], "an import that names neither settles nothing");
    done(ledger, &[line("BEA", "", Some(2))]).await;
    assert_eq!(names().await, ["cleo"]);
    done(ledger, &[line("anna", "", Some(7)), line("cleo", "", Some(1))]).await;
    assert_eq!(names().await, Vec::<String>::new());
    assert_eq!(ids(ledger).await, ["anna 7", "bea 2", "cleo 1", "dora 5"]);
}

async fn a_refusal_may_cost_others_their_claim(ledger: &Ledger) {
    done(ledger, &[line("anna", "", Some(1)), line("bea", "", Some(2)), line("cleo", "", Some(3))]).await;
    // Anna would make room for bea, and bea for cleo, but what anna claims is dora's, who is not named.
    done(ledger, &[line("dora", "", Some(4))]).await;
    let lines = [line("anna", "", Some(4)), line("bea", "", Some(1)), line("cleo", "", Some(2))];
    assert_eq!(ledger.accounts.import(&lines, at(2)).await.unwrap().conflicts, 3);
    assert_eq!(ids(ledger).await, ["anna 1", "bea 2", "cleo 3", "dora 4"]);
    // Of two lines that claim it, the one that has it keeps it.
    let lines = [line("anna", "", Some(2)), line("bea", "", Some(2))];
    assert_eq!(ledger.accounts.import(&lines, at(3)).await.unwrap().conflicts, 1);
    let told: Vec<_> = ledger.accounts.conflicts(9).await.unwrap().into_iter().map(|c| (c.username, c.held_by)).collect();
    assert_eq!(told, [("anna".into(), Some("bea".into())), ("cleo".into(), Some("bea".into()))]);
}

async fn an_id_that_its_holder_gives_up_in_the_same_import_is_free(ledger: &Ledger) {
    done(ledger, &[line("Ägnes", "", Some(1))]).await;
    done(ledger, &[line("new", "", Some(1)), line("äGNES", "", Some(9))]).await;
    assert_eq!(ids(ledger).await.len(), 2);
    assert_eq!(account(ledger, "new").await.discord_id, Some(id(1)));
    assert_eq!(account(ledger, "Ägnes").await.discord_id, Some(id(9)));
}

async fn links_follow_at_once(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=4)).await;
    sync(ledger, at(10), &members(1..=3)).await;
    let before = rows(ledger).await;
    let made = done(ledger, &[line("anna", "", Some(1)), line("gone", "", Some(4)), line("stranger", "", Some(99))]).await;
    assert_eq!(made, Imported { created: 3, updated: 0, linked: 2, unlinked: 0, conflicts: 0 });
    let moved = done(ledger, &[line("anna", "", Some(2))]).await;
    assert_eq!(moved, Imported { created: 0, updated: 1, linked: 1, unlinked: 1, conflicts: 0 });
    let after = rows(ledger).await;
    let linked: Vec<Option<&str>> = after.iter().map(|row| row.account.as_ref().map(|(_, name)| name.as_str())).collect();
    assert_eq!(linked, [None, Some("anna"), None, Some("gone")]);
    let apart_from_links = |rows: Vec<guildsync::domain::MemberRow>| {
        rows.into_iter().map(|row| guildsync::domain::MemberRow { account: None, ..row }).collect::<Vec<_>>()
    };
    assert_eq!(apart_from_links(after), apart_from_links(before));
}

async fn an_import_leaves_password_and_rights_alone(ledger: &Ledger) {
    let staff = NewStaff { username: "Anna".into(), password_hash: "$argon2id$x".into(), is_superuser: true };
    let made = ledger.accounts.create_staff(&staff, at(0)).await.unwrap().unwrap();
    done(ledger, &[line("anna", "a@example.org", Some(5))]).await;
    let found = ledger.accounts.credentials("anna").await.unwrap().unwrap();
    let expected = Account { email: "a@example.org".into(), discord_id: Some(id(5)), ..made };
    assert_eq!(found.account, expected);
    assert!(found.password_hash.is_some());
}

/// Far longer than needed, and far shorter than anything that looks through all lines for each line.
const QUICK: Duration = Duration::from_secs(20);

async fn a_large_import_is_quick(ledger: &Ledger) {
    let lines = |shift: i64| -> Vec<ImportRow> {
        (0..20_000).map(|n| line(&format!("account{n}"), "a@example.org", Some((n + shift) % 20_000 + 1))).collect()
    };
    let start = Instant::now();
    assert_eq!(done(ledger, &lines(0)).await.created, 20_000);
    assert_eq!(done(ledger, &lines(0)).await.updated, 20_000);
    // The worst: every id is held by another account, which gives it up.
    assert_eq!(done(ledger, &lines(1)).await.updated, 20_000);
    let taken = start.elapsed();
    assert!(taken < QUICK, "three imports took {taken:?}");
    assert_eq!(account(ledger, "account0").await.discord_id, Some(id(2)));
}
