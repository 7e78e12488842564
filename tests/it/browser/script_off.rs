//! The pages where the reader has switched script off: everything can be read and done.

use super::{ADMIN, MEMBERS, ROOT, RUNS, Site, held, live, log_out, members};
use crate::support::chromium::{Browser, DESK, PHONE, Script};

#[tokio::test]
async fn lists_are_searched_narrowed_and_downloaded() {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=60)).await, "succeeded").await;
    let browser = Browser::with(DESK, Script::Off).await;
    site.log_in(&browser, ROOT, MEMBERS).await;
    let hint = browser.run("return document.querySelector('main kbd').getClientRects().length", vec![]).await;
    assert_eq!(hint, 0, "keys that do nothing are not named");
    browser.fill("#q", "user12").await;
    browser.choose("#status", "present").await;
    browser.push("Show").await;
    let asked = async || (browser.address().await.query() == Some("q=user12&status=present")).then_some(());
    browser.until("what is left empty is no part of the address", asked).await;
    browser.until("one is found", async || (browser.all_shown("[data-row]").await.len() == 1).then_some(())).await;
    browser.follow("Download as CSV").await;
    let table = String::from_utf8(browser.downloaded("members.csv").await).unwrap();
    assert_eq!(table.lines().count(), 2, "{table}");
    browser.follow("user12").await;
    browser.until_shows("h1", "user12").await;
    log_out(&browser).await;
    browser.open(&site.at(ADMIN)).await;
    browser.element("#password").await;
}

#[tokio::test]
async fn held_departures_are_decided() {
    held::decided(PHONE, Script::Off).await;
}

#[tokio::test]
async fn held_departures_are_searched_and_ticked_page_by_page() {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=100)).await, "succeeded").await;
    let held = site.ended(&site.file(members(1..=40)).await, "held").await;
    let browser = Browser::with(PHONE, Script::Off).await;
    site.log_in(&browser, ROOT, &format!("{RUNS}{held}/?page_size=25")).await;
    let is_shown = async |css: &str| {
        let shown = "return document.querySelector(arguments[0]).getClientRects().length > 0";
        browser.run(shown, vec![css.into()]).await == true
    };
    assert!(is_shown(".unscripted").await && !is_shown(".scripted").await && !is_shown("[data-untick]").await);
    browser.fill("#held_q", "user9").await;
    browser.push("Search").await;
    browser.until_shows(".results", "10 of 60 found").await;
    browser.click("input[value='91']").await;
    browser.push("Apply the ticked").await;
    browser.until_shows(".note-good", "1 marked as left").await;
}

/// The page loads itself again.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_watched() {
    live::watched(DESK, Script::Off).await;
}
