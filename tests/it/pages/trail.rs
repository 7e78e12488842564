//! Getting about: the way back to a list as it was, one address for one view, and where a form that was not taken leads.

use poem::http::StatusCode;

use super::members::link;
use super::seed::{self, member, start};
use super::{LIST, Site};

const ACCOUNTS: &str = "/admin/accounts/user/";
const SYNCS: &str = "/admin/sync/";

/// Where the way back leads.
fn trail(page: &str, words: &str) -> String {
    let (_, rest) = page.split_once("<p class=\"trail\"><a href=\"").expect("there is a way back");
    let (address, rest) = rest.split_once("\">").unwrap();
    assert!(rest.starts_with(&format!("{words}</a>")), "{rest}");
    address.replace("&#38;", "&")
}

#[tokio::test]
async fn the_way_back_leads_to_the_list_as_it_was() {
    let mut site = Site::as_superuser().await;
    for number in 0..60 {
        let at = start() - chrono::TimeDelta::minutes(60 - number);
        seed::list(&site.stores, at, &[member(7, &format!("name{number}"))]).await;
    }
    let (page, list) = (format!("{LIST}7/"), format!("{LIST}?q=name+5&status=present"));
    assert_eq!(trail(&site.get(&page).await.body, "Members"), LIST);
    assert_eq!(trail(&site.get_from(&page, LIST).await.body, "Members"), LIST);
    let found = site.get_from(&format!("{page}?page_size=25"), &list).await.body;
    assert_eq!(trail(&found, "Members"), list);
    // The pages of what happened carry it on, wherever the browser says that it comes from.
    let older = link(&found, "Older").unwrap();
    let second = site.get_from(&older, &page).await;
    assert_eq!((second.status, trail(&second.body, "Members")), (StatusCode::OK, list.clone()));
    let newer = site.get(&link(&second.body, "Newer").unwrap()).await;
    let first = site.get(newer.header("location")).await.body;
    assert_eq!(trail(&first, "Members"), list);
    let comparison = "/admin/accounts/guildmember/comparison/?status=left";
    assert_eq!(trail(&site.get_from(&page, comparison).await.body, "Comparison"), comparison);
    // What is no list of ours is nowhere to go back to.
    for odd in ["//evil.example/", "/admin/", "/admin/sync/?state=held", "https://evil.example/admin/accounts/guildmember/"] {
        assert_eq!(trail(&site.get_from(&page, odd).await.body, "Members"), LIST, "{odd}");
        let named = format!("{page}?list={}", url::form_urlencoded::byte_serialize(odd.as_bytes()).collect::<String>());
        assert_eq!(trail(&site.get(&named).await.body, "Members"), LIST, "{odd}");
    }
}

#[tokio::test]
async fn an_account_and_a_sync_have_a_way_back_too() {
    let mut site = Site::as_superuser().await;
    let list = format!("{ACCOUNTS}?q=ben&staff=none");
    let page = site.get_from(&format!("{ACCOUNTS}2/"), &list).await.body;
    assert_eq!(trail(&page, "Accounts"), list);
    // Through a change, and the question before it.
    let sent = [("change", "grant_staff"), ("list", list.as_str())];
    let changed = site.agree(&format!("{ACCOUNTS}2/"), &sent, "Let this account look?").await;
    assert_eq!(trail(&site.get(changed.header("location")).await.body, "Accounts"), list);
    let run = seed::list(&site.stores, start(), &[member(7, "seven")]).await;
    let list = format!("{SYNCS}?state=succeeded");
    assert_eq!(trail(&site.get_from(&format!("{SYNCS}{run}/"), &list).await.body, "Syncs"), list);
}

#[tokio::test]
async fn a_view_has_one_address() {
    let mut site = Site::as_staff().await;
    for (asked, short) in [
        (
            format!("{LIST}?q=user12&status=&linked=&bot=&role=&sort=&joined_from=&joined_to=&left_from=&left_to="),
            format!("{LIST}?q=user12"),
        ),
        (format!("{LIST}?q=&status="), LIST.to_owned()),
        (format!("{ACCOUNTS}?q=+&staff=look&active="), format!("{ACCOUNTS}?staff=look")),
        ("/admin/log/?act=&from=2026-11-22&to=&page_size=25".to_owned(), "/admin/log/?from=2026-11-22&page_size=25".to_owned()),
        (format!("{SYNCS}?state=&source=&mode=&deltas=1"), format!("{SYNCS}?deltas=1")),
    ] {
        let answer = site.get(&asked).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, short.as_str()), "{asked}");
        assert_eq!(site.get(&short).await.status, StatusCode::OK, "{short}");
    }
    assert_eq!(site.get(&format!("{LIST}?status=&color=")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_form_that_is_not_taken_leads_back_to_its_page() {
    let mut site = Site::as_superuser().await;
    let (form, page) = ("/admin/sync/discord/", "/admin/sync/?state=failed");
    let referer = format!("http://127.0.0.1:8080{page}");
    let way = |answer: &super::Answer| link(&answer.body, "Open the page anew");
    let stale = site.post(form, &[("referer", &referer)], &[("form_word", "0")]).await;
    assert_eq!((stale.status, way(&stale).as_deref()), (StatusCode::FORBIDDEN, Some(page)), "{}", stale.body);
    let silent = site.post(form, &[], &[("form_word", "0")]).await;
    assert_eq!(way(&silent).as_deref(), Some(SYNCS), "the page that the form is about");
    let foreign = site.post(form, &[("sec-fetch-site", "cross-site"), ("referer", "https://evil.example/admin/")], &[]).await;
    assert_eq!((foreign.status, way(&foreign).as_deref()), (StatusCode::FORBIDDEN, Some(SYNCS)));
    let elsewhere = site.post("/accounts/logout/", &[], &[("form_word", "0")]).await;
    assert!(elsewhere.body.contains("See the members"), "{}", elsewhere.body);
}
