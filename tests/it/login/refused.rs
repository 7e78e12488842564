//! Who is not let in, and what they are told.

use std::time::Duration;

use super::{BEGIN, ME, Site, Store, person};
use crate::support::discord::{CLIENT_SECRET, Route, Scope, Trouble, When, World};

const NELLY: u64 = 80_351_110_224_678_912;

on_both!(
    where_members_alone_may_log_in_others_get_a_friendly_no_and_no_account,
    a_forged_state_asks_nobody_and_logs_nobody_in,
    a_callback_works_once,
    a_code_is_worth_nothing_in_another_browser,
    while_the_token_endpoint_is_down_nobody_is_logged_in,
    who_says_no_is_not_logged_in,
    an_address_that_brings_bad_codes_without_end_waits,
);

async fn where_members_alone_may_log_in_others_get_a_friendly_no_and_no_account(store: Store) {
    let site = Site::for_members(store).await;
    let (browser, answer) = site.log_in(&person(NELLY, "nelly")).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("Logins are for members of our Discord server"), "{}", answer.body);
    assert!(answer.body.contains("“nelly”") && answer.body.contains("Try again"), "{}", answer.body);
    assert!(browser.cookies.is_empty());
    site.assert_untouched().await;

    site.sync(&[NELLY, NELLY + 1]).await;
    let (_, answer) = site.log_in(&person(NELLY, "nelly")).await;
    assert_eq!(answer.location(), ME, "a present member");

    site.sync(&[NELLY + 1]).await;
    let (browser, answer) = site.log_in(&person(NELLY, "nelly")).await;
    assert!(answer.status == 403 && !browser.has_session(), "a member who has left, although the account is there");
    site.stop().await;
}

async fn a_forged_state_asks_nobody_and_logs_nobody_in(store: Store) {
    let site = Site::start(store).await;
    site.seat(Some(person(NELLY, "nelly")));
    let mut browser = site.browser();
    let back = browser.agree(BEGIN).await;
    let (mut thief, mut stranger) = (site.browser(), site.browser());
    thief.agree(BEGIN).await;
    // A browser that began nothing, and one that began another login.
    for other in [&mut stranger, &mut thief] {
        let answer = other.get(&back).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains("This login cannot go on") && answer.body.contains("Begin again"), "{}", answer.body);
        assert!(!other.has_session());
    }
    assert_eq!(site.exchanges(), 0);
    site.assert_untouched().await;
    assert_eq!(browser.get(&back).await.location(), ME, "the login itself goes on");
    site.stop().await;
}

async fn a_callback_works_once(store: Store) {
    let site = Site::start(store).await;
    site.seat(Some(person(NELLY, "nelly")));
    let mut browser = site.browser();
    let back = browser.agree(BEGIN).await;
    let mut copy = browser.clone();
    assert_eq!(browser.get(&back).await.location(), ME);
    let again = browser.get(&back).await;
    assert_eq!((again.status, site.exchanges()), (400, 1), "Discord is not asked a second time");
    assert!(again.body.contains("See your account"), "{}", again.body);
    // Whoever kept the cookie is refused by Discord.
    let replayed = copy.get(&back).await;
    assert_eq!((replayed.status, site.exchanges()), (400, 2));
    assert!(replayed.body.contains("This login has run out") && replayed.body.contains("Begin again"), "{}", replayed.body);
    assert!(copy.cookies.is_empty());
    assert_eq!(site.rows("sessions").await, 1);
    site.stop().await;
}

async fn a_code_is_worth_nothing_in_another_browser(store: Store) {
    let site = Site::start(store).await;
    site.seat(Some(person(NELLY, "nelly")));
    let (mut victim, mut thief) = (site.browser(), site.browser());
    let (stolen, own) = (victim.agree(BEGIN).await, thief.agree(BEGIN).await);
    let code = |back: &str| back.split(['=', '&']).nth(1).unwrap().to_owned();
    let answer = thief.get(&own.replace(&code(&own), &code(&stolen))).await;
    assert_eq!((answer.status, site.exchanges()), (400, 1), "{}", answer.body);
    assert!(!thief.has_session());
    site.assert_untouched().await;
    site.stop().await;
}

async fn while_the_token_endpoint_is_down_nobody_is_logged_in(store: Store) {
    let site = Site::start(store).await;
    let limited = Trouble::Limited(Scope::User, Duration::ZERO);
    let troubles = [Trouble::Status(500), Trouble::Edge(502, None), limited, Trouble::Closed];
    for (route, trouble) in [Route::Token, Route::Me].into_iter().flat_map(|route| troubles.map(|trouble| (route, trouble))) {
        site.discord.world(|world| world.trouble(route, When::Next(1), trouble));
        let (browser, answer) = site.log_in(&person(NELLY, "nelly")).await;
        assert_eq!(answer.status, 502, "{trouble:?}");
        assert!(answer.body.contains("Discord cannot be reached") && answer.body.contains("Try again"), "{}", answer.body);
        assert!(browser.cookies.is_empty(), "{trouble:?}");
        site.discord.world(World::untroubled);
    }
    site.discord.world(|world| world.oauth.client_secret = "another".into());
    let (_, answer) = site.log_in(&person(NELLY, "nelly")).await;
    assert_eq!(answer.status, 502);
    assert!(answer.body.contains("Discord did not let the login through"), "{}", answer.body);
    site.assert_untouched().await;
    site.discord.world(|world| world.oauth.client_secret = CLIENT_SECRET.into());
    assert_eq!(site.log_in(&person(NELLY, "nelly")).await.1.location(), ME);
    site.stop().await;
}

async fn who_says_no_is_not_logged_in(store: Store) {
    let site = Site::start(store).await;
    site.seat(None);
    let answer = site.browser().log_in().await;
    assert_eq!((answer.status, site.exchanges()), (403, 0));
    assert!(answer.body.contains("You cancelled the login"), "{}", answer.body);
    site.assert_untouched().await;
    site.stop().await;
}

async fn an_address_that_brings_bad_codes_without_end_waits(store: Store) {
    let site = Site::with(store, &[("GUILDSYNC__LOGIN__WRONG_PER_ADDRESS", "3")]).await;
    site.seat(Some(person(NELLY, "nelly")));
    let mut browser = site.browser();
    for expected in [400, 400, 400, 429, 429] {
        let back = browser.agree(BEGIN).await;
        let answer = browser.get(&back.replace("code=", "code=wrong")).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
    assert_eq!(site.exchanges(), 3);
    assert_eq!(site.browser().log_in().await.status, 429, "the right one, too");
    site.assert_untouched().await;
    site.stop().await;
}
