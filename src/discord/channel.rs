//! What Discord says of a channel: whether reports can go there.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::guild::json;
use super::permissions::overwrites;
use super::{DiscordError, Overwrite, Rest};
use crate::domain::DiscordId;

/// Kinds of channels that hold no messages of their own: a category, a directory, a forum, a media channel.
const WITHOUT_MESSAGES: [u64; 4] = [4, 14, 15, 16];

/// Threads, of announcements, public and private.
const THREADS: [u64; 3] = [10, 11, 12];

/// What Discord says of a channel that the bot sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelFacts {
    /// Its name; a direct message has none.
    pub name: Option<String>,
    /// The guild it is in; a direct message is in none.
    pub guild: Option<DiscordId>,
    /// Whether it is of a kind that holds messages. Whether the bot may write them is another matter.
    pub holds_messages: bool,
    /// What it allows and denies, other than the roles do; `None` of a thread, which has no say of its own.
    pub overwrites: Option<Vec<Overwrite>>,
}

#[derive(Deserialize)]
struct Channel {
    #[serde(rename = "type")]
    kind: u64,
    name: Option<String>,
    guild_id: Option<DiscordId>,
    #[serde(default)]
    permission_overwrites: Vec<Value>,
}

impl Rest {
    /// A channel.
    ///
    /// # Errors
    /// [`DiscordError`]; [`DiscordError::UnknownChannel`] if there is none, [`DiscordError::NoPermission`] if the bot does not see it.
    pub async fn channel(&self, channel: DiscordId) -> Result<ChannelFacts, DiscordError> {
        let ask = self.ask("to look at the channel", Method::GET, &["channels", &channel.to_string()]);
        let ask = ask.needs("the permission View Channel in the channel of bot.report_channel");
        let Channel { kind, name, guild_id, permission_overwrites } = self.send(&ask, json).await?;
        Ok(ChannelFacts {
            name,
            guild: guild_id,
            holds_messages: !WITHOUT_MESSAGES.contains(&kind),
            overwrites: (!THREADS.contains(&kind)).then(|| overwrites(&permission_overwrites)),
        })
    }
}
