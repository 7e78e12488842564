//! A run as it goes on, watched on one page.

use super::{MEMBERS, ROOT, RUNS, Site, assert_fits, members};
use crate::support::chromium::{Browser, DESK, PHONE, Script};
use crate::support::scratch;
use crate::support::{postgres, redis};

/// Somebody watches a run that is queued, because nobody works, from when a worker comes to its end.
pub async fn watched(width: u32, script: Script) {
    let database = postgres::database().await;
    let mut site = Site::without_worker(database.url(), &redis::url(), &redis::unique_prefix()).await;
    let filed = site.file(members(1..=3_000)).await;
    let browser = Browser::with(width, script).await;
    site.log_in(&browser, ROOT, &format!("{RUNS}{}/", filed["id"].as_str().unwrap())).await;
    browser.until_shows("#state", "queued").await;
    let phases = phases(&browser).await;
    assert_eq!(phases.0, if width == PHONE { 1 } else { 3 }, "three phases stand beside or below each other");
    // Gone once the page is loaded again.
    browser.run("window.isTheSame = true", vec![]).await;
    site.add_worker().await;
    browser.until_shows("#state", "succeeded").await;
    browser.until_shows(".figures", "3,000").await;
    assert_eq!(self::phases(&browser).await, phases, "what stands below the phases has not moved");
    if script == Script::On {
        assert_eq!(browser.run("return window.isTheSame === true", vec![]).await, true, "the page was loaded again");
    }
    assert_fits(&browser).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// Of the phases of a run: how many columns they stand in, and how high they are together.
async fn phases(browser: &Browser) -> (usize, usize) {
    let script = "
        const edges = [...document.querySelectorAll('.phases li')].map((one) => one.getBoundingClientRect().left);
        return [new Set(edges).size, document.querySelector('.phases').offsetHeight]";
    serde_json::from_value(browser.run(script, vec![]).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_desk() {
    watched(DESK, Script::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone() {
    watched(PHONE, Script::On).await;
}

#[tokio::test]
async fn a_file_is_sent_and_its_run_is_shown() {
    let site = Site::start().await;
    let file = scratch::folder("upload").join("members.json");
    std::fs::write(&file, serde_json::json!({ "members": members(1..=50) }).to_string()).unwrap();
    let browser = site.browser(DESK, ROOT, RUNS).await;
    browser.element("#file").await.send_keys(file.to_str().unwrap()).await.unwrap();
    browser.push("Send the file").await;
    browser.until_shows("#state", "succeeded").await;
    browser.open(&site.at(MEMBERS)).await;
    assert_eq!(browser.all_shown("[data-row]").await.len(), 50);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_list_is_asked_for_from_discord() {
    let site = Site::start().await;
    site.discord.world(|world| world.put_many(1_000_000, 30));
    let browser = site.browser(PHONE, ROOT, RUNS).await;
    browser.push("Sync from Discord").await;
    browser.until_shows("#state", "succeeded").await;
    browser.until_shows(".figures", "30").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
