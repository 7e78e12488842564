//! One member and the accounts: what Discord says of somebody now, who may do what, whose id it is.

use super::seed::FIRST;
use super::{ADMIN, ANNA, MEMBERS, ROOT, Site, assert_fits, members};
use crate::support::chromium::{Browser, DESK, PHONE};
use crate::support::discord::{Person, Visitor};

const ACCOUNTS: &str = "/admin/accounts/user/";

async fn a_member_is_looked_at_and_asked_for(width: u32) {
    let site = Site::start().await;
    site.ended(&site.file(members(FIRST..FIRST + 3)).await, "succeeded").await;
    site.discord.world(|world| world.put(&Person::new(FIRST).username("nelly").nick("Nelly of the North")));
    let browser = site.browser(width, ROOT, &format!("{MEMBERS}{FIRST}/")).await;
    browser.until_shows("h1", &format!("user{FIRST}")).await;
    browser.push("Sync this member now").await;
    browser.until_shows(".steps", "Nelly of the North").await;
    browser.until_shows("h1", "Nelly of the North").await;
    browser.until_shows(".timeline", "nelly").await;
    assert_fits(&browser).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn at_a_desk_discord_is_asked_for_one_member() {
    a_member_is_looked_at_and_asked_for(DESK).await;
}

#[tokio::test]
async fn on_a_phone_discord_is_asked_for_one_member() {
    a_member_is_looked_at_and_asked_for(PHONE).await;
}

#[tokio::test]
async fn an_account_is_found_and_may_look_from_then_on() {
    let (site, _) = Site::start().await.with_history().await;
    let browser = site.browser(DESK, ROOT, ACCOUNTS).await;
    browser.press("/").await;
    browser.press("account12").await;
    browser.enter().await;
    browser
        .until("the search is in the address", async || browser.address().await.query()?.contains("q=account12").then_some(()))
        .await;
    assert_eq!(browser.all_shown("[data-row] a[data-open]").await, ["account12"]);
    browser.press("j").await;
    browser.enter().await;
    browser.until_shows("h1", "account12").await;
    browser.push("Let it look…").await;
    browser.until_shows("h1", "Let this account look?").await;
    browser.push("Let it look").await;
    browser.until_shows(".tags", "may look").await;
    browser.open(&site.at("/admin/log/")).await;
    browser.until_shows(".log", "account12").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn two_accounts_that_claim_one_person_are_told_apart() {
    let (site, _) = Site::start().await.with_history().await;
    let browser = site.browser(PHONE, ROOT, ACCOUNTS).await;
    browser.follow("Decide").await;
    browser.until_shows(".claim", "double").await;
    browser.push("Give it to this account…").await;
    browser.until_shows(".question", "It is taken from the one that has it").await;
    assert_fits(&browser).await;
    browser.push("Give it").await;
    browser.until_shows("main", "Nothing to decide").await;
    browser.open(&site.at(&format!("{MEMBERS}{FIRST}/"))).await;
    browser.until_shows(".facts", "double").await;
}

#[tokio::test]
async fn who_may_only_look_sees_no_button() {
    let (site, history) = Site::start().await.with_history().await;
    let browser = site.browser(DESK, ANNA, ADMIN).await;
    for path in [
        MEMBERS,
        &format!("{MEMBERS}{FIRST}/"),
        ACCOUNTS,
        "/admin/accounts/user/conflicts/",
        &format!("/admin/sync/{}/", history.held),
    ] {
        browser.open(&site.at(path)).await;
        assert_eq!(browser.all_shown("main form[method=post] button").await, Vec::<String>::new(), "{path}");
    }
}

#[tokio::test]
async fn a_member_logs_in_with_discord() {
    let site = Site::start().await;
    site.ended(&site.file(members([FIRST])).await, "succeeded").await;
    let person = Person::new(FIRST).username("nelly");
    site.discord.world(|world| world.oauth.visitor = Some(Visitor { person, email: None, verified: false }));
    let browser = Browser::start(PHONE).await;
    browser.open(&site.at(ADMIN)).await;
    browser.follow("Log in with Discord").await;
    browser.until_shows("h1", "nelly").await;
    browser.until_shows("main", "You are in the Discord server").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
