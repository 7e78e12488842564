//! How much is taken: bytes, entries, lists at a time. Both sides of each bound.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::connections::{Raw, head};
use super::encodings::{gzip, zstd};
use super::{Service, list, members, picked, send};
use crate::support::process::Guildsync;
use crate::support::sqlite::sqlite;

/// A list of exactly `length` bytes.
fn padded(length: usize) -> String {
    let body = list(members(1..=3));
    format!("{body}{}", " ".repeat(length - body.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_may_be_as_large_as_the_limit_and_no_larger() {
    let service = Service::with(&[("GUILDSYNC__API__MAX_BODY", "100_000")]).await;
    assert_eq!(send(service.post(padded(100_000))).await.status, 200);
    let answer = service.refused_body(padded(100_001), 413).await;
    assert!(answer.text.contains("api.max_body"), "{}", answer.text);
    for length in [100_000, 100_001] {
        let body = padded(length).into_bytes();
        for (encoding, packed) in [("gzip", gzip(body.clone()).await), ("zstd", zstd(body).await)] {
            let request = service.post(packed).header("content-encoding", encoding);
            if length > 100_000 {
                service.refused(request, 413).await;
            } else {
                assert_eq!(send(request).await.status, 200, "{encoding}");
            }
        }
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_body_that_inflates_without_end_is_cut_off() {
    let service = Service::with(&[("GUILDSYNC__API__MAX_BODY", "1_000_000")]).await;
    service.sync(members(1..=3)).await.counts();
    let mut bomb = list(members(1..=3)).into_bytes();
    bomb.resize(200_000_000, b' ');
    for (encoding, body) in [("gzip", gzip(bomb.clone()).await), ("zstd", zstd(bomb).await)] {
        assert!(body.len() < 1_000_000, "{encoding} packs to {}", body.len());
        service.refused(service.post(body).header("content-encoding", encoding), 413).await;
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_may_be_as_long_as_the_limit_and_no_longer() {
    let settings = [("GUILDSYNC__API__MAX_MEMBERS", "250"), ("GUILDSYNC__WORKER__BATCH_MEMBERS", "100")];
    let service = Service::with(&settings).await;
    assert_eq!(picked(&service.sync(members(1..=250)).await.counts(), ["created"]), [250]);
    let answer = service.refused_body(list(members(1..=251)), 413).await;
    assert!(answer.text.contains("api.max_members"), "{}", answer.text);
    // Entries are counted, not persons.
    service.refused_body(list(vec![super::member(1); 251]), 413).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_must_wait_for_others_too_long_is_told_to_come_back() {
    let settings = [("GUILDSYNC__API__MAX_UPLOADS", "1"), ("GUILDSYNC__API__BODY_IDLE_SECS", "1")];
    let service = Service::with(&settings).await;
    let mut slow = Raw::connect(&service).await;
    slow.write(format!("{}\r\n{{", head("Content-Length: 100000"))).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let stopped = stop.clone();
    // Never still for a second, so that it keeps its place.
    let trickle = tokio::spawn(async move {
        while !stopped.is_cancelled() {
            let _ = slow.stream.write_all(b" ").await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut busy = None;
    crate::support::eventually("the one place is taken", async || {
        let answer = service.sync(members(1..=2)).await;
        let taken = answer.status == 503;
        busy = Some(answer);
        taken
    })
    .await;
    let busy = busy.unwrap();
    busy.problem(503);
    assert!(busy.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 0));
    stop.cancel();
    trickle.await.unwrap();
    crate::support::eventually("the place is free", async || service.sync(members(1..=2)).await.status == 200).await;
    service.stop().await;
}

/// In a process of its own, whose memory can be told apart from the other tests'.
#[tokio::test(flavor = "multi_thread")]
async fn a_million_roles_cost_no_memory_and_a_million_members_little() {
    let place = sqlite();
    let process = Guildsync::with(["serve", "--bind", "127.0.0.1:0"])
        .var("DATABASE_URL", place.url())
        .var("GUILD_ID", super::GUILD)
        .var("DBOT_AUTH_KEY", super::KEY)
        .start();
    let url = super::lists_of(&process.wait_for_line("serving on http://").await);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |body: String| {
        let request = client.post(&url).header("X-API-Key", super::KEY).header("X-Guild-Id", super::GUILD);
        send(request.header("content-type", "application/json").body(body)).await
    };
    let roles = "\"123456789012345678\",".repeat(1_000_000);
    let roles = format!(r#"{{"members":[{{"id":"1","username":"a","roles":[{}]}}]}}"#, roles.trim_end_matches(','));
    assert_eq!(post(roles).await.faults(), ["members[0].roles count"]);
    let long = json!({ "members": [{ "id": "1", "username": "x".repeat(30_000_000) }] }).to_string();
    post(long).await.problem(413);
    let entry = |id: u64| format!(r#"{{"id":"{id}","username":"user{id}","roles":["123456789012345678"]}}"#);
    let entries: Vec<String> = (1..=200_000).map(entry).collect();
    let answer = post(format!(r#"{{"members":[{}]}}"#, entries.join(","))).await;
    assert_eq!(picked(&answer.counts(), ["created"]), [200_000]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 128 * 1024, "peak memory {peak} KiB");
}
