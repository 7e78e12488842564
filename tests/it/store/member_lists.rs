//! The lists of members: every filter, every order, page by page. What is expected comes from going through
//! all rows in memory.

use chrono::{DateTime, Utc};
use guildsync::domain::{Member, MemberRow};
use guildsync::store::{
    AbsentView, Backend, Claim, ImportRow, MemberFilter, MemberOrder, MemberPlace, MemberTally, MemberView, MembersFound,
    RoleCount, Search, SortBy, Span,
};

use super::Ledger;
use super::hand::{GUARD, List, at, carry_out, id, member, rows};

on_both!(
    every_filter_shows_whom_it_says_in_every_order,
    paging_shows_everybody_once_among_ties_and_gaps,
    a_page_beyond_the_window_is_found_by_the_indexes,
    every_kind_is_counted,
    roles_are_counted,
    a_role_is_found_by_the_index_whatever_it_is_called,
    accounts_that_were_never_seen_are_listed,
);

/// 60 members of every kind: bots, with roles, without a time of joining, with equal times; a quarter has left, a third has an account.
fn guild() -> Vec<Member> {
    (1..=60)
        .map(|n| Member {
            is_bot: n % 7 == 0,
            roles: match n % 5 {
                0 => vec!["10"],
                1 => vec!["100", "10"],
                2 => vec!["1000"],
                3 => vec!["1000", "the \"mods\", all", "Ölaf 1"],
                _ => vec![],
            }
            .into_iter()
            .collect(),
            joined_at: (n % 6 != 0).then(|| at(-10_000 * (n % 4))),
            ..member(n * 1_000)
        })
        .collect()
}

pub async fn fill(ledger: &Ledger, members: &[Member]) {
    let run = List::new(at(0), members, 500).file(ledger).await;
    carry_out(ledger, run, GUARD, at(1)).await;
}

async fn seed(ledger: &Ledger) {
    fill(ledger, &guild()).await;
    for n in (1..=60).filter(|n| n % 4 == 0) {
        let set = ledger.literal(at(n % 3));
        ledger.execute(&format!("UPDATE guild_members SET date_left = {set} WHERE discord_id = {}", n * 1_000)).await;
    }
    let accounts: Vec<ImportRow> = (1..=60).filter(|n| n % 3 == 0).map(|n| account(&format!("account{n}"), n * 1_000)).collect();
    ledger.accounts.import(&accounts, at(2)).await.unwrap();
}

pub fn account(username: &str, discord_id: i64) -> ImportRow {
    ImportRow { username: username.into(), email: String::new(), discord_id: Claim::Id(id(discord_id)) }
}

pub fn filter(change: impl FnOnce(&mut MemberFilter)) -> MemberFilter {
    let mut filter = MemberFilter::default();
    change(&mut filter);
    filter
}

type Fits = fn(&MemberRow) -> bool;

/// Each filter, and two together, with what it means.
fn filters() -> Vec<(MemberFilter, Fits)> {
    let span = |from: Option<i64>, before: Option<i64>| Span { from: from.map(at), before: before.map(at) };
    vec![
        (MemberFilter::default(), |_| true),
        (filter(|f| f.is_present = Some(true)), |row| row.date_left.is_none()),
        (filter(|f| f.is_present = Some(false)), |row| row.date_left.is_some()),
        (filter(|f| f.is_linked = Some(true)), |row| row.account.is_some()),
        (filter(|f| f.is_linked = Some(false)), |row| row.account.is_none()),
        (filter(|f| f.is_bot = Some(true)), |row| row.member.is_bot),
        (filter(|f| f.is_bot = Some(false)), |row| !row.member.is_bot),
        (filter(|f| f.role = Some("10".into())), |row| row.member.roles.to_vec().contains(&"10".to_owned())),
        (filter(|f| f.role = Some("100".into())), |row| row.member.roles.to_vec().contains(&"100".to_owned())),
        (filter(|f| f.role = Some("1".into())), |_| false),
        (filter(|f| f.role = Some("the \"mods\", all".into())), |row| row.member.roles.to_vec().len() == 3),
        (filter(|f| f.role = Some(",".into())), |_| false),
        (filter(|f| f.role = Some("mods".into())), |_| false),
        (filter(|f| f.joined = span(Some(-20_000), None)), |row| row.member.joined_at >= Some(at(-20_000))),
        (filter(|f| f.joined = span(None, Some(-10_000))), |row| row.member.joined_at.is_some_and(|t| t < at(-10_000))),
        (filter(|f| f.joined = span(Some(-20_000), Some(-10_000))), |row| {
            row.member.joined_at.is_some_and(|t| (at(-20_000)..at(-10_000)).contains(&t))
        }),
        (filter(|f| f.left = span(Some(1), None)), |row| row.date_left >= Some(at(1))),
        (filter(|f| f.left = span(Some(0), Some(2))), |row| row.date_left.is_some_and(|t| (at(0)..at(2)).contains(&t))),
        (
            filter(|f| {
                f.is_present = Some(true);
                f.is_linked = Some(true);
                f.is_bot = Some(false);
            }),
            |row| row.date_left.is_none() && row.account.is_some() && !row.member.is_bot,
        ),
        (
            filter(|f| {
                f.role = Some("10".into());
                f.is_present = Some(false);
                f.joined = span(Some(-20_000), None);
            }),
            |row| {
                row.member.roles.to_vec().contains(&"10".to_owned())
                    && row.date_left.is_some()
                    && row.member.joined_at >= Some(at(-20_000))
            },
        ),
    ]
}

fn orders() -> Vec<MemberOrder> {
    let by = [SortBy::Id, SortBy::Joined, SortBy::Left];
    by.into_iter().flat_map(|by| [false, true].map(|is_descending| MemberOrder { by, is_descending })).collect()
}

/// The rows in an order, as the words of [`MemberOrder`] say it.
fn sorted(mut rows: Vec<MemberRow>, order: MemberOrder) -> Vec<MemberRow> {
    let key = |row: &MemberRow| MemberPlace::of(row, order);
    rows.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        let inner = (a.at, a.id).cmp(&(b.at, b.id));
        a.at.is_none().cmp(&b.at.is_none()).then(if order.is_descending { inner.reverse() } else { inner })
    });
    rows
}

pub async fn find(ledger: &Ledger, view: &MemberView) -> MembersFound {
    let found = ledger.member_lists.list_members(view).await.unwrap();
    if let Some(total) = found.total {
        assert_eq!(ledger.member_lists.count_members(&view.filter).await.unwrap(), total, "{view:?}");
    }
    found
}

async fn every_filter_shows_whom_it_says_in_every_order(ledger: &Ledger) {
    seed(ledger).await;
    let all = rows(ledger).await;
    for (filter, fits) in filters() {
        for order in orders() {
            let view = MemberView { filter: filter.clone(), order, limit: 100, ..MemberView::default() };
            let found = find(ledger, &view).await;
            let expected = sorted(all.iter().filter(|row| fits(row)).cloned().collect(), order);
            assert_eq!(found.rows, expected, "{view:?}");
            assert_eq!((found.has_more, found.total), (false, Some(i64::try_from(expected.len()).unwrap())), "{view:?}");
        }
    }
}

/// Goes through a list by its pages.
async fn pages(ledger: &Ledger, mut view: MemberView) -> Vec<MemberRow> {
    let mut seen = Vec::new();
    for _ in 0..200 {
        let found = find(ledger, &view).await;
        assert!(found.rows.len() <= usize::try_from(view.limit).unwrap());
        let last = found.rows.last().cloned();
        seen.extend(found.rows);
        let Some(last) = last.filter(|_| found.has_more) else { return seen };
        view.after = Some(MemberPlace::of(&last, view.order));
    }
    panic!("the list does not end: {view:?}");
}

async fn paging_shows_everybody_once_among_ties_and_gaps(ledger: &Ledger) {
    seed(ledger).await;
    // Nobody is known to the indexes; everybody is; of some they know what was true before.
    page_through(ledger).await;
    while ledger.upkeep.index_members(5_000).await.unwrap() {}
    page_through(ledger).await;
    let (left, roles) = (ledger.literal(at(1)), "CASE WHEN discord_id % 2 = 0 THEN '[\"100\"]' ELSE '[\"10\", \"7\"]' END");
    let roles = if ledger.backend() == Backend::Postgres { format!("({roles})::jsonb") } else { roles.to_owned() };
    ledger.execute(&format!("UPDATE guild_members SET roles = {roles}, date_left = {left} WHERE discord_id % 3 = 0")).await;
    page_through(ledger).await;
}

async fn page_through(ledger: &Ledger) {
    let all = rows(ledger).await;
    for (filter, fits) in filters() {
        for order in orders() {
            for (limit, at_most) in [(1, None), (4, None), (4, Some(1))] {
                let view = MemberView { filter: filter.clone(), order, limit, at_most, ..MemberView::default() };
                let expected = sorted(all.iter().filter(|row| fits(row)).cloned().collect(), order);
                if at_most.is_some() && filter.role.is_some() && !expected.is_empty() {
                    let few = i64::try_from(expected.len()).unwrap();
                    assert_eq!(find(ledger, &view).await.total, Some(few), "few enough to be counted: {filter:?} {order:?}");
                }
                assert_eq!(pages(ledger, view).await, expected, "{filter:?} {order:?} {limit} {at_most:?}");
            }
        }
    }
}

/// 10,500 members, of whom only the last few are what the filters ask for: they stand beyond what is looked through.
async fn a_page_beyond_the_window_is_found_by_the_indexes(ledger: &Ledger) {
    let everyone: Vec<Member> = (1..=10_500_i64)
        .map(|n| {
            let rare = n > 10_490;
            Member {
                username: if rare { format!("Rarity{n}") } else { format!("user{n}") },
                is_bot: rare,
                roles: if rare { ["77"].into_iter().collect() } else { ["10"].into_iter().collect() },
                joined_at: (n != 10_499).then(|| at(if rare { 9_000_000 + n % 3 } else { n % 50 })),
                ..member(n)
            }
        })
        .collect();
    fill(ledger, &everyone).await;
    let leave = format!("UPDATE guild_members SET date_left = {} WHERE discord_id > 10490", ledger.literal(at(5)));
    ledger.execute(&leave).await;
    let accounts: Vec<ImportRow> = (10_491..=10_500).map(|n| account(&format!("account{n}"), n)).collect();
    ledger.accounts.import(&accounts, at(2)).await.unwrap();
    let rare: Vec<MemberRow> = rows(ledger).await.into_iter().filter(|row| row.member.is_bot).collect();
    assert_eq!(rare.len(), 10);

    let whole = Span { from: Some(at(8_000_000)), before: None };
    let views = [
        filter(|f| f.is_present = Some(false)),
        filter(|f| f.is_linked = Some(true)),
        filter(|f| f.is_bot = Some(true)),
        filter(|f| f.role = Some("77".into())),
        filter(|f| f.search = Search::new("RARITY").ok()),
        filter(|f| f.search = Search::new("ra").ok()),
        filter(|f| f.search = Search::new("rarity104").ok()),
        filter(|f| f.search = Search::new("account10").ok()),
        filter(|f| f.left = Span { from: Some(at(5)), before: Some(at(6)) }),
        filter(|f| {
            f.search = Search::new("arity").ok();
            f.role = Some("77".into());
        }),
    ];
    for is_indexed in [false, true] {
        if is_indexed {
            while ledger.upkeep.index_members(5_000).await.unwrap() {}
        }
        for filter in &views {
            for order in orders() {
                let named = |row: &&MemberRow| filter.search != Search::new("rarity104").ok() || row.member.id.get() < 10_500;
                let expected = sorted(rare.iter().filter(named).cloned().collect(), order);
                let view = MemberView { filter: filter.clone(), order, limit: 4, ..MemberView::default() };
                let first = find(ledger, &view).await;
                assert_eq!(first.rows, expected[..4], "{view:?}");
                assert!(first.has_more);
                // By id, and where others stand before them, only the indexes found them, and counted them on the way.
                // Names have an index only where they are taken up, and SQLite's, which has that order, is not read to the end if a filter
                // is beside it.
                // Bots have one in that order, too.
                let is_counted = filter.is_bot.is_none() && (filter.search.is_none() || is_indexed && filter.role.is_none());
                if order == MemberOrder::default() && is_counted {
                    assert_eq!(first.total, Some(i64::try_from(expected.len()).unwrap()), "{view:?}");
                }
                assert_eq!(pages(ledger, view).await, expected, "{filter:?} {order:?}");
            }
        }
    }
    let joined = filter(|f| f.joined = whole);
    let expected: Vec<MemberRow> = rare.iter().filter(|row| row.member.joined_at.is_some()).cloned().collect();
    for order in orders() {
        let view = MemberView { filter: joined.clone(), order, limit: 4, ..MemberView::default() };
        assert_eq!(pages(ledger, view).await, sorted(expected.clone(), order), "{order:?}");
    }
}

async fn every_kind_is_counted(ledger: &Ledger) {
    assert_eq!(ledger.member_lists.tally_members().await.unwrap(), MemberTally::default());
    seed(ledger).await;
    ledger.accounts.import(&[account("away", 999), account("away2", 998)], at(3)).await.unwrap();
    let local = ImportRow { username: "local".into(), email: String::new(), discord_id: Claim::None };
    ledger.accounts.import(&[local], at(3)).await.unwrap();
    let all = rows(ledger).await;
    let count = |fits: Fits| i64::try_from(all.iter().filter(|row| fits(row)).count()).unwrap();
    let expected = MemberTally {
        present: count(|row| row.date_left.is_none()),
        left: count(|row| row.date_left.is_some()),
        linked: count(|row| row.account.is_some()),
        bots: count(|row| row.member.is_bot),
        guild_only: count(|row| row.date_left.is_none() && !row.member.is_bot && row.account.is_none()),
        linked_present: count(|row| row.date_left.is_none() && !row.member.is_bot && row.account.is_some()),
        linked_left: count(|row| row.date_left.is_some() && !row.member.is_bot && row.account.is_some()),
        unlinked_left: count(|row| row.date_left.is_some() && !row.member.is_bot && row.account.is_none()),
        absent: 2,
        local: 1,
        accounts: count(|row| row.account.is_some()) + 3,
    };
    assert_eq!(ledger.member_lists.tally_members().await.unwrap(), expected);
    assert!(expected.linked_left > 0 && expected.unlinked_left > 0 && expected.bots > 0);
}

async fn roles_are_counted(ledger: &Ledger) {
    assert_eq!(ledger.member_lists.count_roles(9).await.unwrap(), []);
    seed(ledger).await;
    let counted = ledger.member_lists.count_roles(9).await.unwrap();
    let counted: Vec<(&str, i64)> = counted.iter().map(|RoleCount { role, members }| (role.as_str(), *members)).collect();
    assert_eq!(counted, [("10", 24), ("1000", 24), ("100", 12), ("the \"mods\", all", 12), ("Ölaf 1", 12)]);
    assert_eq!(ledger.member_lists.count_roles(2).await.unwrap().len(), 2);
}

/// As many members as are looked through along the order have other roles.
async fn a_role_is_found_by_the_index_whatever_it_is_called(ledger: &Ledger) {
    let roles = ["mods", "the mods", "Ölaf \"1\"", "x6d6f6473", "7", "_-,"];
    let mut members: Vec<Member> = (1..=3_000).map(member).collect();
    for (member, role) in members[2_900..].iter_mut().zip(roles) {
        member.roles = [role].into_iter().collect();
    }
    fill(ledger, &members).await;
    for _ in 0..2 {
        for (place, role) in roles.into_iter().enumerate() {
            let filter = filter(|f| f.role = Some(role.into()));
            let found = find(ledger, &MemberView { filter, limit: 9, ..MemberView::default() }).await;
            assert_eq!(found.rows.len(), 1, "{role}");
            assert_eq!(found.rows[0].member.id, members[2_900 + place].id, "{role}");
        }
        while ledger.upkeep.index_members(5_000).await.unwrap() {}
    }
}

async fn accounts_that_were_never_seen_are_listed(ledger: &Ledger) {
    fill(ledger, &[member(5)]).await;
    let accounts = [account("here", 5), account("Away", 70_001), account("away_too", 70_002), account("far%off", 80_000)];
    ledger.accounts.import(&accounts, at(2)).await.unwrap();
    let names = async |search: Option<&str>, after: Option<i64>, limit| {
        let view = AbsentView { search: search.and_then(|text| Search::new(text).ok()), after, is_backwards: false, limit };
        let found = ledger.member_lists.list_absent(&view).await.unwrap();
        found.into_iter().map(|account| (account.id, account.username)).collect::<Vec<_>>()
    };
    let all = names(None, None, 9).await;
    assert_eq!(all.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["Away", "away_too", "far%off"]);
    assert_eq!(names(None, None, 2).await, all[..2]);
    assert_eq!(names(None, Some(all[1].0), 2).await, all[2..]);
    for (search, expected) in [("AWAY", &all[..2]), ("70001", &all[..1]), ("700", &all[..2]), ("r%o", &all[2..]), ("here", &[])] {
        assert_eq!(names(Some(search), None, 9).await, expected, "{search}");
    }
}

/// Somebody who joined before the first year that a database can write is a row like any other.
#[tokio::test]
async fn times_of_any_year_have_their_place() {
    let ledger = Ledger::postgres().await;
    let times: [Option<DateTime<Utc>>; 4] = [
        Some("0000-01-01T00:00:00.000001Z".parse().unwrap()),
        Some("1969-12-31T23:59:59.999999Z".parse().unwrap()),
        Some("9999-12-31T23:59:59.999999Z".parse().unwrap()),
        None,
    ];
    let members: Vec<Member> = times.into_iter().zip(1..).map(|(joined_at, n)| Member { joined_at, ..member(n) }).collect();
    fill(&ledger, &members).await;
    let order = MemberOrder { by: SortBy::Joined, is_descending: true };
    let seen = pages(&ledger, MemberView { order, limit: 1, ..MemberView::default() }).await;
    assert_eq!(seen.iter().map(|row| row.member.id.get()).collect::<Vec<_>>(), [3, 2, 1, 4]);
}
