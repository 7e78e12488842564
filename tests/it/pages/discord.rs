//! Logins with Discord, as far as they need no Discord: how they begin, and those that come to nothing before it is asked.

use chrono::TimeDelta;
use poem::http::StatusCode;
use url::Url;

use super::{Answer, LOGIN, Site, seed};

const BEGIN: &str = "/accounts/discord/login/";
const BACK: &str = "/accounts/discord/login/callback/";
const PUBLIC: &str = "https://members.example.org";
/// Nobody is there, and nobody needs to be.
const DISCORD: &str = "http://127.0.0.1:9";

async fn site() -> Site {
    let site = Site::with_discord(PUBLIC, DISCORD, false).await;
    seed::people(&site.ledger).await;
    site
}

/// A field of the query of the address that an answer leads to.
fn led_with(answer: &Answer, field: &str) -> String {
    let url = Url::parse(answer.header("location")).unwrap();
    url.query_pairs().find(|(name, _)| name == field).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Begins a login and answers its state.
async fn begin(site: &mut Site) -> String {
    led_with(&site.get(BEGIN).await, "state")
}

#[tokio::test]
async fn until_it_is_set_up_there_is_a_page_that_says_so() {
    let mut site = Site::with_people().await;
    let answer = site.get(BEGIN).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, ""));
    insta::assert_snapshot!("discord_not_set_up", answer.page());
    assert_eq!(site.get(BACK).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!site.get(LOGIN).await.body.contains("Discord"));
}

#[tokio::test]
async fn the_login_page_leads_to_discord() {
    let mut site = site().await;
    insta::assert_snapshot!("login_with_discord", site.get("/admin/login/?next=%2Fadmin%2Fsync%2F").await.page());
    let mut empty = Site::with_discord(PUBLIC, DISCORD, false).await;
    let answer = empty.get(LOGIN).await;
    assert!(answer.body.contains("no staff account yet") && answer.body.contains(&format!("href=\"{BEGIN}\"")), "members may");
}

#[tokio::test]
async fn a_login_begins_with_a_way_to_discord_and_a_cookie() {
    let mut site = site().await;
    let answer = site.get("/accounts/discord/login/?next=%2Fadmin%2Fsync%2F").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.header("location").starts_with("http://127.0.0.1:9/oauth2/authorize?"), "{}", answer.header("location"));
    assert_eq!(led_with(&answer, "redirect_uri"), format!("{PUBLIC}{BACK}"));
    assert_eq!(led_with(&answer, "scope"), "identify email");
    assert_eq!(led_with(&answer, "code_challenge_method"), "S256");
    assert_eq!(answer.header("cache-control"), "no-store");
    let (pair, flags) = answer.header("set-cookie").split_once("; ").unwrap();
    let state = led_with(&answer, "state");
    assert!(pair.starts_with(&format!("__Host-guildsync_discord_login=state={state}&verifier=")), "{pair}");
    assert!(pair.ends_with("&next=%2Fadmin%2Fsync%2F"), "{pair}");
    assert_eq!(flags, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600");
    assert_ne!(begin(&mut site).await, state, "every login has its own");

    let mut plain = Site::with_discord("http://127.0.0.1:8080", DISCORD, false).await;
    assert!(!plain.get(BEGIN).await.header("set-cookie").contains("Secure"));
}

#[tokio::test]
async fn nobody_is_led_to_another_site() {
    let mut site = site().await;
    for bad in ["https://evil.example/", "//evil.example/", "/\\evil.example"] {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", bad).finish();
        let answer = site.get(&format!("{BEGIN}?{query}")).await;
        assert!(!answer.header("set-cookie").contains("evil"), "{bad}");
        assert!(!site.get(&format!("{LOGIN}?{query}")).await.body.contains("evil"), "{bad}");
    }
}

#[tokio::test]
async fn a_login_that_was_not_begun_here_goes_no_further() {
    let mut site = site().await;
    let answer = site.get("/accounts/discord/login/callback/?code=x&state=y").await;
    assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::BAD_REQUEST, ""));
    insta::assert_snapshot!("discord_foreign", answer.page());

    let state = begin(&mut site).await;
    for forged in ["", "x", &"0".repeat(64), &format!("{state}0"), &state[1..]] {
        for query in [format!("?code=x&state={forged}"), format!("?error=access_denied&state={forged}"), String::new()] {
            let answer = site.get(&format!("{BACK}{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
            assert!(answer.body.contains("This login cannot go on"), "{query}");
        }
    }
    assert_eq!(site.open_sessions().await, 0);
    let answer = site.get(&format!("{BACK}?error=access_denied&state={state}")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "what others made up has not ended it");
}

#[tokio::test]
async fn who_says_no_at_discord_is_told_that_nothing_happened() {
    let mut site = site().await;
    let answer = site.get("/accounts/discord/login/?next=%2Fadmin%2Fsync%2F").await;
    let back = format!("{BACK}?error=access_denied&error_description=no&state={}", led_with(&answer, "state"));
    let answer = site.get(&back).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.header("set-cookie").starts_with("__Host-guildsync_discord_login=; ") && site.begun.is_none());
    insta::assert_snapshot!("discord_cancelled", answer.page());
    assert_eq!(site.get(&back).await.status, StatusCode::BAD_REQUEST, "it has come to its end");
}

#[tokio::test]
async fn another_error_of_discord_or_none_at_all_is_a_page_too() {
    let mut site = site().await;
    let state = begin(&mut site).await;
    let answer = site.get(&format!("{BACK}?error=server_error&error_description=%3Cscript%3E&state={state}")).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.body.contains("did not let the login through") && !answer.body.contains("<script>"), "{}", answer.body);
    for query in ["", "&code=", &format!("&code={}", "x".repeat(513))] {
        let state = begin(&mut site).await;
        let answer = site.get(&format!("{BACK}?state={state}{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains("This login has run out"), "{query}");
    }
}

#[tokio::test]
async fn while_discord_is_away_the_page_says_so_and_another_try_leads_on() {
    let mut site = site().await;
    let answer = site.get("/accounts/discord/login/?next=%2Fadmin%2Fsync%2F").await;
    let answer = site.get(&format!("{BACK}?code=x&state={}", led_with(&answer, "state"))).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(site.begun.is_none() && site.cookie.is_none());
    insta::assert_snapshot!("discord_away", answer.page());
}

#[tokio::test]
async fn an_address_that_begins_logins_without_end_waits() {
    let mut site = site().await;
    for _ in 0..300 {
        assert_eq!(site.get(BEGIN).await.status, StatusCode::SEE_OTHER);
    }
    site.clock.advance(TimeDelta::minutes(1));
    let answer = site.get(BEGIN).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "841"));
    assert!(answer.body.contains("try again in 15 minutes"), "{}", answer.body);
    site.clock.advance(TimeDelta::minutes(14));
    assert_eq!(site.get(BEGIN).await.status, StatusCode::SEE_OTHER);
}
