//! The pages where the reader has switched script off: everything can be read and done.

use super::{ADMIN, MEMBERS, ROOT, Site, log_out, members};
use crate::support::chromium::{Browser, DESK, Script};

#[tokio::test]
async fn a_round_without_script() {
    let site = Site::start().await;
    let filed = site.file(members(1..=60)).await;
    site.ended(&filed, "succeeded").await;
    let browser = Browser::with(DESK, Script::Off).await;
    site.log_in(&browser, ROOT, MEMBERS).await;
    browser.until_shows("h1", "Members").await;
    browser.follow("Syncs").await;
    browser.click(".runs a").await;
    browser.until_shows(".state", "succeeded").await;
    log_out(&browser).await;
    browser.open(&site.at(ADMIN)).await;
    browser.element("#password").await;
}
