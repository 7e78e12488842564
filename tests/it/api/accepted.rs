//! Lists that are taken, and what they come to.

use serde_json::json;

use super::{GUILD, Service, list, member, members, picked, send, shown};

/// The body that the first users' bots send.
const SAMPLE: &str = r#"{
  "members": [
    {
      "id": "123456789",
      "username": "user#1234",
      "display_name": "Display Name",
      "nickname": "Server Nickname",
      "avatar": "avatar_hash",
      "roles": ["role_id_1", "role_id_2"],
      "joined_at": "2024-01-01T00:00:00Z",
      "is_bot": false
    }
  ]
}"#;
const WHOLE: &str = "username || '/' || display_name || '/' || nickname || '/' || avatar_hash || '/' || guild_avatar_hash || '/' || roles || '/' || joined_at || '/' || is_bot";

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_creates_and_then_updates() {
    let service = Service::start().await;
    let first = send(service.post(SAMPLE)).await;
    let second = send(service.post(SAMPLE)).await;
    assert_eq!(picked(&first.counts(), ["created", "updated", "marked_left"]), [1, 0, 0]);
    assert_eq!(picked(&second.counts(), ["created", "updated", "unchanged", "marked_left"]), [0, 1, 1, 0]);
    assert_eq!(first.header("content-type"), "application/json; charset=utf-8");
    insta::assert_snapshot!("counts", shown(&first.json()));
    assert_eq!(
        service.of_member("123456789", WHOLE).await,
        r#"user#1234/Display Name/Server Nickname/avatar_hash//["role_id_1","role_id_2"]/1704067200000000/0"#
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_spelling_means_the_same() {
    let service = Service::start().await;
    let first = json!([{ "id": "5", "username": "a", "avatar": "x", "guild_avatar": "y", "joined_at": "2024-01-01T00:00:00Z" }]);
    service.sync(first).await.counts();
    let other = json!([{ "discord_id": "5", "username": "a", "avatar_hash": "x", "guild_avatar_hash": "y",
                         "joined_at": "2024-01-01T02:00:00+02:00" }]);
    assert_eq!(picked(&service.sync(other).await.counts(), ["updated", "unchanged"]), [1, 1]);
    let zero = json!([{ "discord_id": 5, "username": "a", "avatar_hash": "x", "guild_avatar_hash": "y",
                        "joined_at": "2024-01-01T00:00:00+00:00" }]);
    assert_eq!(picked(&service.sync(zero).await.counts(), ["updated", "unchanged"]), [1, 1]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_spellings_the_documented_one_counts_wherever_it_stands() {
    let service = Service::start().await;
    let both = r#"{"members":[{"discord_id":"9","id":"7","username":"a","avatar":"right","avatar_hash":"wrong",
        "guild_avatar_hash":"wrong","guild_avatar":"right, too"}]}"#;
    assert_eq!(picked(&send(service.post(both)).await.counts(), ["created"]), [1]);
    assert_eq!(service.of_member("7", "avatar_hash || ', ' || guild_avatar_hash").await, "right, right, too");
    assert_eq!(service.column("SELECT CAST(discord_id AS TEXT) FROM guild_members").await, ["7"]);
    // Also when it says nothing.
    let null = r#"{"members":[{"id":"7","username":"a","avatar_hash":"wrong","avatar":null,
        "guild_avatar":null,"guild_avatar_hash":"wrong"}]}"#;
    send(service.post(null)).await.counts();
    assert_eq!(service.of_member("7", "avatar_hash || guild_avatar_hash").await, "");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_is_its_default_and_overwrites() {
    let service = Service::start().await;
    send(service.post(SAMPLE)).await.counts();
    let pictured = json!([{ "id": "123456789", "username": "user", "nickname": "nick", "guild_avatar": "a_1" }]);
    assert_eq!(picked(&service.sync(pictured).await.counts(), ["updated", "unchanged"]), [1, 0]);
    assert_eq!(service.of_member("123456789", "guild_avatar_hash").await, "a_1");
    let short = json!([{ "id": "123456789", "username": "user" }]);
    assert_eq!(picked(&service.sync(short.clone()).await.counts(), ["updated", "unchanged"]), [1, 0]);
    let whole = WHOLE.replace("joined_at", "coalesce(joined_at, 'none')");
    // All but the picture for the guild, of which most bots know nothing.
    assert_eq!(service.of_member("123456789", &whole).await, "user////a_1/[]/none/0");
    assert_eq!(picked(&service.sync(short).await.counts(), ["updated", "unchanged"]), [1, 1]);
    let nulls = json!([{ "id": "123456789", "username": "user", "display_name": null, "nickname": null, "avatar": null,
                         "guild_avatar": null, "roles": [], "joined_at": null, "is_bot": false }]);
    assert_eq!(picked(&service.sync(nulls.clone()).await.counts(), ["updated", "unchanged"]), [1, 0]);
    assert_eq!(service.of_member("123456789", &whole).await, "user/////[]/none/0");
    assert_eq!(picked(&service.sync(nulls).await.counts(), ["updated", "unchanged"]), [1, 1]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_is_ignored() {
    let service = Service::start().await;
    let body = r#"{"guild":{"name":"x","deep":[[{"a":1}]]},"members":[{"id":1,"username":"a","premium_since":null,
        "flags":[1,{"id":2}],"user":{"id":"99"}}],"more":1e400,"version":2}"#;
    let body = body.replace("1e400", "1e30");
    assert_eq!(picked(&send(service.post(body)).await.counts(), ["created", "total_received"]), [1, 1]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_keep_their_order_and_lose_everyone() {
    let service = Service::start().await;
    let guild: u64 = GUILD.parse().unwrap();
    let roles = json!(["30", GUILD, 10, "20", guild, "äö", "10"]);
    service.sync(json!([{ "id": 1, "username": "a", "roles": roles }])).await.counts();
    assert_eq!(service.of_member("1", "roles").await, r#"["30","10","20","äö","10"]"#);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_values_fit_in_characters_not_bytes() {
    let service = Service::start().await;
    let text = "🦀".repeat(100);
    let role = "é".repeat(64);
    let entry = json!({ "id": i64::MAX, "username": text, "display_name": text, "nickname": text, "avatar": text,
                        "guild_avatar": text, "roles": vec![role; 1_000], "is_bot": true });
    assert_eq!(picked(&service.sync(json!([entry])).await.counts(), ["created"]), [1]);
    assert_eq!(service.of_member("9223372036854775807", "username").await, text);
    let lengths = "length(nickname) || ' ' || json_array_length(roles)";
    assert_eq!(service.of_member("9223372036854775807", lengths).await, "100 1000");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_kept_to_the_microsecond() {
    let service = Service::start().await;
    for (given, kept) in [
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00+00:00"),
        ("2024-01-01t00:00:00.123456789z", "2024-01-01T00:00:00.123456+00:00"),
        ("2024-01-01T00:00:00", "2024-01-01T00:00:00+00:00"),
        ("2024-01-01T00:00:00.5", "2024-01-01T00:00:00.500+00:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
        // A leap second counts as the next one.
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2016-12-31T18:59:60-05:00", "2017-01-01T00:00:00+00:00"),
        ("1969-07-20T20:17:40Z", "1969-07-20T20:17:40+00:00"),
    ] {
        service.sync(json!([{ "id": 1, "username": "a", "joined_at": given }])).await.counts();
        let micros: i64 = service.of_member("1", "CAST(joined_at AS TEXT)").await.parse().unwrap();
        let time = chrono::DateTime::from_timestamp_micros(micros).unwrap();
        assert_eq!(time.to_rfc3339(), kept, "{given}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_listed_has_left_and_may_return() {
    let service = Service::start().await;
    service.sync(members(1..=10)).await.counts();
    let fewer = service.sync(members(1..=8)).await.counts();
    assert_eq!(picked(&fewer, ["updated", "unchanged", "marked_left", "left", "total_active"]), [8, 8, 2, 2, 8]);
    let back = service.sync(members(1..=9)).await.counts();
    assert_eq!(picked(&back, ["updated", "unchanged", "rejoined", "marked_left", "total_active"]), [9, 8, 1, 0, 9]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_duplicates_the_last_counts_also_across_batches() {
    let service = Service::with(&[("GUILDSYNC__WORKER__BATCH_MEMBERS", "100")]).await;
    let mut entries = members(1..=250);
    entries.insert(0, json!({ "id": "250", "username": "first of 250" }));
    entries.insert(120, json!({ "id": "1", "username": "second of 1" }));
    entries.push(json!({ "id": "1", "username": "last of 1" }));
    entries.push(member(249));
    let counts = service.sync(entries.clone()).await.counts();
    assert_eq!(
        picked(&counts, ["total_received", "duplicates", "created", "updated", "skipped", "total_active"]),
        [254, 4, 250, 0, 0, 250]
    );
    assert_eq!(service.of_member("1", "username").await, "last of 1");
    assert_eq!(service.of_member("250", "username").await, "user250");
    let again = service.sync(entries).await.counts();
    assert_eq!(picked(&again, ["created", "updated", "unchanged", "duplicates", "marked_left"]), [0, 250, 250, 4, 0]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_content_type_may_carry_more() {
    let service = Service::start().await;
    for kind in ["application/json; charset=utf-8", "Application/JSON", "application/vnd.bot+json"] {
        let request = service.client.post(service.url(super::LISTS)).header("X-API-Key", super::KEY).header("X-Guild-Id", GUILD);
        let answer = send(request.header("content-type", kind).body(list(members(1..=2)))).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text);
    }
    service.stop().await;
}
