//! Whether a single person is in the guild.

use reqwest::Method;

use super::member::{id, read_member};
use super::rest::{Ended, malformed};
use super::{DiscordError, OddMember, Rest};
use crate::domain::{DiscordId, Member};

/// Discord's codes for someone who is not there: Unknown Member, Unknown User.
const GONE: [i64; 2] = [10_007, 10_013];

/// Whether someone is in the guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// Yes, and so.
    Present(Box<Member>),
    /// Yes, but what Discord says of the member cannot be kept.
    PresentButOdd(OddMember),
    /// No.
    Gone,
}

impl Rest {
    /// Asks for one member.
    ///
    /// # Errors
    /// [`DiscordError`], of which nothing follows for the member.
    pub async fn member(&self, guild: DiscordId, user: DiscordId) -> Result<Presence, DiscordError> {
        let path = ["guilds", &guild.to_string(), "members", &user.to_string()];
        let ask = self.ask("to ask for a member", Method::GET, &path);
        let answer = self.send_knowing(&ask, &GONE, |body| read_presence(body, guild, user)).await;
        match answer {
            Ok(presence) => Ok(presence),
            Err(Ended::Known(_)) => Ok(Presence::Gone),
            Err(Ended::Failed(error)) => Err(error),
        }
    }
}

fn read_presence(body: &[u8], guild: DiscordId, user: DiscordId) -> Result<Presence, String> {
    let value: serde_json::Value = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    if id(value["user"].get("id")) != Ok(user) {
        return Err("what it answered is not the member that was asked for".to_owned());
    }
    Ok(match read_member(&value, guild) {
        Ok(member) => Presence::Present(Box::new(member)),
        Err(odd) => Presence::PresentButOdd(odd),
    })
}
