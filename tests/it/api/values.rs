//! Values that break a rule. Each is named by its place, and nothing changes.

use serde_json::{Value, json};

use super::{Service, list, member, members, shown};

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
        &["display_name", "nickname", "avatar", "avatar_hash"],
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
            (json!("10000-01-01T00:00:00Z"), " time"),
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
