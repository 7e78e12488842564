//! What events of the gateway hold. The fields are those that Discord documents as always there.

use serde_json::{Value, json};

use super::calls::Call;
use super::channels;
use super::guilds;
use super::person::Person;
use super::rest;
use super::world::{APPLICATION, GUILD, World};

pub(super) fn ready(world: &World, session: &str) -> Value {
    let guilds = if world.in_guild { json!([{ "id": GUILD.to_string(), "unavailable": true }]) } else { json!([]) };
    json!({
        "v": 10,
        "user": World::bot().itself(),
        "guilds": guilds,
        "session_id": session,
        "session_type": "normal",
        "resume_gateway_url": world.gateway.url,
        "shard": [0, 1],
        "application": { "id": APPLICATION.to_string(), "flags": rest::application_flags(world) },
        "private_channels": [],
        "relationships": [],
        "user_settings": {},
        "_trace": [],
    })
}

pub(super) fn guild_create(world: &World) -> Value {
    let mut guild = guilds::described(world);
    let channels: Vec<Value> = world.channels.iter().map(|(id, may_write)| channels::described(*id, *may_write)).collect();
    let more = json!({
        "joined_at": "2024-01-01T00:00:00.000000+00:00",
        "large": world.member_count() > 250,
        "unavailable": false,
        "member_count": world.member_count(),
        "voice_states": [],
        // Without the presences intent Discord tells of the bot alone.
        "members": [World::bot().member()],
        "channels": channels,
        "threads": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        guild[key] = value.clone();
    }
    guild
}

impl World {
    /// Someone becomes a member, and the gateway tells.
    pub fn member_joins(&mut self, person: &Person) {
        self.put(person);
        let mut event = person.member();
        event["guild_id"] = GUILD.to_string().into();
        self.dispatch("GUILD_MEMBER_ADD", &event);
    }

    /// A member is another now, and the gateway tells.
    pub fn member_changes(&mut self, person: &Person) {
        self.put(person);
        let mut event = person.member();
        event["guild_id"] = GUILD.to_string().into();
        self.dispatch("GUILD_MEMBER_UPDATE", &event);
    }

    /// A member goes, and the gateway tells.
    pub fn member_leaves(&mut self, id: u64) {
        let member = self.member(id).expect("only members leave");
        self.remove(id);
        self.dispatch("GUILD_MEMBER_REMOVE", &json!({ "guild_id": GUILD.to_string(), "user": member["user"] }));
    }

    /// A role is made, and the gateway tells.
    pub fn role_appears(&mut self, role: &Value) {
        self.roles.push(role.clone());
        self.dispatch("GUILD_ROLE_CREATE", &json!({ "guild_id": GUILD.to_string(), "role": role }));
    }

    /// The role of that id is another now, and the gateway tells.
    pub fn role_changes(&mut self, role: &Value) {
        let known = self.roles.iter_mut().find(|known| known["id"] == role["id"]).expect("only roles change");
        *known = role.clone();
        self.dispatch("GUILD_ROLE_UPDATE", &json!({ "guild_id": GUILD.to_string(), "role": role }));
    }

    /// A role is removed, and the gateway tells.
    pub fn role_goes(&mut self, id: u64) {
        let id = id.to_string();
        self.roles.retain(|role| role["id"] != id);
        self.dispatch("GUILD_ROLE_DELETE", &json!({ "guild_id": GUILD.to_string(), "role_id": id }));
    }

    /// The bot is thrown out of the guild, and the gateway tells.
    pub fn bot_is_removed(&mut self) {
        self.in_guild = false;
        self.dispatch("GUILD_DELETE", &json!({ "id": GUILD.to_string() }));
    }

    /// The bot is invited to the guild, and the gateway tells.
    pub fn bot_is_invited(&mut self) {
        self.in_guild = true;
        let guild = guild_create(self);
        self.dispatch("GUILD_CREATE", &guild);
    }
}

/// A command as `INTERACTION_CREATE` tells it.
pub(super) fn interaction_create(world: &World, call: &Call, id: u64, token: &str) -> Value {
    let command = world.commands.iter().find(|command| command["name"] == *call.command);
    let permissions = call.permissions.to_string();
    let mut event = json!({
        "id": id.to_string(),
        "application_id": APPLICATION.to_string(),
        "type": 2,
        "data": {
            "id": command.map_or(json!("1"), |command| command["id"].clone()),
            "name": call.command,
            "type": 1,
            "options": call.options,
        },
        "channel_id": call.channel.to_string(),
        "token": token,
        "version": 1,
        "locale": "en-US",
        "app_permissions": "2147485696",
        "entitlements": [],
        "authorizing_integration_owners": {},
        "attachment_size_limit": 10_485_760,
    });
    if let Some(guild) = call.guild {
        let mut member = call.person.member();
        member["permissions"] = permissions.into();
        event["member"] = member;
        event["guild_id"] = guild.to_string().into();
        event["guild"] = json!({ "id": guild.to_string(), "locale": "en-US", "features": [] });
        event["guild_locale"] = "en-US".into();
        event["context"] = 0.into();
        event["channel"] = json!({ "id": call.channel.to_string(), "type": 0, "name": "general", "permissions": "0" });
        event["authorizing_integration_owners"] = json!({ "0": guild.to_string() });
    } else {
        event["user"] = call.person.user();
        event["context"] = 1.into();
        event["channel"] = json!({ "id": call.channel.to_string(), "type": 1, "permissions": "0" });
    }
    event
}
