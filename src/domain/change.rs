//! What becomes of a member's row, as history keeps it and a dry run foretells it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::run::words;
use super::{DiscordId, RunId};

words! {
    /// What happened to a row, or would.
    Action {
        /// The row was made.
        Created = "created",
        /// A field changed.
        Updated = "updated",
        /// The member was gone and is present again.
        Rejoined = "rejoined",
        /// The member is gone.
        Left = "left",
        /// The member would be gone, but a person must say so first.
        Held = "held",
        /// The row was linked to an account.
        Linked = "linked",
        /// The row is no longer linked to an account.
        Unlinked = "unlinked",
    }
}

/// Fields by the names of their columns, those that differ. Times are RFC 3339, `roles` is a list, an account stands as `account`, its name,
/// and `user_id`.
pub type Fields = serde_json::Map<String, serde_json::Value>;

/// One change of one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whose row.
    pub id: DiscordId,
    /// What happened to it.
    pub action: Action,
    /// The fields before; `None` of a row that is made.
    pub before: Option<Fields>,
    /// The fields after.
    pub after: Option<Fields>,
}

/// A change of a row after its creation, as `member_events` keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its number; a later event of one row has a greater one.
    pub number: i64,
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
    /// The run that saw it; `None` for a link that an import or a login made. The run itself may be gone by now.
    pub run_id: Option<RunId>,
    /// When the evidence for it was true.
    pub observed_at: DateTime<Utc>,
    /// When it was written.
    pub recorded_at: DateTime<Utc>,
}
