//! What the gateway tells, read by us. Serenity's own types are strict: a change with a null `joined_at` fits none of them. What fits goes back
//! to the JSON it came as, what does not still is that, and both are read as the REST API's members are.

use serde::Serialize;
use serde_json::Value;
use serenity::model::application::{CommandInteraction, Interaction};
use serenity::model::event::Event;

use crate::discord::{OddMember, read_member, read_user};
use crate::domain::{DiscordId, Seen};

/// What an event says, as far as it concerns us.
#[derive(Debug)]
pub(super) enum Told {
    /// Something of a member of the guild, unless it could not be read.
    Member(Result<Seen, OddMember>),
    /// A session began. Whether the bot is in the guild.
    Ready {
        /// The application the bot belongs to.
        application: u64,
        /// Whether the bot is in the guild.
        in_guild: bool,
    },
    /// A session went on after a break; nothing was missed.
    Resumed,
    /// The guild is there: the session begins, an outage is over, or the bot was invited.
    GuildHere,
    /// Discord cannot serve the guild just now.
    GuildAway,
    /// The bot was removed from the guild.
    GuildGone,
    /// A role of the guild was made, changed or removed.
    RolesChanged,
    /// A command was called.
    Command(Box<CommandInteraction>),
    /// An event of ours that cannot be read.
    Unreadable(&'static str),
}

/// Reads an event; `None` if it does not concern the guild.
pub(super) fn read(event: Event, guild: DiscordId) -> Option<Told> {
    match event {
        Event::Ready(event) => {
            let in_guild = event.ready.guilds.iter().any(|there| is(guild, there.id.get()));
            Some(Told::Ready { application: event.ready.application.id.get(), in_guild })
        }
        Event::Resumed(_) => Some(Told::Resumed),
        Event::GuildMemberAdd(event) => member("GUILD_MEMBER_ADD", &json(&event), guild),
        Event::GuildMemberUpdate(event) => member("GUILD_MEMBER_UPDATE", &json(&event), guild),
        Event::GuildMemberRemove(event) => member("GUILD_MEMBER_REMOVE", &json(&event), guild),
        Event::GuildCreate(event) => is(guild, event.guild.id.get()).then_some(Told::GuildHere),
        Event::GuildDelete(event) => {
            let told = if event.guild.unavailable { Told::GuildAway } else { Told::GuildGone };
            is(guild, event.guild.id.get()).then_some(told)
        }
        Event::GuildRoleCreate(event) => is(guild, event.role.guild_id.get()).then_some(Told::RolesChanged),
        Event::GuildRoleUpdate(event) => is(guild, event.role.guild_id.get()).then_some(Told::RolesChanged),
        Event::GuildRoleDelete(event) => is(guild, event.guild_id.get()).then_some(Told::RolesChanged),
        Event::InteractionCreate(event) => match event.interaction {
            Interaction::Command(command) => Some(Told::Command(Box::new(command))),
            _ => None,
        },
        Event::Unknown(event) => unknown(&event.kind, &event.value, guild),
        _ => None,
    }
}

/// An event that fits no type of serenity.
fn unknown(kind: &str, value: &Value, guild: DiscordId) -> Option<Told> {
    match kind {
        "GUILD_MEMBER_ADD" | "GUILD_MEMBER_UPDATE" | "GUILD_MEMBER_REMOVE" => member(kind, value, guild),
        "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" | "GUILD_ROLE_DELETE" => {
            names(value, "guild_id", guild).then_some(Told::RolesChanged)
        }
        "GUILD_CREATE" => names(value, "id", guild).then_some(Told::GuildHere),
        "GUILD_DELETE" => {
            let away = value.get("unavailable") == Some(&Value::Bool(true));
            names(value, "id", guild).then_some(if away { Told::GuildAway } else { Told::GuildGone })
        }
        "READY" => Some(Told::Unreadable("READY")),
        "INTERACTION_CREATE" => Some(Told::Unreadable("INTERACTION_CREATE")),
        _ => None,
    }
}

fn member(kind: &str, value: &Value, guild: DiscordId) -> Option<Told> {
    if !names(value, "guild_id", guild) {
        return None;
    }
    let seen = if kind == "GUILD_MEMBER_REMOVE" {
        let user = value.get("user").unwrap_or(&Value::Null);
        match read_user(user) {
            Ok(user) => Ok(Seen::Gone { id: user.id, user: Some(user) }),
            // Whoever has left has left, however odd the rest.
            Err(OddMember { id: Some(id), .. }) => Ok(Seen::Gone { id, user: None }),
            Err(odd) => Err(odd),
        }
    } else {
        read_member(value, guild).map(Seen::Present)
    };
    Some(Told::Member(seen))
}

/// Whether the id under `key` is the guild's.
fn names(value: &Value, key: &str, guild: DiscordId) -> bool {
    match value.get(key) {
        Some(Value::String(id)) => *id == guild.to_string(),
        Some(Value::Number(id)) => id.as_u64().is_some_and(|id| is(guild, id)),
        _ => false,
    }
}

fn is(guild: DiscordId, id: u64) -> bool {
    u64::try_from(guild.get()).is_ok_and(|guild| guild == id)
}

/// An event's data as Discord sent it. What these types leave out, no row keeps.
fn json(event: &impl Serialize) -> Value {
    serde_json::to_value(event).unwrap_or_default()
}

#[cfg(test)]
mod tests;
