//! Commands of the guild, the people who call them, and what they are told.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::channels;
use super::guilds;
use super::reply::Answer;
use super::request::Request;
use super::world::{APPLICATION, World};

/// A command that somebody called.
#[derive(Debug, Clone)]
pub struct Interaction {
    /// Its id.
    pub id: u64,
    /// What its replies are sent under.
    pub token: String,
    /// Where it was called.
    pub channel: u64,
    /// The first answer, and how long it took. Three seconds is what Discord waits.
    pub callback: Option<(Value, Duration)>,
    /// Texts of the reply, in the order in which they replaced each other.
    pub replies: Vec<String>,
    /// Set by a test: its time is over, nothing can be answered any more.
    pub expired: bool,
    called: Instant,
}

impl World {
    /// Somebody calls a command in `channel`. Answers its id and its token.
    pub(super) fn open_interaction(&mut self, channel: u64) -> (u64, String) {
        let id = self.new_id();
        let token = format!("interaction-{id}");
        let called = Instant::now();
        self.interactions.push(Interaction {
            id,
            token: token.clone(),
            channel,
            callback: None,
            replies: Vec::new(),
            expired: false,
            called,
        });
        (id, token)
    }

    /// The interaction with that token.
    pub fn interaction(&mut self, token: &str) -> Option<&mut Interaction> {
        self.interactions.iter_mut().find(|interaction| interaction.token == token)
    }
}

/// What is wrong with a command, if anything: its field and the rule.
fn fault(command: &Value) -> Option<(&'static str, &'static str)> {
    let name = command["name"].as_str().unwrap_or_default();
    if !(1..=32).contains(&name.len()) || !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')) {
        return Some(("name", "Command name is invalid."));
    }
    let description = command["description"].as_str().unwrap_or_default();
    (!(1..=100).contains(&description.chars().count())).then_some(("description", "Must be between 1 and 100 in length."))
}

pub(super) fn commands(world: &mut World, asked: &Request) -> Answer {
    if asked.minor != APPLICATION.to_string() {
        return Answer::error(404, 10002, "Unknown Application");
    }
    if !world.may_have_commands || guilds::outside(world, &asked.major).is_some() {
        return Answer::error(403, 50001, "Missing Access");
    }
    let Some(wanted) = asked.body.as_array() else {
        return Answer::invalid("_root", "Must be a list.");
    };
    if let Some((field, rule)) = wanted.iter().find_map(fault) {
        return Answer::invalid(field, rule);
    }
    world.commands = wanted.iter().map(|command| registered(world.new_id(), command)).collect();
    Answer::json(&json!(world.commands))
}

fn registered(id: u64, command: &Value) -> Value {
    json!({
        "id": id.to_string(),
        "application_id": APPLICATION.to_string(),
        "guild_id": super::GUILD.to_string(),
        "version": id.to_string(),
        "type": command["type"].as_u64().unwrap_or(1),
        "name": command["name"],
        "name_localizations": null,
        "description": command["description"],
        "description_localizations": null,
        "default_member_permissions": command["default_member_permissions"],
        "dm_permission": false,
        "contexts": null,
        "integration_types": [0],
        "nsfw": false,
        "options": command["options"].as_array().cloned().unwrap_or_default(),
    })
}

pub(super) fn callback(world: &mut World, asked: &Request) -> Answer {
    let Some(interaction) = world.interaction(&asked.major).filter(|one| one.id.to_string() == asked.minor && !one.expired)
    else {
        return Answer::error(404, 10062, "Unknown interaction");
    };
    if interaction.callback.is_some() {
        return Answer::error(400, 40060, "Interaction has already been acknowledged.");
    }
    let at_once = match asked.body["type"].as_u64() {
        Some(5) => None,
        Some(4) => match channels::content(&asked.body["data"]) {
            Ok(content) => Some(content),
            Err(refusal) => return refusal,
        },
        _ => return Answer::invalid("type", "A command is answered with a type of 4 or 5."),
    };
    interaction.callback = Some((asked.body.clone(), interaction.called.elapsed()));
    interaction.replies.extend(at_once.map(str::to_owned));
    Answer::none()
}

pub(super) fn original(world: &mut World, asked: &Request) -> Answer {
    if asked.minor != APPLICATION.to_string() {
        return Answer::error(404, 10015, "Unknown Webhook");
    }
    let channel = match world.interaction(&asked.major) {
        None => return Answer::error(404, 10015, "Unknown Webhook"),
        Some(one) if one.expired => return Answer::error(401, 50027, "Invalid Webhook Token"),
        Some(one) if one.callback.is_none() => return Answer::error(404, 10008, "Unknown Message"),
        Some(one) => one.channel,
    };
    let content = match channels::content(&asked.body) {
        Ok(content) => content,
        Err(refusal) => return refusal,
    };
    let message = channels::written(world, channel, content, &asked.body);
    if let Some(interaction) = world.interaction(&asked.major) {
        interaction.replies.push(content.to_owned());
    }
    Answer::json(&message)
}
