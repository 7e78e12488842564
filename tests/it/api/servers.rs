//! The same over PostgreSQL and Redis, and while PostgreSQL is away.

use serde_json::json;

use super::{Database, Service, list, member, members, picked};
use crate::support::postgres::{PrivatePostgres, database};
use crate::support::redis::{unique_prefix, url as redis};

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_taken_and_refused_alike() {
    let database = database().await;
    let (url, redis, prefix) = (database.url().to_owned(), redis(), unique_prefix());
    let settings = [
        ("REDIS_URL", redis.as_str()),
        ("GUILDSYNC__REDIS__PREFIX", prefix.as_str()),
        ("GUILDSYNC__WORKER__BATCH_MEMBERS", "100"),
    ];
    let service = Service::on(Database::Postgres(database), &url, &settings).await;
    let mut entries = members(1..=250);
    entries
        .push(json!({ "id": 1, "username": "last", "nickname": "🦀".repeat(100), "joined_at": "9999-12-31T23:59:59.999999Z" }));
    let counts = service.sync(entries.clone()).await.counts();
    assert_eq!(picked(&counts, ["created", "duplicates", "total_received", "total_active"]), [250, 1, 251, 250]);
    assert_eq!(picked(&service.sync(entries).await.counts(), ["created", "updated", "unchanged"]), [0, 250, 250]);
    let counts = service.sync(members(1..=249)).await.counts();
    assert_eq!(picked(&counts, ["updated", "unchanged", "marked_left", "total_active"]), [249, 248, 1, 249]);
    let held = service.sync(json!([])).await.counts();
    assert_eq!((&held["state"], picked(&held, ["departures_held"])), (&"held".into(), [249]));
    let mut faulty = members(1..=250);
    faulty.push(json!({ "id": "1", "username": "a\u{0}" }));
    assert_eq!(service.refused_body(list(faulty), 422).await.faults(), ["members[250].username nul"]);
    service.refused_body(list(members(1..=250))[..5_000].to_owned(), 400).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_the_api_is_a_503_and_comes_back() {
    let mut server = PrivatePostgres::start();
    let database = server.database().await;
    let url = database.url().to_owned();
    let service = Service::on(Database::Postgres(database), &url, &[("GUILDSYNC__DATABASE__ACQUIRE_TIMEOUT_SECS", "1")]).await;
    let id = service.sync(members(1..=3)).await.counts()["run_id"].as_str().unwrap().to_owned();
    let before = service.tables().await;
    server.stop_hard();
    let away = service.sync(vec![member(1)]).await;
    away.problem(503);
    assert!(away.header("retry-after").parse::<u64>().is_ok_and(|wait| wait > 0));
    service.get(&format!("/api/dbot/sync_runs/{id}")).await.problem(503);
    let ready = service.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["database"]), (503, &"away".into()));
    assert_eq!(service.get("/healthz").await.status, 200);
    server.restart();
    crate::support::eventually("it is ready again", async || service.get("/readyz").await.status == 200).await;
    assert_eq!(service.tables().await, before);
    assert_eq!(picked(&service.sync(members(1..=3)).await.counts(), ["updated", "unchanged"]), [3, 3]);
    service.stop().await;
}
