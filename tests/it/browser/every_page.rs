//! What holds for every page: nothing that shuts people out, nothing that does not fit, nothing for the browser to complain of.

use super::seed::{FIRST, History};
use super::{ADMIN, ANNA, MEMBERS, ROOT, RUNS, Site, assert_fits, axe};
use crate::support::chromium::{Browser, DESK, PHONE, Scheme};

/// Every page there is, with the status it is answered with. The name is that of its picture.
pub fn pages(history: &History) -> Vec<(&'static str, String, u16)> {
    let run = |id: &str| format!("{RUNS}{id}/");
    vec![
        ("overview", ADMIN.to_owned(), 200),
        ("members", MEMBERS.to_owned(), 200),
        ("members-narrowed", format!("{MEMBERS}?q=user&status=left&bot=no"), 200),
        ("members-none", format!("{MEMBERS}?q=nobody+at+all"), 200),
        ("guild-only", format!("{MEMBERS}comparison/"), 200),
        ("linked", format!("{MEMBERS}comparison/?status=linked"), 200),
        ("left", format!("{MEMBERS}comparison/?status=left"), 200),
        ("no-guild", format!("{MEMBERS}comparison/?status=no_guild"), 200),
        ("member", format!("{MEMBERS}{FIRST}/"), 200),
        ("member-gone", format!("{MEMBERS}{}/", FIRST + 116), 200),
        ("accounts", "/admin/accounts/user/".to_owned(), 200),
        ("accounts-empty", "/admin/accounts/user/?q=nobody+at+all".to_owned(), 200),
        ("account", "/admin/accounts/user/1/".to_owned(), 200),
        ("conflicts", "/admin/accounts/user/conflicts/".to_owned(), 200),
        ("syncs", RUNS.to_owned(), 200),
        ("sync", run(&history.succeeded), 200),
        ("sync-failed", run(&history.failed), 200),
        ("sync-held", run(&history.held), 200),
        ("log", "/admin/log/".to_owned(), 200),
        ("log-empty", "/admin/log/?act=dismiss_departures".to_owned(), 200),
        ("workers", "/admin/workers/".to_owned(), 200),
        ("me", "/accounts/me/".to_owned(), 200),
        ("not-found", "/admin/nothing/".to_owned(), 404),
        ("bad-query", format!("{MEMBERS}?page_size=3"), 400),
    ]
}

/// What is wrong with the page, in words.
async fn faults(browser: &Browser, address: &str, status: u16) -> Vec<String> {
    browser.open(address).await;
    let answered = browser.run("return performance.getEntriesByType('navigation')[0].responseStatus", vec![]).await;
    assert_eq!(answered, status, "{address}");
    browser.run("for (const folded of document.querySelectorAll('details')) folded.open = true", vec![]).await;
    assert_fits(browser).await;
    let complaints = browser.complaints().await.into_iter();
    // That the page itself was refused is no news.
    let complaints = complaints.filter(|complaint| !complaint.contains(&format!("responded with a status of {status}")));
    complaints.chain(axe::faults(browser).await).collect()
}

async fn check_all(width: u32) {
    let (site, history) = Site::start().await.with_history().await;
    let browser = Browser::start(width).await;
    let mut found = Vec::new();
    let mut look = async |name: &str, path: &str, status| {
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.prefer(scheme).await;
            let faults = faults(&browser, &site.at(path), status).await;
            found.extend(faults.iter().map(|fault| format!("{name}, {}: {fault}", scheme.word())));
        }
    };
    look("login", "/admin/login/", 200).await;
    site.log_in(&browser, ROOT, ADMIN).await;
    for (name, path, status) in pages(&history) {
        look(name, &path, status).await;
    }
    assert!(found.is_empty(), "{} faults at {width}:\n{}", found.len(), found.join("\n"));
}

#[tokio::test]
async fn at_a_desk_nothing_is_wrong_with_any_page() {
    check_all(DESK).await;
}

#[tokio::test]
async fn on_a_phone_nothing_is_wrong_with_any_page() {
    check_all(PHONE).await;
}

#[tokio::test]
async fn before_the_first_list_nothing_is_wrong_either() {
    let site = Site::start().await;
    for width in [DESK, PHONE] {
        let browser = site.browser(width, ANNA, ADMIN).await;
        for path in [ADMIN, MEMBERS, RUNS, "/admin/log/", "/accounts/me/"] {
            assert_eq!(faults(&browser, &site.at(path), 200).await, Vec::<String>::new(), "{path}");
        }
    }
}
