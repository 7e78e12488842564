//! Times in the reader's own zone: on hover, or everywhere at the press of a button.

use chrono::{DateTime, TimeDelta, Utc};

use super::{ANNA, MEMBERS, RUNS, Site, members};
use crate::support::chromium::{Browser, DESK, PHONE};

/// Five hours and a half before UTC all the year.
const ZONE: &str = "Asia/Kolkata";

/// What each time on the page is, and what is shown of it.
async fn times(browser: &Browser) -> Vec<(DateTime<Utc>, String)> {
    let script = "return [...document.querySelectorAll('main time')].map((one) => [one.dateTime, one.innerText])";
    serde_json::from_value(browser.run(script, vec![]).await).unwrap()
}

async fn assert_shown(browser: &Browser, ahead: TimeDelta) {
    let times = times(browser).await;
    assert!(!times.is_empty());
    for (time, shown) in times {
        assert_eq!(shown, (time + ahead).format("%Y-%m-%d %H:%M").to_string(), "{time}");
    }
}

#[tokio::test]
async fn hovering_over_a_time_tells_it_where_the_reader_is_and_how_long_ago() {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=3)).await, "succeeded").await;
    let browser = Browser::start(DESK).await;
    browser.live_in(ZONE).await;
    site.log_in(&browser, ANNA, RUNS).await;
    let hover = "
        const time = document.querySelector('main time');
        // Twice: what was said before is not said again.
        for (const _ of [1, 2]) time.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
        return [time.dateTime, time.title]";
    let (time, title): (DateTime<Utc>, String) = serde_json::from_value(browser.run(hover, vec![]).await).unwrap();
    let lines: Vec<_> = title.lines().collect();
    assert_eq!(lines.len(), 3, "{title}");
    assert_eq!(lines[0], time.format("%Y-%m-%d %H:%M:%S%.6f UTC").to_string());
    let local = time + TimeDelta::minutes(330);
    assert!(lines[1].contains(&local.format("%M:%S").to_string()) && lines[1].ends_with(" where you are"), "{title}");
    assert!(
        lines[1].contains(&local.format("%-I:").to_string()) || lines[1].contains(&local.format("%H:").to_string()),
        "{title}"
    );
    assert!(lines[2].contains("ago") || lines[2] == "now", "{title}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn all_times_are_the_reader_s_at_the_press_of_a_button_and_stay_so() {
    let site = Site::start().await;
    site.ended(&site.file(members(1..=3)).await, "succeeded").await;
    let browser = Browser::start(PHONE).await;
    browser.live_in(ZONE).await;
    site.log_in(&browser, ANNA, MEMBERS).await;
    assert_shown(&browser, TimeDelta::zero()).await;
    browser.push("Show yours").await;
    browser.until_shows("[data-zone]", "Times are yours (Asia/").await;
    assert_shown(&browser, TimeDelta::minutes(330)).await;
    browser.open(&site.at(RUNS)).await;
    browser.until_shows("[data-zone]", "Times are yours").await;
    assert_shown(&browser, TimeDelta::minutes(330)).await;
    // What comes later, as on pages that are kept up to date.
    let later = "
        document.querySelector('main').insertAdjacentHTML('beforeend', '<time datetime=\"2026-01-31T20:00:00Z\">2026-01-31 20:00</time>')";
    browser.run(later, vec![]).await;
    browser.until_shows("main > time", "2026-02-01 01:30").await;
    browser.push("Show UTC").await;
    browser.until_shows("[data-zone]", "Times are UTC.").await;
    assert_shown(&browser, TimeDelta::zero()).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
