//! The list that is measured with: an invented guild, as the body of a POST and as rows.

use chrono::DateTime;
use guildsync::discord::{InventedGuild, write_roster};
use guildsync::domain::Member;

/// A list of one guild.
pub struct Roster {
    pub guild: String,
    pub members: usize,
    /// The body of the POST.
    pub json: bytes::Bytes,
    /// The same as rows of CSV, in the order of the table's columns.
    pub csv: Vec<u8>,
    /// The same as values.
    pub rows: Vec<Member>,
}

impl Roster {
    pub fn new(members: usize) -> Self {
        let guild = InventedGuild::new(7, members, DateTime::from_timestamp(1_780_000_000, 0).unwrap());
        let mut json = Vec::new();
        write_roster(guild.roster(), &mut json).unwrap();
        let mut csv = csv::Writer::from_writer(Vec::new());
        for m in guild.roster() {
            let joined = m.joined_at.map(|at| at.to_rfc3339()).unwrap_or_default();
            let bot = if m.is_bot { "t" } else { "f" };
            let id = m.id.to_string();
            let (avatar, guild_avatar, roles) = (m.avatar_hash.as_str(), m.guild_avatar(), m.roles.as_json());
            csv.write_record([id.as_str(), &m.username, &m.display_name, &m.nickname, avatar, guild_avatar, roles, &joined, bot])
                .unwrap();
        }
        Self {
            guild: guild.id().to_string(),
            members,
            json: json.into(),
            csv: csv.into_inner().unwrap(),
            rows: guild.roster().to_vec(),
        }
    }
}
