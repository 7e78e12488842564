//! From what Discord says of a member to a [`Member`], by the fields of design 4.1 and the rules of 3.3.
//!
//! Read key by key, so that a member with something odd costs itself alone, and a key that Discord adds or leaves out costs nothing.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::{DiscordId, MAX_ROLES, Member, Roles, TIME_RULE, check_member_username, check_role, check_text, parse_time};

/// A member that cannot be kept: not readable, or breaking a rule of the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {fault}", .id.map_or_else(|| "a member without a readable id".to_owned(), |id| format!("member {id}")))]
pub struct OddMember {
    /// Who, if that can be read. Such a member is known to be present.
    pub id: Option<DiscordId>,
    /// Where the fault is and which rule it breaks: `user.username: must not be empty`. Says nothing of the person.
    pub fault: String,
}

/// Reads a member as the REST API and the gateway's events of members joining and changing give it, with the user inside.
///
/// # Errors
/// [`OddMember`] if it cannot be kept.
pub fn read_member(value: &Value, guild: DiscordId) -> Result<Member, OddMember> {
    let user = value.get("user").ok_or_else(|| OddMember { id: None, fault: "user: is missing".to_owned() })?;
    let member = read_person(user, "user.")?;
    let odd = |fault| OddMember { id: Some(member.id), fault };
    let nickname = text(value, "", "nick").map_err(odd)?;
    let guild_avatar_hash = Some(text(value, "", "avatar").map_err(odd)?);
    let roles = roles(value.get("roles"), guild).map_err(odd)?;
    let joined_at = time(value.get("joined_at")).map_err(odd)?;
    Ok(Member { nickname, guild_avatar_hash, roles, joined_at, ..member })
}

/// Reads a user alone, as the gateway's event of a member leaving gives it: a member without nickname, picture
/// for the guild, roles and time of joining.
///
/// # Errors
/// [`OddMember`] if it cannot be kept.
pub fn read_user(value: &Value) -> Result<Member, OddMember> {
    read_person(value, "")
}

/// Reads the id of a member whose rest cannot be read. Unlike a [`Value`], this skips texts that are no Unicode.
pub(super) fn read_id(json: &str) -> Option<DiscordId> {
    #[derive(serde::Deserialize)]
    struct Entry {
        user: User,
    }
    #[derive(serde::Deserialize)]
    struct User {
        id: Value,
    }
    serde_json::from_str::<Entry>(json).ok().and_then(|entry| id(Some(&entry.user.id)).ok())
}

/// Reads an id as Discord writes it: a string, rarely an integer.
pub(super) fn id(value: Option<&Value>) -> Result<DiscordId, String> {
    match value {
        None | Some(Value::Null) => Err("is missing".to_owned()),
        Some(Value::String(digits)) => digits.parse().map_err(|error| format!("{error}")),
        // An integer beyond 64 bits has been read as a fraction, and a fraction is no id.
        Some(Value::Number(number)) if number.is_u64() => number.to_string().parse().map_err(|error| format!("{error}")),
        Some(_) => Err("must be a string or an integer".to_owned()),
    }
}

/// The fields of a user; `place` is where the user stands.
fn read_person(user: &Value, place: &str) -> Result<Member, OddMember> {
    let id = id(user.get("id")).map_err(|fault| OddMember { id: None, fault: format!("{place}id: {fault}") })?;
    let odd = |fault| OddMember { id: Some(id), fault };
    Ok(Member {
        id,
        username: username(user, place).map_err(odd)?,
        display_name: text(user, place, "global_name").map_err(odd)?,
        nickname: String::new(),
        avatar_hash: text(user, place, "avatar").map_err(odd)?,
        guild_avatar_hash: None,
        roles: Roles::default(),
        joined_at: None,
        is_bot: flag(user.get("bot")).map_err(|fault| odd(format!("{place}bot: {fault}")))?,
    })
}

/// The username; of old accounts and bots with the four digits that make it unique.
fn username(user: &Value, place: &str) -> Result<String, String> {
    let name = string(user.get("username")).map_err(|fault| format!("{place}username: {fault}"))?;
    // Before the digits, which would make an empty name look like one.
    check_member_username(name).map_err(|fault| format!("{place}username: {fault}"))?;
    let digits = string(user.get("discriminator")).map_err(|fault| format!("{place}discriminator: {fault}"))?;
    if digits.is_empty() || digits == "0" {
        return Ok(name.to_owned());
    }
    let full = format!("{name}#{digits}");
    check_text(&full).map_err(|fault| format!("{place}username with its discriminator: {fault}"))?;
    Ok(full)
}

/// A text of at most so many characters; null and missing are empty.
fn text(object: &Value, place: &str, key: &str) -> Result<String, String> {
    let text = string(object.get(key)).map_err(|fault| format!("{place}{key}: {fault}"))?;
    check_text(text).map_err(|fault| format!("{place}{key}: {fault}"))?;
    Ok(text.to_owned())
}

fn string(value: Option<&Value>) -> Result<&str, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err("must be a string or null"),
    }
}

fn flag(value: Option<&Value>) -> Result<bool, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err("must be true or false"),
    }
}

/// The roles in their order, without @everyone, which has the guild's own id.
fn roles(value: Option<&Value>, guild: DiscordId) -> Result<Roles, String> {
    let elements = match value {
        None | Some(Value::Null) => return Ok(Roles::default()),
        Some(Value::Array(elements)) => elements,
        Some(_) => return Err("roles: must be a list".to_owned()),
    };
    let everyone = guild.to_string();
    let mut roles = Vec::with_capacity(elements.len());
    for (place, element) in elements.iter().enumerate() {
        let role = match element {
            Value::String(role) => role.clone(),
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            _ => return Err(format!("roles[{place}]: must be a string or an integer")),
        };
        check_role(&role).map_err(|fault| format!("roles[{place}]: {fault}"))?;
        if role != everyone {
            roles.push(role);
        }
    }
    if roles.len() > MAX_ROLES {
        return Err(format!("roles: must be at most {MAX_ROLES} roles"));
    }
    Ok(roles.into_iter().collect())
}

/// Null of a guest, or in an update that does not tell.
fn time(value: Option<&Value>) -> Result<Option<DateTime<Utc>>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => parse_time(text).map(Some).ok_or_else(|| format!("joined_at: {TIME_RULE}")),
        Some(_) => Err("joined_at: must be a string or null".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GUILD: i64 = 41_771_983_423_143_937;

    fn guild() -> DiscordId {
        GUILD.try_into().unwrap()
    }

    /// A member as the documentation shows one.
    fn nelly() -> Value {
        json!({
            "user": {
                "id": "80351110224678912", "username": "nelly", "discriminator": "0", "global_name": "Nelly",
                "avatar": "8342729096ea3675442027381ff50dfe", "banner": null, "public_flags": 64,
            },
            "nick": "NOT API SUPPORT", "avatar": "0fa1c2e3aa1f5e5b8a3c1a4bd9a0c111", "roles": ["3", "1", GUILD.to_string()],
            "joined_at": "2015-04-26T06:26:56.936000+00:00", "deaf": false, "mute": false, "flags": 0, "pending": true,
        })
    }

    /// The member with one value changed.
    fn with(pointer: &str, value: Value) -> Value {
        let mut member = nelly();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        member.pointer_mut(parent).unwrap()[key] = value;
        member
    }

    #[test]
    fn the_fields_come_from_where_the_design_says() {
        let member = read_member(&nelly(), guild()).unwrap();
        assert_eq!(
            member,
            Member {
                id: "80351110224678912".parse().unwrap(),
                username: "nelly".into(),
                display_name: "Nelly".into(),
                nickname: "NOT API SUPPORT".into(),
                avatar_hash: "8342729096ea3675442027381ff50dfe".into(),
                guild_avatar_hash: Some("0fa1c2e3aa1f5e5b8a3c1a4bd9a0c111".into()),
                roles: ["3", "1"].into_iter().collect(),
                joined_at: parse_time("2015-04-26T06:26:56.936Z"),
                is_bot: false,
            }
        );
    }

    #[test]
    fn what_discord_leaves_out_is_empty() {
        let bare = json!({"user": {"id": 80_351_110_224_678_912_u64, "username": "nelly"}});
        let member = read_member(&bare, guild()).unwrap();
        assert_eq!(member.id.get(), 80_351_110_224_678_912);
        assert_eq!((member.display_name.as_str(), member.nickname.as_str()), ("", ""));
        assert_eq!((member.avatar_hash.as_str(), member.guild_avatar_hash.as_deref()), ("", Some("")));
        assert_eq!((member.roles, member.joined_at, member.is_bot), (Roles::default(), None, false));

        let nulls = json!({
            "user": {"id": "1", "username": "n", "discriminator": null, "global_name": null, "avatar": null, "bot": null},
            "nick": null, "avatar": null, "roles": null, "joined_at": null,
        });
        let member = read_member(&nulls, guild()).unwrap();
        assert_eq!((member.username.as_str(), member.avatar_hash.as_str()), ("n", ""));
        assert_eq!(member.guild_avatar_hash.as_deref(), Some(""));
    }

    #[test]
    fn a_user_alone_is_a_member_without_the_rest() {
        let whole = read_member(&nelly(), guild()).unwrap();
        let (nickname, guild_avatar_hash) = (String::new(), None);
        let bare = Member { nickname, guild_avatar_hash, roles: Roles::default(), joined_at: None, ..whole };
        assert_eq!(read_user(&nelly()["user"]), Ok(bare));
        let fault = read_user(&json!({"id": "7"})).unwrap_err();
        assert_eq!(fault.to_string(), "member 7: username: must not be empty");
    }

    #[test]
    fn digits_stand_behind_the_names_of_old_accounts_and_bots() {
        for (digits, name) in [("0", "nelly"), ("", "nelly"), ("1337", "nelly#1337"), ("0001", "nelly#0001")] {
            let member = read_member(&with("/user/discriminator", digits.into()), guild()).unwrap();
            assert_eq!(member.username, name);
        }
        assert!(read_member(&with("/user/bot", true.into()), guild()).unwrap().is_bot);
    }

    #[test]
    fn the_limits_are_those_of_the_bot_api() {
        let long = |n: usize| Value::from("é".repeat(n));
        for pointer in ["/user/username", "/user/global_name", "/user/avatar", "/nick", "/avatar"] {
            assert!(read_member(&with(pointer, long(100)), guild()).is_ok(), "{pointer}");
        }
        // As many roles as may be, and @everyone.
        let mut most: Vec<Value> = (1..=1_000).map(Value::from).collect();
        most.push(GUILD.into());
        assert_eq!(read_member(&with("/roles", most.into()), guild()).unwrap().roles.to_vec().len(), 1_000);
    }

    #[test]
    fn an_odd_member_is_named_with_the_rule_and_nothing_personal() {
        let long = Value::from("n".repeat(101));
        for (pointer, value, fault) in [
            ("/user/username", json!(""), "user.username: must not be empty"),
            ("/user/username", json!(null), "user.username: must not be empty"),
            ("/user/username", json!(7), "user.username: must be a string or null"),
            ("/user/username", long.clone(), "user.username: must be at most 100 characters"),
            ("/user/username", json!("nel\0ly"), "user.username: must not contain a NUL character"),
            ("/user/discriminator", json!(1337), "user.discriminator: must be a string or null"),
            ("/user/discriminator", long.clone(), "user.username with its discriminator: must be at most 100 characters"),
            ("/user/global_name", json!("\0"), "user.global_name: must not contain a NUL character"),
            ("/user/avatar", json!(["a"]), "user.avatar: must be a string or null"),
            ("/user/bot", json!("yes"), "user.bot: must be true or false"),
            ("/nick", long.clone(), "nick: must be at most 100 characters"),
            ("/avatar", long, "avatar: must be at most 100 characters"),
            ("/avatar", json!(7), "avatar: must be a string or null"),
            ("/avatar", json!("a\0"), "avatar: must not contain a NUL character"),
            ("/roles", json!({}), "roles: must be a list"),
            ("/roles", json!(["1", null]), "roles[1]: must be a string or an integer"),
            ("/roles", json!([1.5]), "roles[0]: must be a string or an integer"),
            ("/roles", json!(["1".repeat(65)]), "roles[0]: must be 1 to 64 characters"),
            ("/roles", json!(["1\0"]), "roles[0]: must not contain a NUL character"),
            ("/roles", (1..=1_001).collect(), "roles: must be at most 1000 roles"),
            ("/joined_at", json!("yesterday"), "joined_at: must be a time like 2024-01-01T00:00:00Z"),
            ("/joined_at", json!(1_430_029_616), "joined_at: must be a string or null"),
        ] {
            let odd = read_member(&with(pointer, value.clone()), guild()).unwrap_err();
            assert_eq!((odd.id.map(DiscordId::get), odd.fault.as_str()), (Some(80_351_110_224_678_912), fault), "{value}");
        }
    }

    #[test]
    fn a_member_without_an_id_is_odd_and_nobody() {
        for id in [json!(null), json!("0"), json!("007"), json!("nelly"), json!(-1), json!(1e18), json!(true)] {
            let odd = read_member(&with("/user/id", id.clone()), guild()).unwrap_err();
            assert_eq!(odd.id, None, "{id}");
            assert!(odd.fault.starts_with("user.id: "), "{odd}");
        }
        for entry in [json!(null), json!(7), json!([]), json!({}), json!({"user": null}), json!({"user": "nelly"})] {
            assert_eq!(read_member(&entry, guild()).unwrap_err().id, None, "{entry}");
        }
    }

    #[test]
    fn the_id_is_read_of_what_is_no_unicode_at_all() {
        let surrogate = r#"{"nick":"\ud83d","user":{"username":"\udc00","id":"7","x":1e999}}"#;
        assert!(serde_json::from_str::<Value>(surrogate).is_err());
        assert_eq!(read_id(surrogate).map(DiscordId::get), Some(7));
        assert_eq!(read_id(r#"{"user":{"id":"nobody"}}"#), None);
        assert_eq!(read_id("[]"), None);
    }
}
