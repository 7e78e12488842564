//! A service behind a reverse proxy: whose wrong passwords and keys are counted for whom.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Client, RequestBuilder};

use super::{Home, KEY};
use crate::support::forms::LoginForm;

/// Wrong passwords, and wrong keys, that one address may have here.
const LIMIT: usize = 3;

/// A service that trusts this proxy.
fn behind(proxy: &str) -> Home {
    Home::new()
        .with("GUILDSYNC__HTTP__TRUSTED_PROXIES", proxy)
        .with("GUILDSYNC__LOGIN__WRONG_PER_ADDRESS", &LIMIT.to_string())
        .with("GUILDSYNC__API__WRONG_KEYS_PER_MINUTE", &LIMIT.to_string())
}

/// What a guess of `visitor` is answered, after as many as are allowed of each of `strangers`.
async fn after_guesses(ask: impl Fn() -> RequestBuilder, strangers: &[&str], visitor: &str) -> u16 {
    for stranger in strangers {
        for _ in 0..LIMIT {
            let answer = ask().header("X-Forwarded-For", *stranger).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{stranger}");
        }
    }
    ask().header("X-Forwarded-For", visitor).send().await.unwrap().status().as_u16()
}

/// Guesses a password, and a key of the API.
async fn guess(client: &Client, home: &Home, address: &str) -> [Box<dyn Fn() -> RequestBuilder>; 2] {
    home.fed(["staff", "create", "anna", "--password-stdin"], "correct horse battery").await.exits(0);
    let form = LoginForm::ask(client, &format!("http://{address}")).await;
    let (api, other) = (format!("http://{address}/api/dbot/members/1"), client.clone());
    // A name for each, so that only the address is counted.
    let drawn = AtomicUsize::new(0);
    let login = move || {
        let name = format!("guess{}", drawn.fetch_add(1, Ordering::Relaxed));
        form.filled(&name, "wrong")
    };
    [Box::new(login), Box::new(move || other.get(&api).header("X-API-Key", "wrong"))]
}

#[tokio::test]
async fn a_stranger_locks_out_nobody_else_behind_the_proxy() {
    let home = behind("127.0.0.0/8, ::1");
    let (_service, address) = home.serve().await;
    for ask in guess(&Client::new(), &home, &address).await {
        assert_eq!(after_guesses(&ask, &["192.0.2.7"], "192.0.2.7").await, 429);
        assert_eq!(ask().header("X-Forwarded-For", "192.0.2.8").send().await.unwrap().status(), 401);
        // What stands before the address that the proxy wrote is the stranger's own invention.
        assert_eq!(ask().header("X-Forwarded-For", "198.51.100.1, 192.0.2.7").send().await.unwrap().status(), 429);
        // The proxy itself, whatever it could not read.
        assert_eq!(after_guesses(&ask, &["unknown"], "192.0.2.7, garbage").await, 429);
    }
    let right = Client::new().get(format!("http://{address}/api/dbot/members/1")).header("X-API-Key", KEY);
    assert_eq!(
        right.header("X-Forwarded-For", "192.0.2.7").send().await.unwrap().status(),
        403,
        "a right key is never throttled"
    );
}

#[tokio::test]
async fn who_is_no_proxy_cannot_speak_for_others() {
    let home = behind("192.0.2.0/24");
    let (_service, address) = home.serve().await;
    for ask in guess(&Client::new(), &home, &address).await {
        let answered = after_guesses(&ask, &["198.51.100.1"], "198.51.100.2").await;
        assert_eq!(answered, 429, "the header was made up by whoever sends it");
    }
}
