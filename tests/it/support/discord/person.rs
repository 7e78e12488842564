//! People and roles as Discord writes them.

use serde_json::{Value, json};

/// A member as `GET /guilds/{guild}/members` lists them, made piece by piece.
#[derive(Debug, Clone)]
pub struct Person(Value);

impl Person {
    /// An ordinary one, by id.
    pub fn new(id: u64) -> Self {
        Self(json!({
            "avatar": null,
            "banner": null,
            "communication_disabled_until": null,
            "deaf": false,
            "flags": 0,
            "joined_at": "2024-05-01T12:30:00.123000+00:00",
            "mute": false,
            "nick": null,
            "pending": false,
            "premium_since": null,
            "roles": [],
            "user": {
                "accent_color": null,
                "avatar": null,
                "avatar_decoration_data": null,
                "banner": null,
                "discriminator": "0",
                "flags": 0,
                "global_name": null,
                "id": id.to_string(),
                "public_flags": 0,
                "username": format!("member.{id}"),
            },
        }))
    }

    /// Any field of the member, also one that Discord would not send so.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0[field] = value.into();
        self
    }

    /// Any field of the member's user.
    pub fn with_user(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0["user"][field] = value.into();
        self
    }

    /// The name they log in with.
    pub fn username(self, name: &str) -> Self {
        self.with_user("username", name)
    }

    /// The name they show everywhere.
    pub fn global_name(self, name: &str) -> Self {
        self.with_user("global_name", name)
    }

    /// The name they show in this guild.
    pub fn nick(self, name: &str) -> Self {
        self.with("nick", name)
    }

    /// Ids of roles, @everyone's not among them.
    pub fn roles(self, roles: &[u64]) -> Self {
        self.with("roles", roles.iter().map(u64::to_string).collect::<Vec<_>>())
    }

    /// A bot, which still has a discriminator.
    pub fn bot(self) -> Self {
        self.with_user("bot", true).with_user("discriminator", "4821")
    }

    /// The id, if it is one.
    pub fn id(&self) -> u64 {
        self.0["user"]["id"].as_str().and_then(|id| id.parse().ok()).expect("a person with an id")
    }

    /// The member.
    pub fn member(&self) -> Value {
        self.0.clone()
    }

    /// The user as they see themselves.
    pub fn itself(&self) -> Value {
        let private = self.clone().with_user("mfa_enabled", false).with_user("locale", "en-US").with_user("premium_type", 0);
        private.with_user("email", Value::Null).with_user("verified", true).user()
    }

    /// The user alone.
    pub fn user(&self) -> Value {
        self.0["user"].clone()
    }
}

/// A role as `GET /guilds/{guild}/roles` lists it.
pub fn role(id: u64, name: &str, colour: u32) -> Value {
    json!({
        "id": id.to_string(),
        "name": name,
        "description": null,
        // View Channel and Send Messages.
        "permissions": "3072",
        "position": 1,
        "color": colour,
        "colors": { "primary_color": colour, "secondary_color": null, "tertiary_color": null },
        "hoist": false,
        "managed": false,
        "mentionable": false,
        "icon": null,
        "unicode_emoji": null,
        "flags": 0,
    })
}
