//! Channels, and messages in them.

use guildsync::domain::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::reply::Answer;
use super::request::Request;
use super::world::{GUILD, Posted, World};

/// A permission.
const SEND_MESSAGES: u64 = 1 << 11;

/// Longest text of a message, in characters.
const LONGEST: usize = 2000;

/// What the bot wants to write, or why it must not.
pub(super) fn content(body: &Value) -> Result<&str, Answer> {
    let content = body["content"].as_str().unwrap_or_default();
    let embeds = body["embeds"].as_array().is_some_and(|embeds| !embeds.is_empty());
    if content.is_empty() && !embeds {
        return Err(Answer::error(400, 50006, "Cannot send an empty message"));
    }
    if content.chars().count() > LONGEST {
        return Err(Answer::invalid("content", "Must be 2000 or fewer in length."));
    }
    Ok(content)
}

/// A message of the bot as Discord answers it.
pub(super) fn written(world: &mut World, channel: u64, content: &str, asked: &Value) -> Value {
    json!({
        "type": 0,
        "id": world.new_id().to_string(),
        "channel_id": channel.to_string(),
        "author": World::bot().user(),
        "content": content,
        "timestamp": SystemClock.now().to_rfc3339(),
        "edited_timestamp": null,
        "flags": asked["flags"].as_u64().unwrap_or(0),
        "embeds": asked["embeds"].as_array().cloned().unwrap_or_default(),
        "components": asked["components"].as_array().cloned().unwrap_or_default(),
        "mentions": [],
        "mention_roles": [],
        "mention_everyone": false,
        "attachments": [],
        "pinned": false,
        "tts": false,
    })
}

/// A text channel of a guild, as the gateway lists it in that guild.
pub(super) fn described(id: u64, may_write: bool) -> Value {
    let deny = json!({ "id": GUILD.to_string(), "type": 0, "allow": "0", "deny": SEND_MESSAGES.to_string() });
    json!({
        "id": id.to_string(),
        "type": 0,
        "name": format!("channel-{id}"),
        "position": 0,
        "permission_overwrites": if may_write { vec![] } else { vec![deny] },
        "parent_id": null,
        "topic": null,
        "nsfw": false,
        "rate_limit_per_user": 0,
        "last_message_id": null,
        "flags": 0,
    })
}

pub(super) fn channel(world: &World, asked: &Request) -> Answer {
    let Ok(id) = asked.major.parse() else { return Answer::invalid("channel_id", "Value is not snowflake.") };
    let guild = match world.channels_elsewhere.get(&id) {
        Some(guild) => *guild,
        None if !world.channels.contains_key(&id) => return Answer::error(404, 10003, "Unknown Channel"),
        None if !world.in_guild || world.hidden_channels.contains(&id) => return Answer::error(403, 50001, "Missing Access"),
        None => GUILD,
    };
    let mut channel = described(id, world.channels.get(&id).is_none_or(|may_write| *may_write));
    channel["guild_id"] = guild.to_string().into();
    Answer::json(&channel)
}

pub(super) fn message(world: &mut World, asked: &Request) -> Answer {
    let channel = asked.major.parse().unwrap_or(0);
    match world.channels.get(&channel) {
        None => return Answer::error(404, 10003, "Unknown Channel"),
        Some(_) if !world.in_guild || world.hidden_channels.contains(&channel) => {
            return Answer::error(403, 50001, "Missing Access");
        }
        Some(false) => return Answer::error(403, 50013, "Missing Permissions"),
        Some(true) => {}
    }
    let content = match content(&asked.body) {
        Ok(content) => content,
        Err(refusal) => return refusal,
    };
    let message = written(world, channel, content, &asked.body);
    world.messages.push(Posted { channel, message: message.clone() });
    Answer::json(&message)
}
