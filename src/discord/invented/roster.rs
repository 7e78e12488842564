//! The roster as a bot sends it.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::{DiscordId, Member};

/// A member in the shape of the bot API.
#[derive(Serialize)]
struct Listed<'a> {
    id: DiscordId,
    username: &'a str,
    display_name: Option<&'a str>,
    nickname: Option<&'a str>,
    avatar: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_avatar: Option<&'a str>,
    roles: Vec<String>,
    joined_at: Option<DateTime<Utc>>,
    is_bot: bool,
}

impl<'a> From<&'a Member> for Listed<'a> {
    fn from(member: &'a Member) -> Self {
        let filled = |text: &'a String| (!text.is_empty()).then_some(text.as_str());
        Self {
            id: member.id,
            username: &member.username,
            display_name: filled(&member.display_name),
            nickname: filled(&member.nickname),
            avatar: filled(&member.avatar_hash),
            guild_avatar: member.guild_avatar_hash.as_deref(),
            roles: member.roles.to_vec(),
            joined_at: member.joined_at,
            is_bot: member.is_bot,
        }
    }
}

/// Writes `members` as the body of a `POST` to the bot API: `{"members":[…]}`, one member at a time, so that memory does not grow
/// with the list. Makes many small writes: give it a buffer.
///
/// # Errors
/// Those of `out`.
pub fn write_roster<'a>(members: impl IntoIterator<Item = &'a Member>, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"members\":[")?;
    for (place, member) in members.into_iter().enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, &Listed::from(member))?;
    }
    out.write_all(b"]}")
}
