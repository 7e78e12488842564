//! A round through the pages: in, through the lists, and out again.

use super::{ADMIN, ANNA, MEMBERS, ROOT, Site, assert_fits, log_out, members};
use crate::support::chromium::{Browser, DESK, PHONE};

async fn a_round(width: u32) {
    let site = Site::start().await;
    let filed = site.file(members(1..=60)).await;
    site.ended(&filed, "succeeded").await;
    // Whoever is not logged in comes to the page that was asked for by way of the login.
    let browser = site.browser(width, ROOT, MEMBERS).await;
    browser.until_shows("h1", "Members").await;
    assert_fits(&browser).await;

    browser.follow("Syncs").await;
    browser.until_shows("h1", "Syncs").await;
    browser.click(".runs a").await;
    browser.until_shows(".state", "succeeded").await;
    assert_fits(&browser).await;

    log_out(&browser).await;
    browser.open(&site.at(ADMIN)).await;
    browser.element("#password").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn at_a_desk() {
    a_round(DESK).await;
}

#[tokio::test]
async fn on_a_phone() {
    a_round(PHONE).await;
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
