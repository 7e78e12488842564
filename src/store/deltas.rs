//! What a delta does to the rows it speaks of (rules 1, 2 and 5 of a sync), said once for both databases: the store reads the rows, this
//! decides, the store writes.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::changes::{NewEvent, differences};
use crate::domain::{Action, Counts, DiscordId, Member, MemberRow, Roles, RunId, Seen, Sighting};

/// What is to be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    /// Rows that are to be made.
    pub made: Vec<MemberRow>,
    /// Rows that are to be written, as they shall be.
    pub written: Vec<MemberRow>,
    /// What is to be noted of them.
    pub events: Vec<NewEvent>,
    /// All but the links, which follow from the rows.
    pub counts: Counts,
}

/// Where a delta stands among other evidence.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub run: RunId,
    /// The newest full roster that ended `succeeded`: it has spoken for every member.
    pub last_roster: Option<DateTime<Utc>>,
    pub now: DateTime<Utc>,
}

/// Decides what `sightings`, of distinct members, do to `rows`, those of them that exist.
pub(super) fn fold(sightings: &[Sighting], mut rows: HashMap<i64, MemberRow>, moment: Moment) -> Folded {
    let mut folded = Folded::default();
    for sighting in sightings {
        folded.hear(sighting, rows.remove(&sighting.id().get()), moment);
    }
    folded
}

impl Folded {
    /// How many more are present once this is written.
    pub fn presence(&self) -> i64 {
        let made = self.made.iter().filter(|row| row.date_left.is_none()).count();
        i64::try_from(made).unwrap_or(i64::MAX) + self.counts.rejoined - self.counts.marked_left
    }

    fn hear(&mut self, sighting: &Sighting, row: Option<MemberRow>, moment: Moment) {
        let seen_at = sighting.observed_at;
        let outdated = moment.last_roster.is_some_and(|roster| seen_at < roster);
        match row {
            // The roster does not know this member, and it is newer.
            None if outdated => {
                self.counts.skipped += 1;
                self.counts.deferred += 1;
            }
            None => {
                self.counts.created += 1;
                self.made.push(new_row(sighting, moment));
            }
            Some(row) => {
                self.counts.updated += 1;
                if outdated || row.observed_at > seen_at {
                    self.counts.deferred += 1;
                } else {
                    self.change(&row, sighting, moment);
                }
            }
        }
    }

    fn change(&mut self, before: &MemberRow, sighting: &Sighting, moment: Moment) {
        let seen_at = sighting.observed_at;
        let (member, date_left) = match &sighting.seen {
            Seen::Present(member) => {
                let joined_at = member.joined_at.or(before.member.joined_at);
                let guild_avatar_hash = member.guild_avatar_hash.clone().or_else(|| before.member.guild_avatar_hash.clone());
                (Member { guild_avatar_hash, joined_at, ..member.clone() }, None)
            }
            Seen::Gone { .. } => (before.member.clone(), Some(seen_at)),
        };
        let mut after = MemberRow { member, date_left, observed_at: seen_at, ..before.clone() };
        let (was, is) = differences(before, &after);
        if is.is_empty() {
            self.counts.unchanged += 1;
        } else {
            after.date_modified = moment.now;
            let action = match (before.date_left, after.date_left) {
                (None, Some(_)) => Action::Left,
                (Some(_), None) => Action::Rejoined,
                _ => Action::Updated,
            };
            self.counts.marked_left += i64::from(action == Action::Left);
            self.counts.rejoined += i64::from(action == Action::Rejoined);
            self.events.push(NewEvent { id: sighting.id().get(), action, before: was, after: is, observed_at: seen_at });
        }
        self.written.push(after);
    }
}

fn new_row(sighting: &Sighting, moment: Moment) -> MemberRow {
    let (member, date_left) = match &sighting.seen {
        Seen::Present(member) => (member.clone(), None),
        Seen::Gone { id, user } => (user.clone().unwrap_or_else(|| unknown(*id)), Some(sighting.observed_at)),
    };
    MemberRow {
        member,
        date_created: moment.now,
        date_modified: moment.now,
        date_left,
        observed_at: sighting.observed_at,
        created_run_id: Some(moment.run),
        account: None,
    }
}

/// Somebody of whom nothing is known but the id.
fn unknown(id: DiscordId) -> Member {
    Member {
        id,
        username: String::new(),
        display_name: String::new(),
        nickname: String::new(),
        avatar_hash: String::new(),
        guild_avatar_hash: None,
        roles: Roles::default(),
        joined_at: None,
        is_bot: false,
    }
}
