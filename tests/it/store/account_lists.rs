//! The list of accounts in every order, page by page. What is expected comes from going through all accounts in memory.

use std::cmp::Ordering;

use guildsync::store::{
    AccountOrder, AccountPage, AccountPlace, AccountRow, AccountSort, Claim, ImportRow, Membership, NewStaff, Rights,
};

use super::Ledger;
use super::hand::{at, id, members, sync};

on_both!(
    every_order_shows_everybody_once_page_by_page,
    a_search_that_most_accounts_fit_is_sorted_and_paged_like_others,
    an_address_that_changes_is_found_as_it_is,
    a_login_does_not_move_the_place_where_a_page_ends,
);

/// Accounts of every kind, with equal times and without: half of them were never logged in with.
async fn fill(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=10)).await;
    sync(ledger, at(10), &members(1..=5)).await;
    for number in 1..=40 {
        let discord_id = if number % 3 == 0 { Claim::None } else { Claim::Id(id(number)) };
        let email = if number % 4 == 1 { format!("Box{number}@Mail.example.org") } else { String::new() };
        let row = ImportRow { username: format!("m{}", number * 7 % 41), email, discord_id };
        ledger.accounts.import(&[row], at(number % 5)).await.unwrap();
    }
    for number in 0..6 {
        let is_superuser = number % 2 == 0;
        let staff = NewStaff { username: format!("staff{number}"), password_hash: "$argon2id$x".into(), is_superuser };
        ledger.accounts.create_staff(&staff, at(number % 3)).await.unwrap();
    }
    let (early, late) = (ledger.literal(at(50)), ledger.literal(at(60)));
    ledger.execute(&format!("UPDATE users SET last_login = {early} WHERE id % 4 = 0")).await;
    ledger.execute(&format!("UPDATE users SET last_login = {late} WHERE id % 4 = 1 AND id < 30")).await;
    let inactive = if ledger.literal(at(0)).starts_with('\'') { "false" } else { "0" };
    ledger.execute(&format!("UPDATE users SET is_active = {inactive} WHERE id % 5 = 0")).await;
}

async fn all(ledger: &Ledger) -> Vec<AccountRow> {
    ledger.account_lists.accounts(&AccountPage { limit: 10_000, ..AccountPage::default() }).await.unwrap()
}

fn compare(order: AccountOrder, one: &AccountRow, other: &AccountRow) -> Ordering {
    let (one, other) = (&one.account, &other.account);
    let way = |ordering: Ordering| if order.is_descending { ordering.reverse() } else { ordering };
    match order.by {
        AccountSort::Name => way(one.username.to_lowercase().cmp(&other.username.to_lowercase())),
        AccountSort::Joined => way((one.date_joined, one.id).cmp(&(other.date_joined, other.id))),
        AccountSort::LastLogin => one
            .last_login
            .is_none()
            .cmp(&other.last_login.is_none())
            .then(way((one.last_login, one.id).cmp(&(other.last_login, other.id)))),
    }
}

type Fits = fn(&AccountRow) -> bool;

/// Filters, and a search, with what each means.
fn lists() -> Vec<(AccountPage, Fits)> {
    let page = AccountPage::default;
    vec![
        (page(), |_| true),
        (AccountPage { rights: Some(Rights::Look), ..page() }, |row| row.account.is_staff),
        (AccountPage { rights: Some(Rights::Act), ..page() }, |row| row.account.is_superuser),
        (AccountPage { rights: Some(Rights::None), ..page() }, |row| !row.account.is_staff),
        (AccountPage { is_active: Some(false), ..page() }, |row| !row.account.is_active),
        (AccountPage { is_active: Some(true), ..page() }, |row| row.account.is_active),
        (AccountPage { membership: Some(Membership::Left), ..page() }, |row| row.membership == Membership::Left),
        (AccountPage { membership: Some(Membership::Never), ..page() }, |row| row.membership == Membership::Never),
        (AccountPage { search: "M1".into(), ..page() }, |row| row.account.username.starts_with("m1")),
        (AccountPage { search: "m".into(), is_active: Some(false), ..page() }, |row| {
            row.account.username.starts_with('m') && !row.account.is_active
        }),
        (AccountPage { search: "L.exa".into(), ..page() }, |row| row.account.email.ends_with("@Mail.example.org")),
        (AccountPage { search: "13".into(), ..page() }, |row| {
            row.account.id == 13 || row.account.discord_id.is_some_and(|id| id.get() == 13)
        }),
        (AccountPage { search: "nobody".into(), ..page() }, |_| false),
    ]
}

async fn every_order_shows_everybody_once_page_by_page(ledger: &Ledger) {
    fill(ledger).await;
    let all = all(ledger).await;
    assert_eq!(all.len(), 46);
    for by in [AccountSort::Name, AccountSort::Joined, AccountSort::LastLogin] {
        for is_descending in [false, true] {
            let order = AccountOrder { by, is_descending };
            for (list, fits) in lists() {
                let mut expected: Vec<AccountRow> = all.iter().filter(|row| fits(row)).cloned().collect();
                expected.sort_by(|one, other| compare(order, one, other));
                let page = AccountPage { order, limit: 1, ..list.clone() };
                let counted = ledger.account_lists.count(&page).await.unwrap();
                assert_eq!(usize::try_from(counted), Ok(expected.len()), "{page:?}");
                for limit in [1, 7, 100] {
                    let mut page = AccountPage { order, limit, ..list.clone() };
                    let mut seen = Vec::new();
                    loop {
                        let rows = ledger.account_lists.accounts(&page).await.unwrap();
                        assert!(i64::try_from(rows.len()).unwrap() <= limit);
                        let Some(last) = rows.last() else { break };
                        page.after = Some(AccountPlace::of(&last.account, order));
                        seen.extend(rows);
                    }
                    assert_eq!(seen, expected, "{list:?} by {order:?}, {limit} a page");
                    back(ledger, &list, order, limit, &expected).await;
                }
            }
        }
    }
}

/// Goes back from the last account to the first.
async fn back(ledger: &Ledger, list: &AccountPage, order: AccountOrder, limit: i64, expected: &[AccountRow]) {
    let Some((end, mut rest)) = expected.split_last() else { return };
    let mut page = AccountPage { order, limit, is_backwards: true, ..list.clone() };
    page.after = Some(AccountPlace::of(&end.account, order));
    loop {
        let rows = ledger.account_lists.accounts(&page).await.unwrap();
        let Some(first) = rows.first() else { break };
        let shown = usize::try_from(limit).unwrap().min(rest.len());
        assert_eq!(rows, rest[rest.len() - shown..], "{page:?}");
        page.after = Some(AccountPlace::of(&first.account, order));
        rest = &rest[..rest.len() - shown];
    }
    assert_eq!(rest, [], "{page:?}");
}

/// More than are sorted for a search.
const MANY: i64 = 5_300;

async fn a_search_that_most_accounts_fit_is_sorted_and_paged_like_others(ledger: &Ledger) {
    let row = |number: i64| ImportRow {
        username: format!("{}{:04}", if number % 50 == 0 { 'm' } else { 'u' }, number * 7_919 % MANY),
        email: format!("{number}@Common.example"),
        discord_id: Claim::Id(id(123_000_000 + number)),
    };
    let rows: Vec<ImportRow> = (0..MANY).map(row).collect();
    for (chunk, rows) in (0..).zip(rows.chunks(1_000)) {
        ledger.accounts.import(rows, at(chunk % 3)).await.unwrap();
    }
    let late = ledger.literal(at(60));
    ledger.execute(&format!("UPDATE users SET last_login = {late} WHERE id % 4 = 1")).await;
    ledger.execute("UPDATE users SET is_active = (1 = 0) WHERE id % 9 = 0").await;
    let all = all(ledger).await;
    let page = |search: &str| AccountPage { search: search.into(), ..AccountPage::default() };
    let lists: [(AccountPage, Fits); 4] = [
        (page("common.ex"), |_| true),
        (AccountPage { is_active: Some(false), ..page("COMMON.EX") }, |row| !row.account.is_active),
        (page("u"), |row| row.account.username.starts_with('u')),
        (AccountPage { membership: Some(Membership::Never), ..page("123") }, |_| true),
    ];
    let orders =
        [(AccountSort::Name, false), (AccountSort::LastLogin, true), (AccountSort::Joined, true), (AccountSort::Name, true)];
    for ((by, is_descending), (list, fits)) in orders.into_iter().zip(&lists) {
        let order = AccountOrder { by, is_descending };
        let mut expected: Vec<&AccountRow> = all.iter().filter(|row| fits(row)).collect();
        expected.sort_by(|one, other| compare(order, one, other));
        let mut page = AccountPage { order, limit: 3_000, ..list.clone() };
        let mut seen = Vec::new();
        loop {
            let rows = ledger.account_lists.accounts(&page).await.unwrap();
            let Some(last) = rows.last() else { break };
            page.after = Some(AccountPlace::of(&last.account, order));
            seen.extend(rows);
        }
        assert!(seen.iter().eq(expected), "{list:?} by {order:?}");
        back(ledger, list, order, 3_000, &seen).await;
    }
}

async fn an_address_that_changes_is_found_as_it_is(ledger: &Ledger) {
    fill(ledger).await;
    let found = async |search: &str| {
        let page = AccountPage { search: search.into(), limit: 100, ..AccountPage::default() };
        ledger.account_lists.accounts(&page).await.unwrap().len()
    };
    assert_eq!(found("@mail.example").await, 10);
    ledger.execute("UPDATE users SET email = 'other@elsewhere.example' WHERE email = 'Box1@Mail.example.org'").await;
    assert_eq!((found("@mail.example").await, found("lsewher").await), (9, 1));
    ledger.execute("UPDATE users SET email = '' WHERE email <> 'other@elsewhere.example'").await;
    assert_eq!((found("@mail.example").await, found("lsewher").await), (0, 1));
    ledger.execute("UPDATE users SET email = 'again@mail.example' WHERE username = 'm3'").await;
    assert_eq!(found("@mail.example").await, 1);
    ledger.execute("DELETE FROM users WHERE email <> ''").await;
    assert_eq!((found("@mail.example").await, found("lsewher").await), (0, 0));
}

async fn a_login_does_not_move_the_place_where_a_page_ends(ledger: &Ledger) {
    fill(ledger).await;
    let order = AccountOrder { by: AccountSort::LastLogin, is_descending: true };
    let page = AccountPage { order, limit: 5, ..AccountPage::default() };
    let first = ledger.account_lists.accounts(&page).await.unwrap();
    let whole = ledger.account_lists.accounts(&AccountPage { limit: 100, ..page.clone() }).await.unwrap();
    let last = first.last().unwrap();
    let later = ledger.literal(at(99));
    ledger.execute(&format!("UPDATE users SET last_login = {later} WHERE id = {}", last.account.id)).await;
    let after = Some(AccountPlace::of(&last.account, order));
    let second = ledger.account_lists.accounts(&AccountPage { after, ..page }).await.unwrap();
    assert_eq!(second, whole[5..10]);
}
