//! Who is let in, and as whom.

use guildsync::domain::DiscordId;
use guildsync::store::Claim;

use super::{ME, Site, Store, person};

const NELLY: u64 = 80_351_110_224_678_912;

on_both!(
    a_new_person_gets_an_account_that_is_linked_at_once,
    a_second_login_finds_the_same_account,
    a_taken_name_gets_a_number_and_nobody_elses_account,
    staff_come_to_where_they_wanted_and_others_to_themselves,
    an_address_that_is_not_verified_is_not_stored,
    a_deactivated_account_is_out_at_once_and_stays_out,
    every_login_has_a_session_of_its_own,
);

async fn a_new_person_gets_an_account_that_is_linked_at_once(store: Store) {
    let site = Site::start(store).await;
    site.sync(&[NELLY]).await;
    let (mut browser, answer) = site.log_in(&person(NELLY, "nelly")).await;
    assert_eq!((answer.status, answer.location()), (303, ME), "{}", answer.body);
    assert_eq!(browser.cookies.len(), 1, "the login under way is over: {:?}", browser.cookies.keys());
    let account = site.account("nelly").await.unwrap();
    assert_eq!((account.discord_id, account.email.as_str()), (Some(DiscordId::try_from(NELLY).unwrap()), "nelly@example.org"));
    assert!(!account.is_staff && account.is_active && account.last_login.is_some());
    assert_eq!(site.member(NELLY).await.account, Some((account.id, "nelly".to_owned())));
    let page = browser.get(ME).await;
    assert!(page.status == 200 && page.body.contains("You are in the Discord server"), "{}", page.body);
    assert_eq!(browser.get("/admin/accounts/guildmember/").await.status, 403);
    site.stop().await;
}

async fn a_second_login_finds_the_same_account(store: Store) {
    let site = Site::start(store).await;
    site.log_in(&person(NELLY, "nelly")).await;
    let first = site.account("nelly").await.unwrap();
    // Another name and another address at Discord: it is the id that counts.
    let (_, answer) = site.log_in(&person(NELLY, "nell")).await;
    assert_eq!(answer.location(), ME);
    let second = site.account("nelly").await.unwrap();
    assert_eq!((second.id, second.email.as_str()), (first.id, "nell@example.org"));
    assert!(second.last_login > first.last_login);
    assert!(site.account("nell").await.is_none());
    assert_eq!(site.rows("users").await, 1);
    site.stop().await;
}

async fn a_taken_name_gets_a_number_and_nobody_elses_account(store: Store) {
    let site = Site::start(store).await;
    // Her name and her address, but not her id.
    site.import("Nelly", "nelly@example.org", Claim::None).await;
    site.make_staff("nelly2").await;
    let (_, answer) = site.log_in(&person(NELLY, "nelly")).await;
    assert_eq!(answer.location(), ME);
    let account = site.account("nelly3").await.unwrap();
    assert_eq!(account.discord_id, Some(DiscordId::try_from(NELLY).unwrap()));
    for other in ["Nelly", "nelly2"] {
        let other = site.account(other).await.unwrap();
        assert_eq!((other.discord_id, other.last_login), (None, None), "{}", other.username);
    }
    site.stop().await;
}

async fn staff_come_to_where_they_wanted_and_others_to_themselves(store: Store) {
    let site = Site::start(store).await;
    site.make_staff("anna").await;
    site.import("anna", "", Claim::Id(DiscordId::try_from(NELLY).unwrap())).await;
    let (mut browser, answer) = site.log_in(&person(NELLY, "nelly")).await;
    assert_eq!(answer.location(), "/admin/");
    assert_eq!(browser.get("/admin/accounts/guildmember/").await.status, 200);

    let mut browser = site.browser();
    let wanted = browser.get("/admin/sync/?deltas=1").await;
    assert_eq!(wanted.location(), "/admin/login/?next=%2Fadmin%2Fsync%2F%3Fdeltas%3D1");
    let login = browser.get(wanted.location()).await;
    let (_, rest) = login.body.split_once("href=\"/accounts/discord/login/").expect("a way to Discord");
    let begin = format!("/accounts/discord/login/{}", rest.split('"').next().unwrap());
    for (person, expected) in [(person(NELLY, "nelly"), "/admin/sync/?deltas=1"), (person(NELLY + 1, "ben"), ME)] {
        site.seat(Some(person));
        let back = browser.agree(&begin).await;
        assert_eq!(browser.get(&back).await.location(), expected);
    }
    site.stop().await;
}

async fn an_address_that_is_not_verified_is_not_stored(store: Store) {
    let site = Site::start(store).await;
    let mut ben = person(NELLY, "ben");
    ben.verified = false;
    site.log_in(&ben).await;
    assert_eq!(site.account("ben").await.unwrap().email, "");
    ben.verified = true;
    site.log_in(&ben).await;
    assert_eq!(site.account("ben").await.unwrap().email, "ben@example.org");
    ben.verified = false;
    ben.email = Some("anna@example.org".into());
    site.log_in(&ben).await;
    assert_eq!(site.account("ben").await.unwrap().email, "ben@example.org", "what was verified is kept");
    site.stop().await;
}

async fn a_deactivated_account_is_out_at_once_and_stays_out(store: Store) {
    let site = Site::start(store).await;
    let (mut browser, _) = site.log_in(&person(NELLY, "nelly")).await;
    assert_eq!(browser.get(ME).await.status, 200);
    site.deactivate("nelly").await;
    assert_eq!(browser.get(ME).await.location(), "/admin/login/?next=%2Faccounts%2Fme%2F");
    let before = site.rows("sessions").await;
    let (browser, answer) = site.log_in(&person(NELLY, "nelly")).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("Your account is deactivated"), "{}", answer.body);
    assert!(!browser.has_session());
    assert_eq!((site.rows("sessions").await, site.rows("users").await), (before, 1));
    site.stop().await;
}

async fn every_login_has_a_session_of_its_own(store: Store) {
    let site = Site::start(store).await;
    let (mut browser, _) = site.log_in(&person(NELLY, "nelly")).await;
    let first = browser.clone();
    browser.log_in().await;
    assert_ne!(browser.cookies, first.cookies);
    assert_eq!(site.rows("sessions").await, 1, "the one before has ended");
    for mut known in [first, site.browser()] {
        assert_eq!(known.get(ME).await.status, 303);
    }
    site.stop().await;
}
