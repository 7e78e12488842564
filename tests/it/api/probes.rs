//! The addresses for load balancers, and what the log says of refusals.

use super::{GUILD, KEY, LISTS, Service, list, members, send};
use crate::support::process::{Guildsync, Stream};
use crate::support::sqlite::sqlite;

#[tokio::test(flavor = "multi_thread")]
async fn the_probes_need_no_key() {
    let service = Service::with(&[("DBOT_AUTH_KEY", "")]).await;
    let live = send(service.client.get(service.url("/healthz"))).await;
    assert_eq!((live.status, live.text.as_str()), (200, "ok"));
    let ready = send(service.client.get(service.url("/readyz"))).await;
    assert_eq!(ready.status, 200);
    insta::assert_snapshot!("ready", super::shown(&ready.json()));
    for path in ["/healthz", "/readyz"] {
        let answer = send(service.client.post(service.url(path))).await;
        answer.problem(405);
        assert_eq!(answer.header("allow"), "GET, HEAD");
        assert_eq!(send(service.client.head(service.url(path))).await.status, 200, "{path}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_of_refusals_and_of_no_secret() {
    let place = sqlite();
    let process = Guildsync::with(["serve", "--bind", "127.0.0.1:0"])
        .var("DATABASE_URL", place.url())
        .var("GUILD_ID", GUILD)
        .var("DBOT_AUTH_KEY", KEY)
        .var("GUILDSYNC__LOG__LEVEL", "debug")
        .start();
    let url = super::lists_of(&process.wait_for_line("serving on http://").await);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |key: &'static str, body: String| {
        let request = client.post(&url).header("X-API-Key", key).header("X-Guild-Id", GUILD);
        request.header("content-type", "application/json").body(body)
    };
    for (status, key, body) in [
        (401, "guessed-secret", list(members(1..=3))),
        (400, KEY, "private-name".to_owned()),
        (422, KEY, r#"{"members":[{"id":"private-name","username":"private-name"}]}"#.to_owned()),
        (200, KEY, r#"{"members":[{"id":"1","username":"private-name"}]}"#.to_owned()),
    ] {
        assert_eq!(send(post(key, body)).await.status, status);
    }
    for status in [401, 400, 422] {
        let line = process.wait_for_line(&format!("status={status}")).await;
        assert!(line.contains(LISTS) && line.contains("127.0.0.1"), "{line}");
    }
    process.wait_for_line("run ended").await;
    let log = [process.lines(Stream::Out), process.lines(Stream::Err)].concat().join("\n");
    for secret in [KEY, "guessed-secret", "private-name"] {
        assert!(!log.contains(secret), "{secret} in the log:\n{log}");
    }
}
