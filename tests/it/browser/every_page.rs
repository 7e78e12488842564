//! What holds for every page: nothing that shuts people out, nothing that does not fit, nothing for the browser to complain of.

use super::seed::{FIRST, History, Others};
use super::{ADMIN, ANNA, MEMBERS, ROOT, RUNS, Site, assert_fits, axe, members};
use crate::support::chromium::{Browser, DESK, PHONE, Scheme};
use crate::support::discord::{Person, Visitor};
use crate::support::scratch;

/// Every page there is, with the status it is answered with. The name is that of its picture.
pub fn pages(history: &History) -> Vec<(&'static str, String, u16)> {
    let run = |id: &str| format!("{RUNS}{id}/");
    vec![
        ("overview", ADMIN.to_owned(), 200),
        ("members", MEMBERS.to_owned(), 200),
        ("members-narrowed", format!("{MEMBERS}?q=user&status=left&bot=no"), 200),
        ("members-one-character", format!("{MEMBERS}?q=u"), 200),
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
        ("sync-held-found", format!("{}?held_q=user", run(&history.held)), 200),
        ("sync-held-none", format!("{}?held_q=nobody", run(&history.held)), 200),
        ("sync-held-changes", format!("{}?show=changes&action=updated", run(&history.held)), 200),
        ("sync-created", format!("{}?action=created", run(&history.succeeded)), 200),
        ("log", "/admin/log/".to_owned(), 200),
        ("log-empty", "/admin/log/?act=dismiss_departures".to_owned(), 200),
        ("workers", "/admin/workers/".to_owned(), 200),
        ("me", "/accounts/me/".to_owned(), 200),
        ("not-found", "/admin/nothing/".to_owned(), 404),
        ("bad-query", format!("{MEMBERS}?page_size=3"), 400),
    ]
}

/// One page of a run in every state that the history has none in.
fn other_runs(others: &Others) -> [(&'static str, String, u16); 4] {
    let Others { dry, superseded, cancelled, running } = others;
    [("sync-dry", dry), ("sync-superseded", superseded), ("sync-cancelled", cancelled), ("sync-running", running)]
        .map(|(name, id)| (name, format!("{RUNS}{id}/"), 200))
}

/// What is wrong with the page at an address, in words.
async fn faults(browser: &Browser, address: &str, status: u16) -> Vec<String> {
    browser.open(address).await;
    shown_faults(browser, status).await
}

/// What is wrong with the page that is shown.
async fn shown_faults(browser: &Browser, status: u16) -> Vec<String> {
    let address = browser.address().await;
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
    for (name, path, status) in other_runs(&site.with_other_runs().await) {
        look(name, &path, status).await;
    }
    assert!(found.is_empty(), "{} faults at {width}:\n{}", found.len(), found.join("\n"));
}

/// Looks at the page that is shown in both colours.
async fn assert_shown_well(browser: &Browser, status: u16) {
    for scheme in [Scheme::Light, Scheme::Dark] {
        browser.prefer(scheme).await;
        assert_eq!(shown_faults(browser, status).await, Vec::<String>::new(), "{}", browser.address().await);
    }
}

/// Pages that are the answer to something, and have no address of their own.
async fn check_answers(width: u32) {
    // Not the site with a history: Discord has refused its token.
    let site = Site::start().await;
    site.ended(&site.file(members(FIRST..FIRST + 100)).await, "succeeded").await;
    let held = site.ended(&site.file(members(FIRST..FIRST + 40)).await, "held").await;
    site.discord.world(|world| world.put(&Person::new(FIRST).username("nelly").nick("Nelly of the North")));
    let browser = site.browser(width, ROOT, &format!("{MEMBERS}{FIRST}/")).await;
    browser.push("Sync this member now").await;
    browser.until_shows(".steps", "Nelly of the North").await;
    assert_shown_well(&browser, 200).await;

    browser.open(&site.at(&format!("{RUNS}{held}/"))).await;
    browser.click(".of-all button").await;
    browser.until_shows("h1", "as left?").await;
    assert_shown_well(&browser, 200).await;

    let file = scratch::folder("not-taken").join("members.json");
    std::fs::write(&file, r#"{"members":[{"id":"0"},{"id":"x","username":""}]}"#).unwrap();
    browser.open(&site.at(RUNS)).await;
    browser.run("document.querySelector('details.start').open = true", vec![]).await;
    browser.element("#file").await.send_keys(file.to_str().unwrap()).await.unwrap();
    browser.push("Send the file").await;
    browser.until_shows("h1", "This list breaks rules").await;
    assert_shown_well(&browser, 422).await;

    // Questions that are asked before rights change and claims are settled.
    site.command(["staff", "create", "bea", "--password-stdin", "--read-only"], "correct horse battery staple").await;
    browser.open(&site.at("/admin/accounts/user/?q=bea")).await;
    browser.click(".accounts [data-open]").await;
    browser.push("Let it act…").await;
    browser.until_shows("h1", "Let this account act?").await;
    assert_shown_well(&browser, 200).await;
    for name in ["claims", "claims.too"] {
        site.import(&format!("username,email,discord_id\n{name},,{FIRST}\n")).await;
    }
    for button in ["button[value=give]", "button[value=keep]"] {
        browser.open(&site.at("/admin/accounts/user/conflicts/")).await;
        browser.click(button).await;
        browser.until_shows(".question h1", "?").await;
        assert_shown_well(&browser, 200).await;
    }

    let visitor = Browser::start(width).await;
    let person = Person::new(FIRST).username("nelly");
    site.discord.world(|world| world.oauth.visitor = Some(Visitor { person, email: None, verified: false }));
    visitor.open(&site.at(ADMIN)).await;
    visitor.follow("Log in with Discord").await;
    visitor.until_shows("main", "You are in the Discord server").await;
    visitor.open(&site.at(ADMIN)).await;
    visitor.until_shows("h1", "These pages are for staff").await;
    assert_shown_well(&visitor, 403).await;
}

#[tokio::test]
async fn at_a_desk_nothing_is_wrong_with_what_is_answered() {
    check_answers(DESK).await;
}

#[tokio::test]
async fn on_a_phone_nothing_is_wrong_with_what_is_answered() {
    check_answers(PHONE).await;
}

#[tokio::test]
async fn who_may_only_look_finds_nothing_wrong_either() {
    let (site, history) = Site::start().await.with_history().await;
    for width in [DESK, PHONE] {
        let browser = site.browser(width, ANNA, ADMIN).await;
        for (name, path, status) in pages(&history) {
            assert_eq!(faults(&browser, &site.at(&path), status).await, Vec::<String>::new(), "{name}");
        }
    }
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
