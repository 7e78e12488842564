//! The roles of the guild, which pages show by name and colour.

use super::DiscordId;

/// A role of the guild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuildRole {
    /// Its id, as members' roles name it. That of @everyone is the guild's.
    pub id: DiscordId,
    /// Its name.
    pub name: String,
    /// Its colour as 24 bits of red, green and blue; 0 is none.
    pub color: i32,
    /// Its place among the roles; of two roles the one with the higher place stands above.
    pub position: i32,
}
