//! Departures that are held, decided with tick boxes.

use super::{MEMBERS, ROOT, RUNS, Site, assert_fits, members};
use crate::support::chromium::{Browser, DESK, PHONE, Script};

/// Somebody lets all held departures but one go, and then takes that one back.
pub async fn decided(width: u32, script: Script) {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=100)).await, "succeeded").await;
    let held = site.ended(&site.file(members(1..=40)).await, "held").await;
    let page = format!("{RUNS}{held}/");
    let browser = Browser::with(width, script).await;
    site.log_in(&browser, ROOT, &page).await;
    assert_eq!(browser.all_shown(".departures [data-row]").await.len(), 60);
    assert_fits(&browser).await;

    browser.click("input[type=checkbox][value='41']").await;
    browser.push("Apply the ticked").await;
    browser.until_shows(".departures", "user41").await;
    assert_eq!(browser.all_shown(".departures [data-row]").await.len(), 1);
    browser.until_shows("#state", "held").await;

    browser.push("Dismiss the ticked").await;
    browser.until_shows("#state", "succeeded").await;
    for (id, state) in [(41, "member"), (42, "left"), (100, "left")] {
        browser.open(&site.at(&format!("{MEMBERS}{id}/"))).await;
        browser.until_shows(".tags", state).await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn at_a_desk() {
    decided(DESK, Script::On).await;
}

#[tokio::test]
async fn on_a_phone() {
    decided(PHONE, Script::On).await;
}
