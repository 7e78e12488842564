//! Lists that are not believed, and lists that come too late.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Service, members, picked, send, shown};

const ACTIVE: &str = "SELECT CAST(discord_id AS TEXT) FROM guild_members WHERE date_left IS NULL";
const NAMES: [&str; 5] = ["marked_left", "departures_held", "total_active", "updated", "created"];

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_held_and_marks_nobody() {
    let service = Service::start().await;
    service.sync(members(1..=3)).await.counts();
    let held = service.sync(json!([])).await.counts();
    assert_eq!((&held["state"], &held["held_reason"]), (&"held".into(), &"empty_list".into()));
    assert_eq!(picked(&held, NAMES), [0, 3, 3, 0, 0]);
    insta::assert_snapshot!("held", shown(&held));
    assert_eq!(service.column(ACTIVE).await.len(), 3);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_came_in_short_is_held_and_the_rest_of_it_applies() {
    let service = Service::start().await;
    service.sync(members(1..=200)).await.counts();
    // The guard believes 40 of 200: the 41st is one too many.
    let short = members((42..=200).chain([500]));
    let held = service.sync(short).await.counts();
    assert_eq!((&held["state"], &held["held_reason"]), (&"held".into(), &"mass_departure".into()));
    assert_eq!(picked(&held, NAMES), [0, 41, 201, 159, 1]);
    assert_eq!(service.column(ACTIVE).await.len(), 201);
    // One departure less is believed.
    let believed = service.sync(members((41..=200).chain([500]))).await.counts();
    assert_eq!((&believed["state"], &believed["held_reason"]), (&"succeeded".into(), &Value::Null));
    assert_eq!(picked(&believed, ["marked_left", "departures_held", "total_active"]), [40, 0, 161]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_guild_may_lose_as_many_as_the_floor() {
    let service = Service::start().await;
    service.sync(members(1..=27)).await.counts();
    let held = service.sync(members(27..=27)).await.counts();
    assert_eq!(picked(&held, ["marked_left", "departures_held"]), [0, 26]);
    let believed = service.sync(members(26..=27)).await.counts();
    assert_eq!(picked(&believed, ["marked_left", "departures_held", "total_active"]), [25, 0, 2]);
    service.stop().await;
}

/// A body with the time it was seen.
fn seen(observed_at: &str, ids: std::ops::RangeInclusive<u64>) -> String {
    json!({ "observed_at": observed_at, "members": members(ids) }).to_string()
}

async fn observed(service: &Service, answer: &Value) -> DateTime<Utc> {
    let run = service.get(&format!("/api/dbot/sync_runs/{}", answer["run_id"].as_str().unwrap())).await.json();
    run["observed_at"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_list_is_its_own_but_never_in_the_future() {
    let service = Service::start().await;
    let past = send(service.post(seen("2024-05-01T12:00:00.25+02:00", 1..=3))).await.counts();
    assert_eq!(observed(&service, &past).await, "2024-05-01T10:00:00.25Z".parse::<DateTime<Utc>>().unwrap());
    let zoneless = send(service.post(seen("2024-05-01T12:00:00", 1..=3))).await.counts();
    assert_eq!(observed(&service, &zoneless).await, "2024-05-01T12:00:00Z".parse::<DateTime<Utc>>().unwrap());
    let future = send(service.post(seen("9999-01-01T00:00:00Z", 1..=4))).await.counts();
    let unsent = service.sync(members(1..=5)).await.counts();
    let (future, unsent) = (observed(&service, &future).await, observed(&service, &unsent).await);
    assert!(future < unsent && unsent - future < TimeDelta::minutes(5), "{future} {unsent}");
    let null = json!({ "observed_at": null, "members": members(1..=5) }).to_string();
    assert_eq!(send(service.post(null)).await.status, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_older_than_the_last_applied_one_does_nothing() {
    let service = Service::start().await;
    send(service.post(seen("2024-05-02T00:00:00Z", 1..=3))).await.counts();
    let rows = "SELECT discord_id || username || date_modified || observed_at FROM guild_members ORDER BY 1";
    let before = service.column(rows).await;
    let late = send(service.post(seen("2024-05-01T23:59:59.999999Z", 2..=9))).await.counts();
    insta::assert_snapshot!("superseded", shown(&late));
    assert_eq!(late["state"], "superseded");
    assert_eq!(picked(&late, ["total_received", "total_active"]), [8, 3]);
    assert_eq!(service.column(rows).await, before);
    // Of the same moment is not older.
    let same = send(service.post(seen("2024-05-02T00:00:00Z", 1..=2))).await.counts();
    assert_eq!((&same["state"], picked(&same, ["marked_left"])), (&"succeeded".into(), [1]));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_cannot_be_read_is_a_422() {
    let service = Service::start().await;
    for (value, rule) in
        [(json!("soon"), "time"), (json!(""), "time"), (json!(5), "type"), (json!([]), "type"), (json!({}), "type")]
    {
        let body = json!({ "observed_at": value, "members": members(1..=3) }).to_string();
        assert_eq!(service.refused_body(body, 422).await.faults(), [format!("observed_at {rule}")]);
    }
    service.stop().await;
}
