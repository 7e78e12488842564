//! What Discord says of the guild, its roles and the bot itself.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::rest::malformed;
use super::{DiscordError, Rest, member};
use crate::domain::{DiscordId, GuildRole};

/// Flag of an application: it has the Server Members Intent, as a bot in a hundred guilds or more.
const GATEWAY_GUILD_MEMBERS: u64 = 1 << 14;
/// The same of a bot in fewer.
const GATEWAY_GUILD_MEMBERS_LIMITED: u64 = 1 << 15;
/// The colours there are: 24 bits.
const COLORS: std::ops::RangeInclusive<i64> = 0..=0x00ff_ffff;

/// What Discord says of the guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuildFacts {
    /// Its name.
    pub name: String,
    /// How many members it has by Discord's own count, which lags a little.
    pub approximate_member_count: Option<u64>,
}

/// Whose token ours is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BotIdentity {
    /// The application, as interactions and invite links name it.
    pub application: DiscordId,
    /// The application's name.
    pub application_name: String,
    /// The bot's user.
    pub user: DiscordId,
    /// The bot's username.
    pub username: String,
    /// Whether the Server Members Intent is switched on in the Developer Portal.
    pub has_members_intent: bool,
}

#[derive(Deserialize)]
struct Guild {
    name: String,
    approximate_member_count: Option<u64>,
}

#[derive(Deserialize)]
struct Application {
    id: DiscordId,
    name: String,
    flags: Option<u64>,
}

#[derive(Deserialize)]
struct User {
    id: DiscordId,
    username: String,
}

impl Rest {
    /// The guild.
    ///
    /// # Errors
    /// [`DiscordError`]; [`DiscordError::MissingAccess`] also if the bot is not in it.
    pub async fn guild(&self, guild: DiscordId) -> Result<GuildFacts, DiscordError> {
        let ask = self.ask("to look at the server", Method::GET, &["guilds", &guild.to_string()]);
        let Guild { name, approximate_member_count } = self.send(&ask.query(&[("with_counts", "true")]), json).await?;
        Ok(GuildFacts { name, approximate_member_count })
    }

    /// The guild's roles, @everyone among them. One that cannot be read is left out: it only lacks its name on pages.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn roles(&self, guild: DiscordId) -> Result<Vec<GuildRole>, DiscordError> {
        let ask = self.ask("to list the server's roles", Method::GET, &["guilds", &guild.to_string(), "roles"]);
        let roles: Vec<Value> = self.send(&ask, json).await?;
        Ok(roles.iter().filter_map(role).collect())
    }

    /// The application and the bot behind the token.
    ///
    /// # Errors
    /// [`DiscordError`]; [`DiscordError::WrongToken`] if it is none.
    pub async fn identity(&self) -> Result<BotIdentity, DiscordError> {
        let ask = self.ask("to look at the bot's application", Method::GET, &["applications", "@me"]);
        let application: Application = self.send(&ask, json).await?;
        let ask = self.ask("to look at the bot's user", Method::GET, &["users", "@me"]);
        let user: User = self.send(&ask, json).await?;
        let flags = application.flags.unwrap_or(0);
        Ok(BotIdentity {
            application: application.id,
            application_name: application.name,
            user: user.id,
            username: user.username,
            has_members_intent: flags & (GATEWAY_GUILD_MEMBERS | GATEWAY_GUILD_MEMBERS_LIMITED) != 0,
        })
    }
}

/// Reads an answer that is JSON.
pub(super) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| malformed(&error))
}

fn role(value: &Value) -> Option<GuildRole> {
    let id = member::id(value.get("id")).ok()?;
    let name = value["name"].as_str().filter(|name| !name.contains('\0'))?.to_owned();
    let color =
        value["color"].as_i64().or_else(|| value["colors"]["primary_color"].as_i64()).filter(|color| COLORS.contains(color));
    let color = color.and_then(|color| i32::try_from(color).ok()).unwrap_or(0);
    let position = value["position"].as_i64().and_then(|position| i32::try_from(position).ok()).unwrap_or(0);
    Some(GuildRole { id, name, color, position })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_are_read_as_far_as_pages_need_them() {
        let read = |value: Value| role(&value).map(|role| (role.id.get(), role.name, role.color, role.position));
        assert_eq!(
            read(json!({"id": "41", "name": "WE DEM BOYZZ!!!!!!", "color": 3_447_003, "position": 1, "hoist": true})),
            Some((41, "WE DEM BOYZZ!!!!!!".into(), 3_447_003, 1))
        );
        assert_eq!(read(json!({"id": "41", "name": "a", "colors": {"primary_color": 7}})), Some((41, "a".into(), 7, 0)));
        assert_eq!(read(json!({"id": "41", "name": "a", "color": -1, "position": 1e300})), Some((41, "a".into(), 0, 0)));
        for odd in [json!(null), json!({"name": "a"}), json!({"id": "41"}), json!({"id": "41", "name": "a\0"})] {
            assert_eq!(read(odd), None);
        }
    }
}
