//! What is searched for among the members, before and after the indexes know of it.

use guildsync::domain::Member;
use guildsync::store::{AbsentView, MemberOrder, MemberView, Search, SortBy, Unsearchable, open};
use sqlx::{Connection as _, PgConnection};

use super::Ledger;
use super::hand::{GUARD, List, at, carry_out, member};
use super::member_lists::{account, fill, filter, find};
use crate::support;

on_both!(
    names_are_searched_for_a_part_of_them,
    every_word_must_fit,
    every_word_must_fit_an_account_that_was_never_seen,
    what_patterns_mean_something_by_is_searched_for_itself,
    two_characters_are_the_beginning_of_a_name,
    digits_are_the_beginning_of_an_id,
    a_search_knows_what_changed,
);

/// Lets the indexes know everybody, a few at a time.
async fn take_up(ledger: &Ledger) {
    while ledger.upkeep.index_members(2).await.unwrap() {}
}

/// Members with these names, by their number: username, display name, nickname.
async fn named(ledger: &Ledger, names: &[[&str; 3]]) {
    let members: Vec<Member> = names
        .iter()
        .zip(1..)
        .map(|([username, display_name, nickname], n)| Member {
            username: (*username).into(),
            display_name: (*display_name).into(),
            nickname: (*nickname).into(),
            ..member(n)
        })
        .collect();
    fill(ledger, &members).await;
}

/// The numbers of those who are found.
async fn search(ledger: &Ledger, text: &str) -> Vec<i64> {
    let filter = filter(|f| f.search = Some(Search::new(text).expect("it is long enough")));
    let found = find(ledger, &MemberView { filter, limit: 100, ..MemberView::default() }).await;
    found.rows.iter().map(|row| row.member.id.get()).collect()
}

async fn searches(ledger: &Ledger, cases: &[(&str, &[i64])]) {
    for (text, expected) in cases {
        assert_eq!(search(ledger, text).await, *expected, "{text:?}");
    }
}

async fn names_are_searched_for_a_part_of_them(ledger: &Ledger) {
    named(
        ledger,
        &[
            ["anna.lind", "Anna Lind", ""],
            ["ben", "Joanna", "Benny"],
            ["carl", "", "HANNAH"],
            ["żółw", "Łucja Żak", "Ölaf"],
            ["李明123", "李小明", "明明明"],
            ["dora", "", "annie"],
        ],
    )
    .await;
    ledger.accounts.import(&[account("Website.Name", 6), account("Überall", 2)], at(2)).await.unwrap();
    let cases: [(&str, &[i64]); 9] = [
        ("anna", &[1, 2, 3]),
        ("ANNA", &[1, 2, 3]),
        ("\"anna l\"", &[1]),
        ("lindanna", &[]),
        // Names stand apart from one another.
        ("\"lind anna\"", &[]),
        ("website", &[6]),
        ("site.na", &[6]),
        ("李小明", &[5]),
        ("nobody", &[]),
    ];
    searches(ledger, &cases).await;
    take_up(ledger).await;
    searches(ledger, &cases).await;
    // Letters of all alphabets are the same in either case once they are indexed.
    searches(ledger, &[("ŻÓŁ", &[4]), ("łucja ż", &[4]), ("öla", &[4]), ("ÜBERALL", &[2]), ("überall", &[2])]).await;
}

async fn what_patterns_mean_something_by_is_searched_for_itself(ledger: &Ledger) {
    named(
        ledger,
        &[
            ["50% off", "", ""],
            ["50 percent off", "", ""],
            ["a_b_c", "", ""],
            ["axbxc", "", ""],
            ["back\\slash", "", ""],
            ["say \"hi\" OR x", "", ""],
            ["it's; DROP--", "", ""],
            ["star*red", "", "(near)"],
        ],
    )
    .await;
    let cases: [(&str, &[i64]); 11] = [
        ("\"0% o\"", &[1]),
        ("%%%", &[]),
        ("___", &[]),
        ("_b_", &[3]),
        ("k\\s", &[5]),
        ("\\\\\\", &[]),
        ("hi\" OR", &[6]),
        ("\"OR x\"", &[6]),
        ("it's; d", &[7]),
        ("r*r", &[8]),
        ("(near)", &[8]),
    ];
    searches(ledger, &cases).await;
    take_up(ledger).await;
    searches(ledger, &cases).await;
}

async fn two_characters_are_the_beginning_of_a_name(ledger: &Ledger) {
    named(
        ledger,
        &[
            ["anna", "", ""],
            ["joanna", "", ""],
            ["carl", "Antonia", ""],
            ["x", "", "AN"],
            ["李明", "", ""],
            ["王李明", "", ""],
            ["a%b", "", ""],
        ],
    )
    .await;
    ledger.accounts.import(&[account("andy", 2)], at(2)).await.unwrap();
    let cases: [(&str, &[i64]); 5] = [("an", &[1, 2, 3, 4]), ("AN", &[1, 2, 3, 4]), ("李明", &[5]), ("nn", &[]), ("a%", &[7])];
    searches(ledger, &cases).await;
    take_up(ledger).await;
    searches(ledger, &cases).await;
    assert_eq!(Search::new("李"), Err(Unsearchable::TooShort));
}

async fn digits_are_the_beginning_of_an_id(ledger: &Ledger) {
    let ids = [42, 420, 4_200, 80_351_110_224_678_912, 80_351_110_224_678_913, 8_035, i64::MAX];
    let mut members: Vec<Member> = ids.into_iter().map(|n| Member { username: "someone".into(), ..member(n) }).collect();
    for member in &mut members {
        member.display_name = "Some One".into();
    }
    members[5].nickname = "no. 4200".into();
    members.sort_by_key(|member| member.id);
    fill(ledger, &members).await;
    let cases: [(&str, &[i64]); 8] = [
        ("42", &[42]),
        ("420", &[420, 4_200, 8_035]),
        ("80351110224678912", &[80_351_110_224_678_912]),
        ("8035111022467891", &[80_351_110_224_678_912, 80_351_110_224_678_913]),
        ("8035", &[8_035, 80_351_110_224_678_912, 80_351_110_224_678_913]),
        ("9223372036854775807", &[i64::MAX]),
        ("92233720368547758070", &[]),
        ("0803", &[]),
    ];
    searches(ledger, &cases).await;
    take_up(ledger).await;
    searches(ledger, &cases).await;
}

async fn a_search_knows_what_changed(ledger: &Ledger) {
    named(ledger, &[["before", "", ""], ["other", "", ""]]).await;
    take_up(ledger).await;
    let mut renamed = [member(1), member(2)];
    renamed[0].username = "after".into();
    renamed[1].username = "other".into();
    for member in &mut renamed {
        member.display_name.clear();
        member.nickname.clear();
        member.roles = ["55"].into_iter().collect();
    }
    let run = List::new(at(10), &renamed, 500).file(ledger).await;
    carry_out(ledger, run, GUARD, at(11)).await;
    ledger.accounts.import(&[account("linked", 2)], at(12)).await.unwrap();
    let role = filter(|f| f.role = Some("55".into()));
    for _ in 0..2 {
        searches(ledger, &[("before", &[]), ("after", &[1]), ("linked", &[2]), ("other", &[2])]).await;
        let found = find(ledger, &MemberView { filter: role.clone(), limit: 9, ..MemberView::default() }).await;
        assert_eq!(found.rows.len(), 2);
        take_up(ledger).await;
    }
}

/// Everybody that a search may have: long words and short ones, numbers, and both.
async fn every_word_must_fit(ledger: &Ledger) {
    named(
        ledger,
        &[
            ["anna.lind", "", ""],
            ["lind", "Anna de Vries", ""],
            ["anna", "Ben", "80351"],
            ["Ännchen", "Anna Öl", ""],
            ["joanna", "no. 12", ""],
        ],
    )
    .await;
    let mut with_id = Member { username: "Anna the First".into(), ..member(80_351_110) };
    with_id.display_name.clear();
    with_id.nickname.clear();
    let run = List::new(at(10), &[with_id], 10).file(ledger).await;
    carry_out(ledger, run, GUARD, at(11)).await;
    ledger.accounts.import(&[account("Website.Lindgren", 5), account("nobody", 999)], at(12)).await.unwrap();
    let cases: [(&str, &[i64]); 18] = [
        ("anna lind", &[1, 2, 5]),
        ("lind ANNA Lind", &[1, 2, 5]),
        ("anna nobody", &[]),
        ("anna website", &[5]),
        ("anna de", &[2]),
        ("vries de a", &[2]),
        ("anna 1", &[1, 3, 5]),
        ("anna öl", &[4]),
        ("anna 8035", &[3, 80_351_110]),
        ("8035 first", &[80_351_110]),
        ("8035 80351", &[3, 80_351_110]),
        ("8035 ben", &[3]),
        ("an be", &[3]),
        ("an b", &[3]),
        ("de vr", &[]),
        ("12 no", &[]),
        ("\"anna the\" fir", &[80_351_110]),
        ("\"the anna\" fir", &[]),
    ];
    for _ in 0..2 {
        searches(ledger, &cases).await;
        for (text, expected) in cases {
            let filter = filter(|f| f.search = Search::new(text).ok());
            let order = MemberOrder { by: SortBy::Joined, is_descending: true };
            let found = find(ledger, &MemberView { filter, order, limit: 100, ..MemberView::default() }).await;
            let mut ids: Vec<i64> = found.rows.iter().map(|row| row.member.id.get()).collect();
            ids.sort_unstable();
            assert_eq!(ids, expected, "{text:?} by when they joined");
        }
        take_up(ledger).await;
    }
    // Together with the index of all alphabets.
    searches(ledger, &[("ännchen anna", &[4]), ("ÄNN ann", &[4])]).await;
}

async fn every_word_must_fit_an_account_that_was_never_seen(ledger: &Ledger) {
    let accounts = [account("Anna.Lind", 70_001), account("lind.de.anna", 70_002), account("anna7000", 80_000), account("x", 1)];
    ledger.accounts.import(&accounts, at(2)).await.unwrap();
    let cases: [(&str, &[&str]); 9] = [
        ("anna lind", &["Anna.Lind", "lind.de.anna"]),
        ("anna", &["Anna.Lind", "lind.de.anna", "anna7000"]),
        ("anna de", &["lind.de.anna"]),
        ("anna 7000", &["Anna.Lind", "lind.de.anna", "anna7000"]),
        ("7000", &["Anna.Lind", "lind.de.anna", "anna7000"]),
        ("7000 70002", &["lind.de.anna"]),
        ("7000 an", &["Anna.Lind", "lind.de.anna", "anna7000"]),
        ("an", &["Anna.Lind", "anna7000"]),
        ("anna nobody", &[]),
    ];
    for _ in 0..2 {
        for (text, expected) in cases {
            let view = AbsentView { search: Search::new(text).ok(), limit: 9, ..AbsentView::default() };
            let found = ledger.member_lists.list_absent(&view).await.unwrap();
            assert_eq!(found.iter().map(|account| account.username.as_str()).collect::<Vec<_>>(), expected, "{text:?}");
        }
        take_up(ledger).await;
    }
}

/// Who may make tables but nothing that concerns the whole database, may not add the extension, and gets no index of names.
#[tokio::test]
async fn names_are_found_without_an_index_too() {
    let database = support::postgres::empty_database().await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let roles = "CREATE ROLE modest LOGIN; GRANT USAGE, CREATE ON SCHEMA public TO modest;";
    sqlx::raw_sql(roles).execute(&mut connection).await.unwrap();
    let url = database.url().replace("postgres@", "modest@");
    let stores = open(&super::connect(&url)).await.unwrap();
    stores.upkeep.migrate().await.unwrap();
    assert!(!stores.upkeep.has_name_index().await.unwrap());
    assert!(!stores.upkeep.index_members(10).await.unwrap());
    let run = List::new(at(0), &[Member { username: "Anna".into(), ..member(1) }, member(2)], 10).file(&stores).await;
    carry_out(&stores, run, GUARD, at(1)).await;
    let filter = filter(|f| f.search = Search::new("nna").ok());
    let found = stores.member_lists.list_members(&MemberView { filter, limit: 9, ..MemberView::default() }).await.unwrap();
    assert_eq!(found.rows.len(), 1);
    let ledger = Ledger::postgres().await;
    assert!(ledger.upkeep.has_name_index().await.unwrap());
}
