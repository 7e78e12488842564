//! What is known of single members: a join, a change, a leave.

use chrono::{DateTime, Utc};

use super::{DiscordId, Member};

/// Evidence about one member at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// When it was true.
    pub observed_at: DateTime<Utc>,
    /// What was seen.
    pub seen: Seen,
}

/// What was seen of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Present, with these fields. A `joined_at` of `None` is not known, and keeps what the row has.
    Present(Member),
    /// Gone. Of a person who has no row, one is made of `user` as far as that is known.
    Gone {
        /// Who.
        id: DiscordId,
        /// What the evidence says of the person.
        user: Option<Member>,
    },
}

impl Sighting {
    /// Of whom it speaks.
    #[must_use]
    pub fn id(&self) -> DiscordId {
        match &self.seen {
            Seen::Present(member) => member.id,
            Seen::Gone { id, .. } => *id,
        }
    }
}
