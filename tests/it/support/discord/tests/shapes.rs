//! Whether the fake speaks as Discord does: its answers against the shapes in `shapes.json`.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::DateTime;
use serde_json::Map;

use super::*;

static SHAPES: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(include_str!("shapes.json")).expect("shapes.json"));

/// The keys of a shape and their types: what the specification has, and what only the documentation tells.
fn keys(shape: &str) -> Map<String, Value> {
    let parts = ["schemas", "documented"].map(|part| SHAPES[part][shape].as_object().cloned().unwrap_or_default());
    let keys: Map<String, Value> = parts.into_iter().flatten().collect();
    assert!(!keys.is_empty(), "shapes.json has no shape {shape}");
    keys
}

/// What is wrong with a value that should be of that type, each with its place.
pub(super) fn faults(at: &str, value: &Value, kind: &str) -> Vec<String> {
    // A list may have a choice within it.
    let choices = if kind.starts_with('[') {
        kind.rsplit_once("]|").map_or(vec![kind], |(list, _)| vec![list, "null"])
    } else {
        kind.split('|').collect()
    };
    let mut found = Vec::new();
    for choice in choices {
        found = faults_of_one(at, value, choice);
        if found.is_empty() {
            return found;
        }
    }
    found
}

fn faults_of_one(at: &str, value: &Value, kind: &str) -> Vec<String> {
    if let Some(inner) = kind.strip_prefix('[') {
        let inner = inner.trim_end_matches(']');
        let Some(list) = value.as_array() else { return vec![format!("{at} is no list: {value}")] };
        return list.iter().enumerate().flat_map(|(place, one)| faults(&format!("{at}[{place}]"), one, inner)).collect();
    }
    let text = value.as_str();
    let right = match kind {
        "string" => text.is_some(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        "snowflake" => text.is_some_and(|text| text.parse::<u64>().is_ok_and(|id| id.to_string() == text)),
        "time" => text.is_some_and(|text| DateTime::parse_from_rfc3339(text).is_ok()),
        shape => return faults_of_shape(at, value, shape),
    };
    if right { Vec::new() } else { vec![format!("{at} is no {kind}: {value}")] }
}

fn faults_of_shape(at: &str, value: &Value, shape: &str) -> Vec<String> {
    let Some(object) = value.as_object() else { return vec![format!("{at} is no {shape}: {value}")] };
    let keys = keys(shape);
    let mut found = Vec::new();
    for (key, kind) in &keys {
        let (name, optional) = key.strip_suffix('?').map_or((key.as_str(), false), |name| (name, true));
        match object.get(name) {
            Some(value) => found.extend(faults(&format!("{at}.{name}"), value, kind.as_str().expect("a type"))),
            None if optional => {}
            None => found.push(format!("{at}.{name} is missing")),
        }
    }
    let known = |key: &String| keys.contains_key(key) || keys.contains_key(&format!("{key}?"));
    found.extend(object.keys().filter(|key| !known(key)).map(|key| format!("{at}.{key} is not Discord's")));
    found
}

fn assert_shape(told: &Told, status: u16, kind: &str) {
    assert_eq!(told.status, status, "{}", told.text);
    let found = faults(kind, &told.json(), kind);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_wrong_shape_is_found_wrong() {
    let right = Person::new(7).roles(&[5]).nick("Ada").member();
    assert_eq!(faults("one", &right, "GuildMemberResponse"), [""; 0]);
    let mut wrong = right.clone();
    wrong["user"]["id"] = 7.into();
    wrong["roles"] = json!(["5", "five"]);
    wrong["nick"] = 5.into();
    wrong["more"] = 1.into();
    wrong["joined_at"] = "yesterday".into();
    wrong.as_object_mut().unwrap().remove("deaf");
    let mut found = faults("one", &wrong, "GuildMemberResponse");
    found.sort();
    let expected = [
        "one.deaf is missing",
        "one.joined_at is no time: \"yesterday\"",
        "one.more is not Discord's",
        "one.nick is no null: 5",
        "one.roles[1] is no snowflake: \"five\"",
        "one.user.id is no snowflake: 7",
    ];
    assert_eq!(found, expected);
    assert_eq!(faults("all", &json!([right, 5]), "[GuildMemberResponse]"), ["all[1] is no GuildMemberResponse: 5"]);
    assert_eq!(faults("it", &json!(["a", null]), "[string|null]"), [""; 0]);
    assert_eq!(faults("it", &json!(["a", null]), "[string]|null").len(), 1);
}

#[tokio::test]
async fn every_answer_has_the_shape_that_discord_publishes() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    fake.world(|w| {
        w.put(&Person::new(7).global_name("Ada").roles(&[5]));
        w.put(&Person::new(8).bot());
        w.roles.push(role(5, "Staff", 7));
        w.channels.insert(6, true);
    });
    let guild = format!("/guilds/{GUILD}");
    for (path, shape) in [
        ("/gateway", "GatewayResponse"),
        ("/gateway/bot", "GatewayBotResponse"),
        ("/users/@me", "UserPIIResponse"),
        ("/applications/@me", "PrivateApplicationResponse"),
        (guild.as_str(), "GuildResponse"),
        (&format!("{guild}?with_counts=true"), "GuildWithCountsResponse"),
        (&format!("{guild}/members?limit=10"), "[GuildMemberResponse]"),
        (&format!("{guild}/members/7"), "GuildMemberResponse"),
        (&format!("{guild}/roles"), "[GuildRoleResponse]"),
        ("/channels/6", "ChannelResponse"),
    ] {
        assert_shape(&client.get(path).await, 200, shape);
    }
    let send = async |method, path: &str, body| client.send(method, path, Some(body)).await.unwrap();
    let option = json!({ "type": 5, "name": "dry_run", "description": "Only count" });
    let command =
        json!({ "name": "sync_members", "description": "Sync", "default_member_permissions": "8", "options": [option] });
    let path = format!("/applications/{APPLICATION}/guilds/{GUILD}/commands");
    assert_shape(&send("PUT", &path, json!([command])).await, 200, "[ApplicationCommandResponse]");
    assert_shape(&send("POST", "/channels/6/messages", json!({ "content": "hello" })).await, 200, "MessageResponse");
    let (id, token) = fake.world(|w| w.open_interaction(6));
    let callback = send("POST", &format!("/interactions/{id}/{token}/callback"), json!({ "type": 5 })).await;
    assert_eq!((callback.status, callback.text.as_str()), (204, ""));
    let path = format!("/webhooks/{APPLICATION}/{token}/messages/@original");
    assert_shape(&send("PATCH", &path, json!({ "content": "hello" })).await, 200, "MessageResponse");
}

#[tokio::test]
async fn every_refusal_has_the_shape_that_discord_publishes() {
    let fake = Fake::start().await;
    let client = Client::of(&fake);
    for (path, status) in [
        ("/no/such/route", 404),
        ("/guilds/12345", 404),
        ("/channels/12345", 404),
        ("/channels/general", 400),
        (&format!("/guilds/{GUILD}/members/7"), 404),
        (&format!("/guilds/{GUILD}/members?limit=1001"), 400),
    ] {
        assert_shape(&client.get(path).await, status, "ErrorResponse");
    }
    let stranger = Client { authorization: String::new(), ..Client::of(&fake) };
    assert_shape(&stranger.get("/users/@me").await, 401, "ErrorResponse");
    assert_shape(&Client::called(&fake, "curl/8").get("/users/@me").await, 400, "ErrorResponse");
    fake.world(|w| w.trouble(Route::Guild, When::Nth(1), Trouble::Status(500)));
    assert_shape(&client.get(&format!("/guilds/{GUILD}")).await, 500, "ErrorResponse");
    fake.world(|w| w.limits.set(Route::Roles, 0, Duration::from_mins(1)));
    assert_shape(&client.get(&format!("/guilds/{GUILD}/roles")).await, 429, "RateLimitResponse");
}
