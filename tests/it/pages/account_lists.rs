//! The list of accounts in other orders, and as a file.

use guildsync::store::{Claim, DiscordLogin, ImportRow};
use poem::http::StatusCode;

use super::accounts::{ACCOUNTS, names};
use super::members::link;
use super::seed::{account, id, start};
use super::{PASSWORD, Site};

/// Accounts that were made at different times, one of them logged in with.
async fn made_one_after_the_other(site: &Site, names: &[&str]) {
    for (minutes, name) in (1..).zip(names) {
        let row = ImportRow { username: (*name).into(), email: String::new(), discord_id: Claim::None };
        site.stores.accounts.import(&[row], start() + chrono::TimeDelta::minutes(minutes)).await.unwrap();
    }
    let login = (start() + chrono::TimeDelta::hours(1)).timestamp_micros();
    site.ledger.execute(&format!("UPDATE users SET last_login = {login} WHERE username = 'mb'")).await;
}

#[tokio::test]
async fn heads_sort_the_list_and_turn_it_round() {
    let mut site = Site::as_staff().await;
    made_one_after_the_other(&site, &["ma", "mc", "mb"]).await;
    for (query, expected, sorted, other) in [
        ("q=m", ["ma", "mb", "mc"], "ascending\"><a href=\"", "sort=-username"),
        ("q=m&sort=-username", ["mc", "mb", "ma"], "descending\"><a href=\"", "sort=username"),
        ("q=m&sort=date_joined", ["ma", "mc", "mb"], "ascending\"><a href=\"", "sort=-date_joined"),
        ("q=m&sort=-date_joined", ["mb", "mc", "ma"], "descending\"><a href=\"", "sort=date_joined"),
        ("q=m&sort=last_login", ["mb", "ma", "mc"], "ascending\"><a href=\"", "sort=-last_login"),
        ("q=m&sort=-last_login", ["mb", "mc", "ma"], "descending\"><a href=\"", "sort=last_login"),
    ] {
        let answer = site.get(&format!("{ACCOUNTS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert_eq!(names(&answer.body), expected, "{query}");
        let head = answer.body.split("aria-sort=\"").nth(1).and_then(|rest| rest.split("</a>").next()).unwrap();
        assert!(head.starts_with(sorted) && head.contains(&format!("{other}\"")), "{query}: {head}");
        assert_eq!(answer.body.matches("aria-sort").count(), 1, "{query}");
        let word = query.split("sort=").nth(1).unwrap_or_default();
        let kept = format!("<option value=\"{word}\" selected>");
        assert!(answer.body.contains(&kept), "{query}: a search stays in this order, which a phone can choose");
    }
}

#[tokio::test]
async fn following_next_in_any_order_shows_everybody_once() {
    let mut site = Site::as_staff().await;
    let all: Vec<String> = (0..60).map(|number| format!("m{number:02}")).collect();
    made_one_after_the_other(&site, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for sort in ["date_joined", "-date_joined", "last_login", "-last_login", "-username"] {
        let (mut seen, mut address) = (Vec::new(), format!("{ACCOUNTS}?q=m&sort={sort}&page_size=25"));
        loop {
            let answer = site.get(&address).await;
            assert_eq!(answer.status, StatusCode::OK, "{address}");
            seen.extend(names(&answer.body));
            let Some(next) = link(&answer.body, "Next page") else { break };
            address = next;
        }
        if sort.starts_with('-') {
            seen.reverse();
        }
        assert_eq!(seen, all, "{sort}");
    }
}

#[tokio::test]
async fn a_place_belongs_to_its_order() {
    let mut site = Site::as_staff().await;
    let all: Vec<String> = (0..30).map(|number| format!("m{number:02}")).collect();
    made_one_after_the_other(&site, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let next = link(&site.get(&format!("{ACCOUNTS}?sort=date_joined&page_size=25")).await.body, "Next page").unwrap();
    let after = next.split("after=").nth(1).unwrap().to_owned();
    let mark = after.split('.').next().unwrap();
    for (query, named) in [
        (format!("sort=-date_joined&after={after}"), "belongs to another search or filter"),
        (format!("sort=last_login&after={after}"), "belongs to another search or filter"),
        (format!("sort=date_joined&staff=none&after={after}"), "belongs to another search or filter"),
        (format!("sort=date_joined&after={mark}.7"), "“after” cannot be read"),
        (format!("sort=date_joined&after={mark}..7"), "“after” cannot be read"),
        (format!("sort=date_joined&after={mark}.-9223372036854775808.7"), "“after” cannot be read"),
        (format!("sort=date_joined&after={mark}.99999999999999999999.7"), "“after” cannot be read"),
        (format!("sort=date_joined&after={mark}.1.x"), "“after” cannot be read"),
        ("sort=email".to_owned(), "“sort” must be one of “username”"),
    ] {
        let answer = site.get(&format!("{ACCOUNTS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(named), "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn an_export_is_the_filtered_list_and_no_formula() {
    let mut site = Site::as_staff().await;
    account(&site.stores, "=HYPERLINK(\"http://evil.example\",\"x\")", "+1@example.org", 7).await;
    let login = DiscordLogin { id: id(7), username: "-1, \"two\"".into(), email: None };
    site.stores.accounts.log_in_with_discord(&login, start()).await.unwrap();
    let page = site.get(&format!("{ACCOUNTS}?sort=-username&page_size=25")).await;
    let file = link(&page.body, "Download as CSV").unwrap();
    assert_eq!(file, format!("{ACCOUNTS}export.csv?sort=-username"));
    let answer = site.get(&file).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"accounts.csv\"");
    insta::assert_snapshot!("accounts_csv", answer.body.replace('\r', "␍"));
    let log = site.get("/admin/log/?act=export").await;
    assert!(log.body.contains(&format!("{ACCOUNTS}?sort=-username")), "{}", log.body);

    for (query, expected) in
        [("staff=look", 2), ("staff=none", 2), ("member=never", 1), ("q=b", 1), ("q=nobody", 0), ("active=no", 0)]
    {
        let answer = site.get(&format!("{ACCOUNTS}export.csv?{query}")).await;
        assert_eq!(answer.body.lines().count(), 1 + expected, "{query}: {}", answer.body);
    }
    for (query, named) in
        [("color=red", "does not know “color”"), ("staff=king", "“staff” must be"), ("sort=email", "“sort” must be")]
    {
        let answer = site.get(&format!("{ACCOUNTS}export.csv?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(named), "{query}: {}", answer.body);
    }
    let mut nobody = Site::with_people().await;
    assert_eq!(nobody.get(&format!("{ACCOUNTS}export.csv")).await.status, StatusCode::SEE_OTHER);
    nobody.log_in("ben", PASSWORD).await;
    assert_eq!(nobody.get(&format!("{ACCOUNTS}export.csv")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_export_of_many_pages_has_everybody_once() {
    let mut site = Site::as_staff().await;
    let rows: Vec<ImportRow> = (0..2_500)
        .map(|number| ImportRow { username: format!("m{number:04}"), email: String::new(), discord_id: Claim::None })
        .collect();
    for part in rows.chunks(500) {
        site.stores.accounts.import(part, start()).await.unwrap();
    }
    for sort in ["", "sort=-username&", "sort=date_joined&", "sort=-last_login&"] {
        let answer = site.get(&format!("{ACCOUNTS}export.csv?q=m&{sort}page_size=25")).await;
        let mut seen: Vec<&str> = answer.body.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, rows.iter().map(|row| row.username.as_str()).collect::<Vec<_>>(), "{sort}");
    }
}
