//! Departures that are held, decided with tick boxes.

use super::{MEMBERS, ROOT, RUNS, Site, assert_fits, members};
use crate::support::chromium::{Browser, DESK, PHONE, Script};

/// Ticks the box of a member, or takes the tick away. The buttons stay at the foot of the window, over what would be there.
async fn tick(browser: &Browser, id: u64) {
    let css = format!("input[type=checkbox][value='{id}']");
    browser.run("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })", vec![css.as_str().into()]).await;
    browser.click(&css).await;
}

/// Somebody lets some held departures go by ticking them, is asked about all others, thinks again, and dismisses those.
pub async fn decided(width: u32, script: Script) {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=100)).await, "succeeded").await;
    let held = site.ended(&site.file(members(1..=40)).await, "held").await;
    let page = format!("{RUNS}{held}/");
    let browser = Browser::with(width, script).await;
    site.log_in(&browser, ROOT, &page).await;
    assert_eq!(browser.all_shown(".departures [data-row]").await.len(), 60);
    assert_fits(&browser).await;

    for id in 42..=45 {
        tick(&browser, id).await;
    }
    browser.push(if script == Script::On { "Apply 4" } else { "Apply the ticked" }).await;
    browser.until_shows(".note-good", "4 marked as left").await;
    assert_eq!(browser.all_shown(".departures [data-row]").await.len(), 56);
    browser.until_shows("#state", "held").await;

    browser.push("Apply all 56…").await;
    browser.until_shows("h1", "Mark 56 members as left?").await;
    assert_fits(&browser).await;
    browser.follow("Go back").await;
    browser.until_shows("#state", "held").await;
    browser.push("Dismiss all 56…").await;
    browser.push("Dismiss them").await;
    browser.until_shows("#state", "succeeded").await;
    for (id, state) in [(41, "member"), (42, "left"), (45, "left"), (100, "member")] {
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

#[tokio::test]
async fn one_box_ticks_all_and_the_buttons_say_how_many() {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=100)).await, "succeeded").await;
    let held = site.ended(&site.file(members(1..=40)).await, "held").await;
    let browser = site.browser(PHONE, ROOT, &format!("{RUNS}{held}/")).await;
    let ticked = async || browser.all_shown(".departures input:checked").await.len();
    assert_eq!(ticked().await, 0);
    browser.click("[data-tick-all]").await;
    assert_eq!(ticked().await, 60);
    browser.until_shows(".ticked", "Apply 60").await;
    tick(&browser, 41).await;
    browser.until_shows(".ticked", "Dismiss 59").await;
    assert_eq!(browser.run("return document.querySelector('[data-tick-all]').indeterminate", vec![]).await, true);
    browser.push("Apply 59").await;
    browser.until_shows(".departures", "user41").await;
    browser.until_shows(".note-good", "59 marked as left").await;
    assert_eq!(browser.all_shown(".departures [data-row]").await.len(), 1);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn ticks_hold_over_the_pages_of_the_list_and_its_searches() {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=100)).await, "succeeded").await;
    let held = site.ended(&site.file(members(1..=40)).await, "held").await;
    let page = format!("{RUNS}{held}/");
    let browser = site.browser(PHONE, ROOT, &format!("{page}?page_size=25")).await;
    tick(&browser, 41).await;
    tick(&browser, 42).await;
    browser.follow("Next page").await;
    browser.until_shows(".departures", "user66").await;
    browser.until_shows(".ticked", "2 of them not on this page").await;
    assert_fits(&browser).await;
    tick(&browser, 66).await;
    browser.until_shows(".ticked", "Apply 3").await;
    browser.fill("#held_q", "user9").await;
    browser.enter().await;
    browser.until_shows(".results", "10 of 60 found").await;
    tick(&browser, 90).await;
    browser.until_shows(".ticked", "Dismiss 4").await;
    assert!(browser.all_shown(".of-all").await[0].contains("not only those found"));
    // One that is ticked elsewhere is found and let go.
    browser.follow("Clear").await;
    browser.until_shows(".departures", "user41").await;
    tick(&browser, 42).await;
    browser.open(&site.at(&format!("{page}?held_q=user9"))).await;
    browser.push("Apply 3").await;
    browser.until_shows(".note-good", "3 marked as left").await;
    browser.until_shows(".ticked", "Apply the ticked").await;
    for (id, state) in [(41, "left"), (42, "member"), (66, "left"), (90, "left")] {
        browser.open(&site.at(&format!("{MEMBERS}{id}/"))).await;
        browser.until_shows(".tags", state).await;
    }

    browser.open(&site.at(&format!("{page}?page_size=25"))).await;
    browser.click("[data-tick-all]").await;
    browser.follow("Next page").await;
    browser.push("Untick all").await;
    browser.until_shows(".ticked", "Apply the ticked").await;
    browser.follow("Previous page").await;
    assert_eq!(browser.all_shown(".departures input:checked").await.len(), 0);
    // Only so many as a form takes.
    browser.run("document.querySelector('form[data-ticking]').dataset.most = '2'", vec![]).await;
    browser.click("[data-tick-all]").await;
    browser.until_shows(".ticked", "At most 2 can be ticked").await;
    assert_eq!(browser.all_shown(".departures input:checked").await.len(), 2);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_list_is_gone_through_and_ticked_by_keys() {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=100)).await, "succeeded").await;
    let held = site.ended(&site.file(members(1..=40)).await, "held").await;
    let browser = site.browser(DESK, ROOT, &format!("{RUNS}{held}/")).await;
    // A key that nobody has the focus for is the document's.
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'q' }))", vec![]).await;
    let focus = async || browser.run("return document.activeElement.innerText", vec![]).await;
    browser.press("j").await;
    browser.press("x").await;
    browser.press("j").await;
    assert_eq!(focus().await, "user42");
    // From a box it goes on, too.
    browser.run("document.querySelector(\"input[value='43']\").focus()", vec![]).await;
    browser.press("x").await;
    browser.press("j").await;
    assert_eq!(focus().await, "user44");
    browser.press("k").await;
    assert_eq!(focus().await, "user43");
    browser.until_shows(".ticked", "Apply 2").await;
    let ticked = "return [...document.querySelectorAll('.departures input:checked')].map((box) => box.value)";
    assert_eq!(browser.run(ticked, vec![]).await, serde_json::json!(["41", "43"]));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
