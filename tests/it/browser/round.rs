//! A round of somebody who looks: in, through the lists, and out again.

use super::{ADMIN, ANNA, MEMBERS, ROOT, Site, assert_fits, log_out, members};
use crate::support::chromium::{Browser, DESK, PHONE};

/// Names in the list that is shown.
async fn rows(browser: &Browser) -> Vec<String> {
    browser.all_shown("[data-row] a[data-open]").await
}

/// Waits until the address of the page says this.
async fn until_asked(browser: &Browser, what: &str) {
    let asked = async || browser.address().await.query()?.contains(what).then_some(());
    browser.until(&format!("the address has {what:?}"), asked).await;
}

/// Filters are folded away on a phone, so that the list is to be seen.
async fn unfold(browser: &Browser, width: u32) {
    let is_shown = browser.run("return document.querySelector('#status').checkVisibility()", vec![]).await;
    assert_eq!(is_shown, width != PHONE);
    if width == PHONE {
        browser.follow("Filters and order").await;
    }
}

async fn a_round(width: u32) {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=60)).await, "succeeded").await;
    site.ended(&site.file(members(5..=60)).await, "succeeded").await;
    // Whoever is not logged in comes to the page that was asked for by way of the login.
    let browser = site.browser(width, ROOT, MEMBERS).await;
    browser.until_shows("h1", "Members").await;
    assert_eq!(rows(&browser).await.len(), 60);
    assert_fits(&browser).await;

    unfold(&browser, width).await;
    browser.choose("#status", "left").await;
    browser.push("Show").await;
    until_asked(&browser, "status=left").await;
    assert_eq!(browser.address().await.query(), Some("status=left"), "what is left empty is no part of the address");
    assert_eq!(rows(&browser).await, ["user1", "user2", "user3", "user4"]);
    browser.follow("Download as CSV").await;
    let table = String::from_utf8(browser.downloaded("members.csv").await).unwrap();
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.lines().skip(1).all(|line| line.contains("user")) && !table.contains("user5"), "{table}");

    browser.follow("Clear").await;
    search_by_keys(&browser).await;
    log_out(&browser).await;
    browser.open(&site.at(ADMIN)).await;
    browser.element("#password").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// Searches, goes through what is found and opens it, without a pointer.
async fn search_by_keys(browser: &Browser) {
    browser.until("all are shown", async || (rows(browser).await.len() == 60).then_some(())).await;
    browser.press("/").await;
    assert_eq!(browser.run("return document.activeElement.id", vec![]).await, "q");
    browser.press("user1").await;
    browser.enter().await;
    until_asked(browser, "q=user1").await;
    assert_eq!(rows(browser).await.len(), 11, "user1 and user10 to user19");
    let focus = async || browser.run("return document.activeElement.innerText", vec![]).await;
    for (key, name) in [("j", "user1"), ("j", "user10"), ("j", "user11"), ("k", "user10")] {
        browser.press(key).await;
        assert_eq!(focus().await, name);
    }
    browser.enter().await;
    browser.until_shows("h1", "user10").await;
    assert_fits(browser).await;
}

#[tokio::test]
async fn at_a_desk() {
    a_round(DESK).await;
}

#[tokio::test]
async fn on_a_phone() {
    a_round(PHONE).await;
}

/// Cards have no heads to sort by, and nothing that is not seen takes the focus.
#[tokio::test]
async fn on_a_phone_a_list_is_sorted_by_a_choice() {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=3)).await, "succeeded").await;
    let browser = site.browser(PHONE, ROOT, MEMBERS).await;
    let seen = "return [...document.querySelectorAll(arguments[0])].map((one) => one.checkVisibility())";
    assert_eq!(browser.run(seen, vec![".list thead a".into()]).await, serde_json::json!([false, false]));
    unfold(&browser, PHONE).await;
    browser.choose("#sort", "-id").await;
    browser.push("Show").await;
    until_asked(&browser, "sort=-id").await;
    assert_eq!(rows(&browser).await, ["user3", "user2", "user1"]);
    assert_fits(&browser).await;
    browser.resize(DESK).await;
    assert_eq!(browser.run(seen, vec![".list thead a".into()]).await, serde_json::json!([true, true]));
    let shown = browser.run("return document.querySelector('#sort').checkVisibility()", vec![]).await;
    assert_eq!(shown, false, "the heads sort there");
    // What it was sorted by stays when something else is asked.
    browser.push("Show").await;
    until_asked(&browser, "sort=-id").await;
}

#[tokio::test]
async fn the_comparison_is_looked_through() {
    let (site, _) = Site::start().await.with_history().await;
    let browser = site.browser(DESK, ANNA, &format!("{MEMBERS}comparison/")).await;
    for (tab, status) in [("Linked", "linked"), ("Left Guild", "left"), ("Discord Users (No Guild)", "no_guild")] {
        browser
            .until("the tab is there", async || {
                let tabs = browser.all_shown(".categories a").await;
                let place = tabs.iter().position(|shown| shown.contains(tab))?;
                browser.click(&format!(".categories a:nth-child({})", place + 1)).await;
                Some(())
            })
            .await;
        until_asked(&browser, &format!("status={status}")).await;
        assert!(!rows(&browser).await.is_empty(), "{tab}");
    }
    browser.follow("Download as CSV").await;
    let table = String::from_utf8(browser.downloaded("no_guild.csv").await).unwrap();
    assert_eq!(table.lines().count(), 4, "{table}");
}

#[tokio::test]
async fn a_wrong_password_is_told_and_the_name_is_kept() {
    let site = Site::start().await;
    let browser = Browser::start(DESK).await;
    browser.open(&site.at(ADMIN)).await;
    browser.fill("#name", ANNA).await;
    browser.fill("#password", "wrong horse battery").await;
    browser.enter().await;
    browser.until("the login says what is wrong", async || browser.shown("[role=alert]").await).await;
    let name = browser.run("return document.querySelector('#name').value", vec![]).await;
    let focus = browser.run("return document.activeElement.id", vec![]).await;
    assert_eq!((name.as_str(), focus.as_str()), (Some(ANNA), Some("password")));
}
