//! Member lists of invented guilds, in files.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tempfile::TempPath;

use guildsync::discord::{InventedGuild, write_roster};
use guildsync::domain::{Clock as _, DiscordId, Member, SystemClock};

use crate::support::scratch;

/// A member list as a bot sends it, in a file that goes with this value.
pub struct List {
    file: TempPath,
    members: Vec<Member>,
}

impl List {
    /// A list of these members that does not say when it was true.
    pub fn of(members: Vec<Member>) -> Self {
        Self::write(members, None)
    }

    /// A list that was true so long ago.
    pub fn observed(members: Vec<Member>, ago: TimeDelta) -> Self {
        Self::write(members, Some(SystemClock.now() - ago))
    }

    fn write(members: Vec<Member>, observed_at: Option<DateTime<Utc>>) -> Self {
        let file = tempfile::NamedTempFile::new_in(scratch::root()).unwrap().into_temp_path();
        let mut body = Vec::new();
        write_roster(&members, &mut body).unwrap();
        let mut out = BufWriter::new(File::create(&file).unwrap());
        if let Some(at) = observed_at {
            write!(out, "{{\"observed_at\":\"{}\",", at.to_rfc3339_opts(SecondsFormat::Micros, true)).unwrap();
            body.remove(0);
        }
        out.write_all(&body).unwrap();
        out.flush().unwrap();
        Self { file, members }
    }

    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// The id of the member at `place`; lists are in the order of their ids.
    pub fn id(&self, place: usize) -> DiscordId {
        self.members[place].id
    }

    /// What the database should hold of those present.
    pub fn names(&self) -> Vec<(i64, String)> {
        self.members.iter().map(|member| (member.id.get(), member.username.clone())).collect()
    }
}

/// A guild of so many members.
pub fn guild(members: usize) -> InventedGuild {
    // A fixed day, so that the same size is the same guild.
    InventedGuild::new(members as u64, members, DateTime::from_timestamp(1_750_000_000, 0).unwrap())
}

/// Its id, and the list of all its members.
pub fn list(members: usize) -> (DiscordId, List) {
    let guild = guild(members);
    (guild.id(), List::of(guild.roster().to_vec()))
}
