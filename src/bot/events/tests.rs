//! Events as Discord documents them, through serenity's own parser.

use serde_json::json;

use super::*;
use crate::domain::{DiscordId, Member};

const GUILD: i64 = 1_234;
const GUILD_AVATAR: &str = "a_0fa1c2e3aa1f5e5b8a3c1a4bd9a0c111";

fn guild() -> DiscordId {
    DiscordId::try_from(GUILD).unwrap()
}

/// What we hear of an event with this name and data.
fn heard(name: &str, data: &Value) -> Option<Told> {
    let event = serde_json::from_value(json!({ "t": name, "d": data })).unwrap();
    read(event, guild())
}

fn user() -> Value {
    json!({ "id": "80351110224678912", "username": "nelly", "discriminator": "0", "global_name": "Nelly", "avatar": "8342729096ea3675442027381ff50dfe" })
}

/// The data of a join, with all that Discord sends.
fn joined() -> Value {
    json!({
        "guild_id": GUILD.to_string(), "user": user(), "nick": "Nell", "avatar": GUILD_AVATAR, "roles": ["41", "42"],
        "joined_at": "2024-01-26T12:34:56.789012+00:00", "premium_since": null, "deaf": false, "mute": false, "flags": 0, "pending": false
    })
}

fn member() -> Member {
    Member {
        id: "80351110224678912".parse().unwrap(),
        username: "nelly".into(),
        display_name: "Nelly".into(),
        nickname: "Nell".into(),
        avatar_hash: "8342729096ea3675442027381ff50dfe".into(),
        guild_avatar_hash: Some(GUILD_AVATAR.into()),
        roles: ["41", "42"].into_iter().collect(),
        joined_at: Some("2024-01-26T12:34:56.789012Z".parse().unwrap()),
        is_bot: false,
    }
}

#[track_caller]
fn seen(name: &str, data: &Value) -> Seen {
    match heard(name, data) {
        Some(Told::Member(Ok(seen))) => seen,
        other => panic!("{other:?}"),
    }
}

/// The same object with other fields.
fn with(mut object: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else { panic!("{fields}") };
    object.as_object_mut().unwrap().extend(fields);
    object
}

#[test]
fn a_join_and_a_change_say_all_fields() {
    for name in ["GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE"] {
        assert_eq!(seen(name, &joined()), Seen::Present(member()), "{name}");
    }
}

#[test]
fn a_change_may_not_know_the_time_of_joining() {
    let unknown = with(joined(), json!({ "joined_at": null }));
    assert_eq!(seen("GUILD_MEMBER_UPDATE", &unknown), Seen::Present(Member { joined_at: None, ..member() }));
}

#[test]
fn what_serenity_takes_and_what_it_does_not_is_read_alike() {
    // An avatar of another length fits no type of serenity, so this is read as it came.
    let legacy = with(user(), json!({ "discriminator": "0042", "bot": true }));
    let strange = with(legacy.clone(), json!({ "avatar": "new-form" }));
    let expected = Member { username: "nelly#0042".into(), is_bot: true, ..member() };
    assert_eq!(seen("GUILD_MEMBER_ADD", &with(joined(), json!({ "user": legacy }))), Seen::Present(expected.clone()));
    let expected = Member { avatar_hash: "new-form".into(), ..expected };
    assert_eq!(seen("GUILD_MEMBER_ADD", &with(joined(), json!({ "user": strange }))), Seen::Present(expected));
}

#[test]
fn a_leave_says_who_it_was() {
    let left = json!({ "guild_id": GUILD.to_string(), "user": user() });
    let (nickname, guild_avatar_hash) = (String::new(), None);
    let bare = Member { nickname, guild_avatar_hash, roles: crate::domain::Roles::default(), joined_at: None, ..member() };
    assert_eq!(seen("GUILD_MEMBER_REMOVE", &left), Seen::Gone { id: bare.id, user: Some(bare.clone()) });
    let odd = json!({ "guild_id": GUILD.to_string(), "user": with(user(), json!({ "username": "" })) });
    assert_eq!(seen("GUILD_MEMBER_REMOVE", &odd), Seen::Gone { id: bare.id, user: None }, "an odd person has left, too");
}

#[test]
fn an_odd_member_is_named_without_what_is_odd() {
    let odd = with(joined(), json!({ "user": with(user(), json!({ "username": "" })) }));
    let Some(Told::Member(Err(odd))) = heard("GUILD_MEMBER_ADD", &odd) else { panic!() };
    assert!(odd.to_string().contains("80351110224678912"), "{odd}");
    let nobody = json!({ "guild_id": GUILD.to_string() });
    assert!(matches!(heard("GUILD_MEMBER_REMOVE", &nobody), Some(Told::Member(Err(OddMember { id: None, .. })))));
}

#[test]
fn other_guilds_and_other_events_are_nothing_to_us() {
    let elsewhere = with(joined(), json!({ "guild_id": "999" }));
    for name in ["GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE", "GUILD_MEMBER_REMOVE"] {
        assert!(heard(name, &elsewhere).is_none(), "{name}");
    }
    assert!(heard("GUILD_MEMBER_ADD", &json!({})).is_none());
    assert!(heard("SOMETHING_NEW", &joined()).is_none());
    assert!(heard("GUILD_DELETE", &json!({ "id": "999" })).is_none());
}

#[test]
fn the_bot_comes_and_goes() {
    assert!(matches!(heard("GUILD_DELETE", &json!({ "id": GUILD.to_string() })), Some(Told::GuildGone)));
    let away = json!({ "id": GUILD.to_string(), "unavailable": true });
    assert!(matches!(heard("GUILD_DELETE", &away), Some(Told::GuildAway)), "an outage of Discord's");
    assert!(matches!(heard("GUILD_CREATE", &json!({ "id": GUILD.to_string() })), Some(Told::GuildHere)));
    assert!(heard("GUILD_CREATE", &json!({ "id": "999" })).is_none());
}

#[test]
fn roles_are_others_also_where_serenity_cannot_read_them() {
    let role = json!({ "id": "41", "name": "Staff", "permissions": "0", "position": 1, "color": 0, "hoist": false, "managed": false, "mentionable": false });
    for data in [json!({ "guild_id": GUILD.to_string(), "role": role }), json!({ "guild_id": GUILD.to_string(), "role": {} })] {
        for name in ["GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE"] {
            assert!(matches!(heard(name, &data), Some(Told::RolesChanged)), "{name}");
            assert!(heard(name, &with(data.clone(), json!({ "guild_id": "999" }))).is_none(), "{name}");
        }
    }
    let gone = json!({ "guild_id": GUILD.to_string(), "role_id": "41" });
    assert!(matches!(heard("GUILD_ROLE_DELETE", &gone), Some(Told::RolesChanged)));
}

#[test]
fn what_should_be_readable_and_is_not_is_said() {
    assert!(matches!(heard("READY", &json!({ "v": 10 })), Some(Told::Unreadable("READY"))));
    assert!(matches!(heard("INTERACTION_CREATE", &json!({})), Some(Told::Unreadable("INTERACTION_CREATE"))));
}
