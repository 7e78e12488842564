//! Changes of rows as fields, said once for both databases.

use serde_json::{Value, json};

use super::{ChangeCursor, StoreError, small_payload};
use crate::domain::{Action, Event, Fields, Member, MemberRow, Mode};

/// A run that made more members than this made so large a part of all that going through them by id finds the next ones soon, sooner than
/// all that it noted are read.
pub(super) const MANY_MADE: i64 = 100_000;

/// Whether a step writes what it finds, or only notes it as a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Write,
    Plan,
}

impl Effect {
    pub fn of(mode: Mode) -> Self {
        if mode == Mode::DryRun { Self::Plan } else { Self::Write }
    }

    /// The table that takes note of the changes.
    pub fn log(self) -> &'static str {
        match self {
            Self::Write => "member_events",
            Self::Plan => "planned_changes",
        }
    }
}

/// A change of a row that is to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewEvent {
    pub id: i64,
    pub action: Action,
    pub before: Fields,
    pub after: Fields,
    pub observed_at: chrono::DateTime<chrono::Utc>,
}

/// All fields of a member.
fn fields(member: &Member) -> Fields {
    let all = [
        ("username", json!(member.username)),
        ("display_name", json!(member.display_name)),
        ("nickname", json!(member.nickname)),
        ("avatar_hash", json!(member.avatar_hash)),
        ("guild_avatar_hash", json!(member.guild_avatar())),
        ("roles", json!(member.roles.to_vec())),
        ("joined_at", json!(member.joined_at)),
        ("is_bot", json!(member.is_bot)),
    ];
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The fields that differ between two states of a row, with the values before and after.
pub(super) fn differences(before: &MemberRow, after: &MemberRow) -> (Fields, Fields) {
    let all = |row: &MemberRow| {
        let mut all = fields(&row.member);
        all.insert("date_left".to_owned(), json!(row.date_left));
        all
    };
    let (mut before, mut after) = (all(before), all(after));
    let same: Vec<String> =
        before.iter().filter(|(name, value)| after.get(*name) == Some(value)).map(|(n, _)| n.clone()).collect();
    for name in same {
        before.remove(&name);
        after.remove(&name);
    }
    (before, after)
}

/// A row as it was made: as it is now, less what its events changed. `events` are all of the row that are known, newest first.
pub(super) fn as_made(row: &MemberRow, events: &[Event]) -> Fields {
    let mut made = fields(&row.member);
    made.insert("date_left".to_owned(), json!(row.date_left));
    for event in events {
        for (name, value) in event.change.before.iter().flatten() {
            if let Some(field) = made.get_mut(name) {
                *field = value.clone();
            }
        }
    }
    if made.get("date_left") == Some(&Value::Null) {
        made.remove("date_left");
    }
    made
}

/// Of the ids that the batches of a run noted, those of a page beside a place.
pub(super) fn page_of(noted: &[Vec<u8>], beside: Beside, limit: i64) -> Result<Vec<i64>, StoreError> {
    let mut ids = Vec::new();
    for batch in noted {
        ids.extend(small_payload::decode_ids(batch)?.into_iter().filter(|id| beside.has_made(*id)));
    }
    ids.sort_unstable();
    if let Beside::Before(_) = beside {
        ids.reverse();
    }
    ids.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(ids)
}

/// On which side of a place the changes of a page stand, which are those next to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    After(ChangeCursor),
    Before(ChangeCursor),
}

impl Beside {
    pub fn place(self) -> ChangeCursor {
        let (Self::After(place) | Self::Before(place)) = self;
        place
    }

    /// How a statement says it that is written for what comes after a place, in the order of the list.
    pub fn turn(self, statement: &str) -> String {
        match self {
            Self::After(_) => statement.replace("{way}", ""),
            Self::Before(_) => statement.replace("{way}", " DESC").replace(" > ", " < "),
        }
    }

    /// Whether the making of a member, its first change, stands there.
    fn has_made(self, id: i64) -> bool {
        let made = ChangeCursor { id, number: 0 };
        match self {
            Self::After(place) => made > place,
            Self::Before(place) => made < place,
        }
    }

    /// The ids of those whose making stands there: after the first, or before it.
    pub fn border(self) -> i64 {
        match self {
            Self::After(place) => place.id,
            Self::Before(place) => place.id.saturating_add(i64::from(place.number > 0)),
        }
    }
}
