//! The page of workers keeps itself fresh: what is new comes, and what its reader is at stays.

use super::{ANNA, Site, members};
use crate::support::chromium::{Browser, DESK};
use crate::support::{postgres, redis};

const WORKERS: &str = "/admin/workers/";

/// Marks what stands in the live part just now.
async fn mark(browser: &Browser) {
    browser.run("document.querySelector('[data-live] > section').dataset.old = ''", vec![]).await;
}

async fn is_old(browser: &Browser) -> bool {
    browser.run("return document.querySelector('[data-old]') !== null", vec![]).await == true
}

/// Waits until something else has come in its place.
async fn until_fresh(browser: &Browser) {
    browser.until("the live part is fresh", async || (!is_old(browser).await).then_some(())).await;
}

/// How often the page has been asked for since it was opened.
async fn asked(browser: &Browser) -> i64 {
    let script = "return performance.getEntriesByName(location.href, 'resource').length";
    browser.run(script, vec![]).await.as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_comes_and_what_the_reader_is_at_stays() {
    let database = postgres::database().await;
    let mut site = Site::without_worker(database.url(), &redis::url(), &redis::unique_prefix()).await;
    let browser = site.browser(DESK, ANNA, WORKERS).await;
    browser.until_shows("[data-refreshing]", "Fresh every 5 seconds").await;
    // Gone once the page is loaded again.
    browser.run("window.isTheSame = true", vec![]).await;
    let filed = site.file(members(1..=3)).await;
    browser.until_shows("[data-live]", "Sent by a bot").await;

    let link = format!("/admin/sync/{}/", filed["id"].as_str().unwrap());
    browser.run("document.querySelector('[data-live] a[data-open]').focus()", vec![]).await;
    mark(&browser).await;
    until_fresh(&browser).await;
    let focus = browser.run("return document.activeElement.getAttribute('href')", vec![]).await;
    assert_eq!(focus, link.as_str(), "the focus has stayed on its link");

    browser.run("getSelection().selectAllChildren(document.querySelector('#processes'))", vec![]).await;
    mark(&browser).await;
    let before = asked(&browser).await;
    browser.until("it has been asked for twice", async || (asked(&browser).await >= before + 2).then_some(())).await;
    assert!(is_old(&browser).await, "what is marked has been taken away");
    assert_eq!(browser.run("return getSelection().toString()", vec![]).await, "Processes");
    browser.run("getSelection().removeAllRanges()", vec![]).await;
    until_fresh(&browser).await;

    site.add_worker().await;
    browser.until_shows("[data-live]", "Everything that came in is done").await;
    assert!(!browser.shown("[data-live]").await.unwrap().contains("No worker is running"));
    assert_eq!(browser.run("return window.isTheSame === true", vec![]).await, true, "the page was loaded again");
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    site.processes.clear();
    browser.until_shows("[data-refreshing]", "The server does not answer").await;
    assert!(browser.shown("[data-live]").await.unwrap().contains("Processes"), "what was known stays");
}
