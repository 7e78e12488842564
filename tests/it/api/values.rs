//! Values that break a rule. Each is named by its place, and nothing changes.

use chrono::{DateTime, TimeDelta, Utc};
use guildsync::domain::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{Service, list, member, members, picked, send, shown};

/// A sound entry but for one key.
fn with(key: &str, value: Value) -> Value {
    let mut entry = member(7);
    entry[key] = value;
    entry
}

/// Sends each value under each key, and expects the fault at the key's place.
async fn each_is_refused(keys: &[&str], values: &[(Value, &str)]) {
    let service = Service::start().await;
    service.sync(members(1..=3)).await.counts();
    for key in keys {
        for (value, fault) in values {
            let answer = service.refused_body(list(vec![with(key, value.clone())]), 422).await;
            assert_eq!(answer.faults(), [format!("members[0].{key}{fault}")], "{key}: {value}");
            assert_eq!(answer.json()["fault_count"], 1);
        }
    }
    service.stop().await;
}

/// One character more than a text may have.
fn long() -> String {
    "🦀".repeat(101)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_a_discord_id() {
    each_is_refused(
        &["id"],
        &[
            (json!(null), " required"),
            (json!(""), " id"),
            (json!("0"), " id"),
            (json!("007"), " id"),
            (json!("-1"), " id"),
            (json!("+1"), " id"),
            (json!(" 1"), " id"),
            (json!("1.0"), " id"),
            (json!("1e3"), " id"),
            (json!("x"), " id"),
            (json!("١٢٣"), " id"),
            (json!("1\u{0}"), " id"),
            (json!("9223372036854775808"), " id"),
            (json!("12345678901234567890"), " id"),
            (json!(0), " id"),
            (json!(-1), " id"),
            (json!(9_223_372_036_854_775_808_u64), " id"),
            (json!(u64::MAX), " id"),
            (json!(1.5), " type"),
            (json!(1.0), " type"),
            (json!(true), " type"),
            (json!(["1"]), " type"),
            (json!({ "id": "1" }), " type"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_username_is_a_text_that_says_something() {
    each_is_refused(
        &["username"],
        &[
            (json!(null), " required"),
            (json!(""), " length"),
            (json!(long()), " length"),
            (json!("a\u{0}b"), " nul"),
            (json!(5), " type"),
            (json!(false), " type"),
            (json!(["a"]), " type"),
            (json!({}), " type"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_texts_are_texts_or_null() {
    each_is_refused(
        &["display_name", "nickname", "avatar", "avatar_hash", "guild_avatar", "guild_avatar_hash"],
        &[
            (json!(long()), " length"),
            (json!("\u{0}"), " nul"),
            (json!(0), " type"),
            (json!(1.5), " type"),
            (json!(true), " type"),
            (json!([]), " type"),
            (json!({}), " type"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_a_list_of_ids() {
    each_is_refused(
        &["roles"],
        &[
            (json!("1"), " type"),
            (json!({ "0": "1" }), " type"),
            (json!(5), " type"),
            (json!(true), " type"),
            (json!(vec!["1"; 1_001]), " count"),
            (json!(["1", ""]), "[1] length"),
            (json!(["é".repeat(65)]), "[0] length"),
            (json!(["1\u{0}"]), "[0] nul"),
            (json!([null]), "[0] type"),
            (json!(["1", 1.5]), "[1] type"),
            (json!([true]), "[0] type"),
            (json!([["1"]]), "[0] type"),
            (json!([{ "id": "1" }]), "[0] type"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_is_a_time() {
    each_is_refused(
        &["joined_at"],
        &[
            (json!(""), " time"),
            (json!("yesterday"), " time"),
            (json!("2024-01-01"), " time"),
            (json!("2024-02-30T00:00:00Z"), " time"),
            (json!("2024-01-01T24:00:00Z"), " time"),
            (json!("2024-01-01T00:00:61Z"), " time"),
            (json!("2024-01-01T00:00:00+24:00"), " time"),
            (json!("2024-01-01T00:00:00+0100"), " time"),
            (json!("2023-02-29T00:00:00Z"), " time"),
            (json!("-0001-12-31T00:00:00Z"), " time"),
            (json!("0000-01-01T00:00:00+00:01"), " time"),
            (json!("10000-01-01T00:00:00Z"), " time"),
            // The next second is in the year 10000.
            (json!("9999-12-31T23:59:60Z"), " time"),
            (json!("9999-12-31T23:59:60"), " time"),
            // Without a zone a time is written no other way than with one.
            (json!("2024-1-1T0:0:0"), " time"),
            (json!(" 2024-01-01T00:00:00"), " time"),
            (json!("2024- 1-01T00:00:00"), " time"),
            (json!("+2024-01-01T00:00:00"), " time"),
            // The minus sign of Unicode, which RFC 3339 does not know.
            (json!("2024-01-01T00:00:00\u{2212}01:00"), " time"),
            (json!("+10000-01-01T00:00:00"), " time"),
            (json!("-0001-01-01T00:00:00"), " time"),
            (json!("9999-12-31T23:59:59-01:00"), " time"),
            (json!("2024-01-01T00:00:00Z\u{0}"), " time"),
            (json!("2024-01-01T00:00:00 Europe/Berlin"), " time"),
            (json!(1_704_067_200), " type"),
            (json!(true), " type"),
            (json!([]), " type"),
            (json!({}), " type"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_is_true_or_false() {
    let wrong = [json!("true"), json!(0), json!(1), json!(1.5), json!([]), json!({})];
    each_is_refused(&["is_bot"], &wrong.map(|value| (value, " type"))).await;
}

/// Numbers that a JSON value in memory would not keep as they were written.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_judged_as_they_are_written() {
    let service = Service::start().await;
    for number in
        ["12345678901234567890", "99999999999999999999", "123456789012345678901234567890", "1e3", "1E5", "-0", "0", "-5", "7.0"]
    {
        let body = format!(r#"{{"members":[{{"id":{number},"username":"a"}}]}}"#);
        let faults = service.refused_body(body, 422).await.faults();
        assert!(faults.len() == 1 && faults[0].starts_with("members[0].id "), "{number}: {faults:?}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_its_keys_names_each_and_the_spelling_used() {
    let service = Service::start().await;
    let answer = service.refused_body(list(json!([{}])), 422).await;
    assert_eq!(answer.faults(), ["members[0].id required", "members[0].username required"]);
    let answer = service.refused_body(list(json!([{ "discord_id": "x", "avatar_hash": 1 }])), 422).await;
    assert_eq!(answer.faults(), ["members[0].discord_id id", "members[0].username required", "members[0].avatar_hash type"]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_faults_the_first_twenty_are_told_in_order_and_all_are_counted() {
    let service = Service::with(&[("GUILDSYNC__WORKER__BATCH_MEMBERS", "100")]).await;
    service.sync(members(1..=3)).await.counts();
    // Sound batches come first, so that something is staged before the first fault.
    let mut entries = members(1..=250);
    entries.extend((0..25).map(|_| json!({ "id": "x", "username": "a" })));
    let answer = service.refused_body(list(entries), 422).await;
    let expected: Vec<String> = (250..270).map(|index| format!("members[{index}].id id")).collect();
    assert_eq!(answer.faults(), expected);
    assert_eq!(answer.json()["fault_count"], 25);
    insta::assert_snapshot!("faults", shown(&answer.json()));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_body_are_counted_with_those_of_its_entries() {
    let service = Service::start().await;
    let body = r#"{"observed_at":"soon","members":[{"id":"x","username":"a"}]}"#;
    assert_eq!(service.refused_body(body, 422).await.faults(), ["observed_at time", "members[0].id id"]);
    let body = r#"{"members":[{"id":"x","username":"a"}],"observed_at":"soon"}"#;
    assert_eq!(service.refused_body(body, 422).await.faults(), ["members[0].id id", "observed_at time"]);
    let body = json!({ "observed_at": 5 });
    assert_eq!(service.refused_body(body.to_string(), 422).await.faults(), ["observed_at type", "members required"]);
    service.stop().await;
}

/// What is wrong stands after enough sound entries that some have been staged by then. On both stores nothing of them is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_behind_staged_batches_leaves_nothing() {
    let long = "1,".repeat(1_000_000);
    let entries = [
        (r#"{"id":1.0,"username":"a"}"#, "id type"),
        (r#"{"id":1e3,"username":"a"}"#, "id type"),
        (r#"{"id":-0,"username":"a"}"#, "id type"),
        (r#"{"id":-1,"username":"a"}"#, "id id"),
        (r#"{"id":12345678901234567890,"username":"a"}"#, "id id"),
        (r#"{"id":18446744073709551616,"username":"a"}"#, "id type"),
        (r#"{"id":"18446744073709551616","username":"a"}"#, "id id"),
        (r#"{"id":"300\u0000","username":"a"}"#, "id id"),
        (r#"{"id":300,"username":"\u0000"}"#, "username nul"),
        (r#"{"id":300,"username":"a","display_name":"a\u0000b"}"#, "display_name nul"),
        (r#"{"id":300,"username":"a","nickname":"\u0000b"}"#, "nickname nul"),
        (r#"{"id":300,"username":"a","avatar":"a\u0000"}"#, "avatar nul"),
        (r#"{"id":300,"username":"a","avatar_hash":"a\u0000"}"#, "avatar_hash nul"),
        (r#"{"id":300,"username":"a","guild_avatar":"a\u0000"}"#, "guild_avatar nul"),
        (r#"{"id":300,"username":"a","roles":["1","2\u00003"]}"#, "roles[1] nul"),
        (r#"{"id":300,"username":"a","roles":[1,18446744073709551616]}"#, "roles[1] type"),
        (r#"{"id":300,"username":"a","roles":[-0]}"#, "roles[0] type"),
        (r#"{"id":300,"username":"a","roles":[1e3]}"#, "roles[0] type"),
        (&format!(r#"{{"id":300,"username":"a","roles":[{long}1]}}"#), "roles count"),
        (r#"{"id":300,"username":"a","joined_at":"9999-12-31T23:59:60Z"}"#, "joined_at time"),
        (r#"{"id":300,"username":"a","joined_at":"10000-01-01T00:00:00"}"#, "joined_at time"),
        ("null", ""),
        ("[]", ""),
    ];
    let sound = list(members(1..=250));
    let sound = sound.strip_suffix("]}").unwrap();
    for service in Service::on_both(&[("GUILDSYNC__WORKER__BATCH_MEMBERS", "100")]).await {
        service.sync(members(1..=3)).await.counts();
        for (entry, fault) in entries {
            let answer = service.refused_body(format!("{sound},{entry}]}}"), 422).await;
            let expected = if fault.is_empty() { "members[250] type".into() } else { format!("members[250].{fault}") };
            assert_eq!((answer.faults(), &answer.json()["fault_count"]), (vec![expected], &json!(1)));
        }
        let again = service.sync(members(1..=3)).await.counts();
        assert_eq!(picked(&again, ["updated", "unchanged", "total_active"]), [3, 3, 3]);
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_it_was_true_is_a_time_or_nothing() {
    let service = Service::start().await;
    service.sync(members(1..=3)).await.counts();
    for (value, fault) in [
        (r#""""#, "time"),
        (r#""\u0000""#, "time"),
        (r#""2024-01-01T00:00:00Z\u0000""#, "time"),
        (r#""2024-01-01""#, "time"),
        (r#""10000-01-01T00:00:00Z""#, "time"),
        (r#""-0001-12-31T23:59:59Z""#, "time"),
        (r#""9999-12-31T23:59:60Z""#, "time"),
        (r#""9999-12-31T23:59:59-00:01""#, "time"),
        (r#""0000-01-01T00:00:00+00:01""#, "time"),
        (r#""2024-01-01T00:00:00+24:00""#, "time"),
        ("1704067200", "type"),
        ("1e3", "type"),
        ("99999999999999999999", "type"),
        ("false", "type"),
        ("[]", "type"),
        ("{}", "type"),
    ] {
        let answer = service.refused_body(format!(r#"{{"observed_at":{value},"members":[]}}"#), 422).await;
        assert_eq!(answer.faults(), [format!("observed_at {fault}")], "{value}");
    }
    for switch in ["dry_run", "allow_mass_departure"] {
        for value in [r#""true""#, "0", "1", "1e3", "18446744073709551616", "[]", "{}", r#""\u0000""#] {
            let answer = service.refused_body(format!(r#"{{"{switch}":{value},"members":[]}}"#), 422).await;
            assert_eq!(answer.faults(), [format!("{switch} type")], "{value}");
        }
    }
    service.stop().await;
}

/// Times at the edges of what RFC 3339 can write, and what they are in UTC.
const EDGES: [(&str, &str); 10] = [
    ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ("9999-12-31T23:59:59.9999999999Z", "9999-12-31T23:59:59.999999Z"),
    ("9999-12-31T00:00:00-23:59", "9999-12-31T23:59:00Z"),
    ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
    ("0000-01-01T23:59:00.000001+23:59", "0000-01-01T00:00:00.000001Z"),
    ("0000-02-29T12:00:00", "0000-02-29T12:00:00Z"),
    ("2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"),
    ("2024-02-29T00:00:00+23:59", "2024-02-28T00:01:00Z"),
    ("2024-02-29T00:00:00-23:59", "2024-02-29T23:59:00Z"),
    ("1969-12-31T23:59:59.9999999", "1969-12-31T23:59:59.999999Z"),
];

#[tokio::test(flavor = "multi_thread")]
async fn times_at_the_edges_come_back_as_they_were_sent() {
    for service in Service::on_both(&[]).await {
        for (given, kept) in EDGES {
            let entry = json!([with("joined_at", json!(given))]);
            service.sync(entry.clone()).await.counts();
            let member = service.get("/api/dbot/members/7").await.json();
            assert_eq!(member["joined_at"], kept, "{given}");
            assert_eq!(picked(&service.sync(entry).await.counts(), ["updated", "unchanged"]), [1, 1], "{given}");
            // The same moment, said otherwise, is no change.
            let same = json!([with("joined_at", json!(kept))]);
            assert_eq!(picked(&service.sync(same).await.counts(), ["updated", "unchanged"]), [1, 1], "{given}");
        }
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_may_be_as_old_as_a_time_can_be_and_no_newer_than_now() {
    let body = |at: &str| json!({ "members": [member(7)], "observed_at": at }).to_string();
    for service in Service::on_both(&[]).await {
        let observed = async |answer: super::Answer| {
            let run = answer.counts()["run_id"].as_str().unwrap().to_owned();
            let run = service.get(&format!("/api/dbot/sync_runs/{run}")).await.json();
            let member = service.get("/api/dbot/members/7").await.json();
            (run["observed_at"].as_str().unwrap().to_owned(), member["observed_at"].as_str().unwrap().to_owned())
        };
        let oldest = "0000-01-01T00:00:00Z";
        let first = send(service.post(body(oldest))).await;
        assert_eq!(picked(&first.counts(), ["created"]), [1]);
        assert_eq!(observed(first).await, (oldest.to_owned(), oldest.to_owned()));
        // Of the same moment, so not older.
        let second = send(service.post(body("0000-01-01T23:59:00+23:59"))).await;
        assert_eq!(picked(&second.counts(), ["updated", "unchanged"]), [1, 1]);
        for future in ["9999-12-31T23:59:59.999999Z", "9999-12-31T00:00:00-23:59"] {
            let before = SystemClock.now() - TimeDelta::seconds(1);
            let (at, _) = observed(send(service.post(body(future))).await).await;
            assert!((before..=SystemClock.now()).contains(&at.parse::<DateTime<Utc>>().unwrap()), "{future} counts as {at}");
        }
        let late = send(service.post(body("0000-01-01T00:00:00.000001Z"))).await.counts();
        assert_eq!(late["state"], "superseded");
        service.stop().await;
    }
}
