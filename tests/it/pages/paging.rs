//! Lists gone through both ways: each page back is the page that came before.

use chrono::TimeDelta;
use guildsync::domain::{Progress, RunId, RunState, StaffAct};
use guildsync::store::{Claim, ImportRow, NewStaffEntry};
use poem::http::StatusCode;

use super::members::link;
use super::seed::{id, member, run, start};
use super::{LIST, Site, seed};

/// What each row of a list begins and ends with.
const ROWS: [(&str, &str); 3] =
    [(" data-row", "</tr>"), ("<section class=\"card claim\"", "</section>"), ("<li>\n<p class=\"fine\"><time", "</li>")];

/// The rows of a page: where they lead, or what they say last.
fn rows(page: &str) -> Vec<String> {
    let (begin, end) = ROWS.into_iter().find(|(begin, _)| page.contains(begin)).expect("the page has rows");
    let rows = page.split(begin).skip(1).filter_map(|row| row.split(end).next());
    let row = |row: &str| match row.split_once("data-open href=\"") {
        Some((_, rest)) => rest.split('"').next().unwrap_or_default().to_owned(),
        None => row.rsplit_once("<td").map_or(row, |(_, last)| last).to_owned(),
    };
    rows.map(row).collect()
}

/// The page, or the one it leads to.
async fn page(site: &mut Site, address: &str) -> (String, String) {
    let mut at = address.split('#').next().unwrap_or_default().to_owned();
    let mut answer = site.get(&at).await;
    if answer.status == StatusCode::SEE_OTHER {
        at = answer.header("location").to_owned();
        answer = site.get(&at).await;
    }
    assert_eq!(answer.status, StatusCode::OK, "{at}");
    (at, answer.body)
}

/// Goes to the end of a list with so many rows, and back to its start.
async fn there_and_back(site: &mut Site, address: &str, all: usize) {
    let mut pages = vec![page(site, address).await];
    let to = |page: &str, [list, history]: [&str; 2]| link(page, list).or_else(|| link(page, history));
    let [next, previous, first] = [["Next page", "Older"], ["Previous page", "Newer"], ["First page", "Newest"]];
    while let Some(next) = to(&pages[pages.len() - 1].1, next) {
        pages.push(page(site, &next).await);
    }
    assert_eq!(pages.iter().map(|(_, page)| rows(page).len()).sum::<usize>(), all, "{address}");
    assert!(pages.len() > 1, "{address}");
    let mut here = pages.pop().unwrap().1;
    for (at, before) in pages.iter().rev() {
        let previous = to(&here, previous).unwrap_or_else(|| panic!("{address}: nothing leads back to {at}"));
        let (_, back) = page(site, &previous).await;
        assert_eq!(rows(&back), rows(before), "{address}: back at {at}");
        assert!(to(&back, next).is_some(), "{address}");
        here = back;
    }
    assert_eq!((to(&here, previous), to(&here, first)), (None, None), "{address}: the start");
}

/// The address of a list in another order than its own.
fn sorted(address: &str, sort: &str) -> String {
    if sort.is_empty() { address.to_owned() } else { format!("{address}&sort={sort}") }
}

#[tokio::test]
async fn members_in_any_order() {
    let mut site = Site::as_staff().await;
    let many = (1..=60).map(|number| {
        let mut member = member(number, &format!("mem{number:02}"));
        // Not all of them, so that pages begin and end on either side of the border.
        member.joined_at = (number % 6 > 0).then(|| start() - TimeDelta::hours(number * 7 % 11));
        member
    });
    seed::members(&site.stores, &many.collect::<Vec<_>>(), &[]).await;
    site.ledger.execute("UPDATE guild_members SET date_left = 1700000000000000 + discord_id % 7 WHERE discord_id % 2 = 0").await;
    for sort in ["", "id", "-id", "joined_at", "-joined_at", "date_left", "-date_left"] {
        there_and_back(&mut site, &sorted(&format!("{LIST}?page_size=25"), sort), 60).await;
    }
    site.ledger.execute("UPDATE guild_members SET joined_at = NULL WHERE discord_id > 53").await;
    there_and_back(&mut site, &format!("{LIST}?page_size=25&sort=-joined_at&q=mem"), 60).await;
    // Whoever comes back to rows that are gone is at the first page.
    let second = link(&site.get(&format!("{LIST}?page_size=25")).await.body, "Next page").unwrap();
    let back = link(&site.get(&second).await.body, "Previous page").unwrap();
    site.ledger.execute("DELETE FROM guild_members WHERE discord_id < 20").await;
    assert_eq!(site.get(&back).await.header("location"), format!("{LIST}?page_size=25"));
}

#[tokio::test]
async fn members_whose_border_is_a_page_s() {
    let mut site = Site::as_staff().await;
    let many = (1..=75).map(|number| {
        let mut member = member(number, "m");
        member.joined_at = (number <= 50).then(|| start() - TimeDelta::hours(number));
        member
    });
    seed::members(&site.stores, &many.collect::<Vec<_>>(), &[]).await;
    for sort in ["joined_at", "-joined_at"] {
        there_and_back(&mut site, &sorted(&format!("{LIST}?page_size=25"), sort), 75).await;
    }
}

#[tokio::test]
async fn accounts_in_any_order() {
    let mut site = Site::as_staff().await;
    for number in 0..60 {
        let row =
            ImportRow { username: format!("m{number:02}"), email: "m@example.org".into(), discord_id: Claim::Id(id(number + 7)) };
        site.stores.accounts.import(&[row], start() + TimeDelta::minutes(number * 7 % 11)).await.unwrap();
    }
    site.ledger.execute("UPDATE users SET last_login = id % 5 WHERE id % 2 = 0").await;
    for query in ["", "q=m&", "q=%40example&", "staff=none&", "member=never&active=yes&"] {
        for sort in ["", "-username", "date_joined", "-date_joined", "last_login", "-last_login"] {
            let all = if query.is_empty() {
                62 + 1
            } else if query == "staff=none&" {
                61
            } else {
                60
            };
            there_and_back(&mut site, &sorted(&format!("/admin/accounts/user/?{query}page_size=25"), sort), all).await;
        }
    }
}

#[tokio::test]
async fn the_comparison() {
    let mut site = Site::as_staff().await;
    let many: Vec<_> = (1..=120).map(|number| member(number, "m")).collect();
    seed::members(&site.stores, &many, &[]).await;
    site.ledger.execute("UPDATE guild_members SET date_left = 1700000000000000 + discord_id % 7 WHERE discord_id > 60").await;
    for number in 61..=180 {
        seed::account(&site.stores, &format!("account{number}"), "", number).await;
    }
    for status in ["guild_only", "left", "no_guild"] {
        let address = format!("/admin/accounts/guildmember/comparison/?status={status}&page_size=25");
        there_and_back(&mut site, &address, 60).await;
    }
    there_and_back(&mut site, "/admin/accounts/guildmember/comparison/?status=no_guild&page_size=25&q=account", 60).await;
}

#[tokio::test]
async fn the_log_and_the_runs() {
    let mut site = Site::as_staff().await;
    for number in 0..59 {
        let at = start() + TimeDelta::seconds(number);
        let detail = number.to_string();
        let entry = NewStaffEntry { account: None, name: "anna", act: StaffAct::Export, target: "", detail: &detail };
        site.stores.staff_log.note_act(entry, at).await.unwrap();
        let mut run = run(if number % 2 == 0 { RunState::Succeeded } else { RunState::Failed });
        (run.id, run.created_at, run.progress) = (RunId::new(at, [7; 32]), at, Progress::default());
        seed::put_run(&site.ledger, &run).await;
    }
    there_and_back(&mut site, "/admin/log/?page_size=25", 60).await;
    there_and_back(&mut site, "/admin/log/?page_size=25&act=export", 59).await;
    there_and_back(&mut site, "/admin/sync/?page_size=25", 59).await;
    let failed = site.get("/admin/sync/?page_size=25&state=failed").await;
    let last = site.get(&link(&failed.body, "Next page").unwrap()).await;
    let (at, _) = page(&mut site, &link(&last.body, "Previous page").unwrap()).await;
    assert_eq!(at, "/admin/sync/?state=failed&page_size=25");
    for (list, place) in
        [("/admin/log/", "before=1"), ("/admin/sync/", "before=x.y"), ("/admin/accounts/user/conflicts/", "before=1")]
    {
        assert_eq!(site.get(&format!("{list}?{place}")).await.status, StatusCode::BAD_REQUEST, "{list}");
    }
}

#[tokio::test]
async fn the_lists_of_a_run() {
    let mut site = Site::as_staff().await;
    let many: Vec<_> = (1..=70).map(|number| member(number, &format!("mem{number:02}"))).collect();
    let made = seed::list(&site.stores, start() - TimeDelta::minutes(1), &many).await;
    there_and_back(&mut site, &format!("/admin/sync/{made}/?page_size=25"), 70).await;
    // Of some members two things are told, so that pages begin and end between them.
    for number in 3..=40 {
        seed::account(&site.stores, &format!("account{number}"), "", number).await;
    }
    site.ledger.execute("UPDATE guild_members SET user_id = NULL").await;
    let renamed: Vec<_> = (1..=40).map(|number| member(number, &format!("memnew{number:02}"))).collect();
    let held = seed::hold(&site.stores, start(), &renamed).await;
    let of = |query: &str| format!("/admin/sync/{held}/?page_size=25&{query}");
    there_and_back(&mut site, &of("show=changes"), 40 + 38 + 30).await;
    there_and_back(&mut site, &of("show=changes&action=linked"), 38).await;
    site.ledger.execute("INSERT INTO held_departures (run_id, discord_id) SELECT run_id, discord_id - 40 FROM held_departures WHERE discord_id < 71").await;
    there_and_back(&mut site, &of(""), 60).await;
    there_and_back(&mut site, &of("held_q=mem"), 60).await;
}

#[tokio::test]
async fn what_happened_to_a_member() {
    let mut site = Site::as_staff().await;
    for number in 0..60 {
        let at = start() - TimeDelta::minutes(60 - number);
        seed::list(&site.stores, at, &[member(7, &format!("name{number}"))]).await;
    }
    // It was seen first, and had joined before.
    there_and_back(&mut site, &format!("{LIST}7/?page_size=25"), 59 + 2).await;
}

#[tokio::test]
async fn claims_to_decide() {
    let mut site = Site::as_staff().await;
    for number in 0..60 {
        let row = ImportRow {
            username: format!("m{number:02}"),
            email: String::new(),
            discord_id: Claim::Unreadable(format!("no {number}")),
        };
        site.stores.accounts.import(&[row], start()).await.unwrap();
    }
    there_and_back(&mut site, "/admin/accounts/user/conflicts/?page_size=25", 60).await;
}
