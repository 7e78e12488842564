//! In which order a request is judged, and that each refusal says what it should.

use reqwest::{Method, RequestBuilder};

use super::{GUILD, KEY, LISTS, Service, list, members, send};

/// A request with everything wrong from a step on; each step mends one thing.
fn steps(service: &Service) -> Vec<(u16, RequestBuilder)> {
    let at = |method, path: &str| service.client.request(method, service.url(path));
    let bad = r#"{"members":[{"id":"x"}"#;
    let post = || at(Method::POST, LISTS);
    let keyed = || post().header("X-API-Key", KEY);
    let ours = || keyed().header("X-Guild-Id", GUILD);
    vec![
        (404, at(Method::DELETE, "/api/dbot/nothing").header("content-type", "text/plain").body(bad)),
        (405, at(Method::PUT, LISTS).header("content-type", "text/plain").body(bad)),
        (401, post().header("content-type", "text/plain").body(bad)),
        (401, post().header("X-API-Key", "wrong").header("X-Guild-Id", GUILD).body(bad)),
        (403, keyed().header("content-type", "text/plain").body(bad)),
        (403, keyed().header("X-Guild-Id", "7").header("content-type", "text/plain").body(bad)),
        (415, ours().header("content-type", "text/plain").body(bad)),
        (400, ours().header("content-type", "application/json").body(bad)),
        (422, ours().header("content-type", "application/json").body(format!("{bad}]}}"))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_first_is_told_first_and_nothing_changes() {
    let service = Service::start().await;
    service.sync(members(1..=3)).await.counts();
    for (status, request) in steps(&service) {
        service.refused(request, status).await;
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_all_but_404_and_405_is_503() {
    let service = Service::with(&[("DBOT_AUTH_KEY", "")]).await;
    for (status, request) in steps(&service) {
        let expected = if matches!(status, 404 | 405) { status } else { 503 };
        let answer = service.refused(request, expected).await;
        if expected == 503 {
            assert!(answer.json()["detail"].as_str().unwrap().contains("DBOT_AUTH_KEY"), "{}", answer.text);
        }
    }
    service.get("/api/dbot/sync_runs/0190a3c0-0000-7000-8000-000000000000").await.problem(503);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_guild_the_api_says_so() {
    let service = Service::with(&[("GUILD_ID", "")]).await;
    let answer = service.refused(service.post(list(members(1..=2))), 503).await;
    assert!(answer.json()["detail"].as_str().unwrap().contains("GUILD_ID"), "{}", answer.text);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_405_names_what_is_allowed() {
    let service = Service::start().await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = send(service.client.request(method, service.url(LISTS))).await;
        answer.problem(405);
        assert_eq!(answer.header("allow"), "POST");
    }
    let run = service.url("/api/dbot/sync_runs/0190a3c0-0000-7000-8000-000000000000");
    let answer = send(service.client.post(run)).await;
    answer.problem(405);
    assert_eq!(answer.header("allow"), "GET, HEAD");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_404() {
    let service = Service::start().await;
    for path in ["/api", "/api/", "/api/dbot", "/api/dbot/sync_guild_members/", "/api/dbot/sync_guild_members/x", "/api/%ff"] {
        service.refused(service.client.post(service.url(path)).body("x"), 404).await;
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_almost_fit_do_not() {
    let service = Service::start().await;
    let with = |key: &'static str, guild: &'static str| {
        service.bare_post(list(members(1..=2))).header("X-API-Key", key).header("X-Guild-Id", guild)
    };
    for key in ["", "key-of-the-tests-471", "key-of-the-tests-47111", "KEY-OF-THE-TESTS-4711", "key-of-the-tests-4711,"] {
        service.refused(with(key, GUILD), 401).await;
    }
    for guild in ["", "042000000000000001", "42000000000000001.0", "4200000000000000", "*"] {
        service.refused(with(KEY, guild), 403).await;
    }
    for kind in ["", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"] {
        let request = service.client.post(service.url(LISTS)).header("X-API-Key", KEY).header("X-Guild-Id", GUILD);
        service.refused(request.header("content-type", kind).body(list(members(1..=2))), 415).await;
    }
    service.stop().await;
}
