//! How many members have each role.
//!
//! Enters: lists of roles, and how many members have just that list, some thousand members at a time, so that no statement takes long and
//! memory has a bound. Leaves: the most frequent roles.

use std::collections::{HashMap, HashSet};

use super::StoreError;
use super::columns::Columns;

/// Members that are counted by a statement.
pub(super) const SLICE: i64 = 20_000;
/// Roles that are kept in mind. A guild at Discord has 250; a list that is sent can have any.
const KNOWN: usize = 20_000;

/// Counts the lists of roles of the members after one.
pub(super) const COUNT_SLICE: &str = "
SELECT roles, count(*) AS members, max(discord_id) AS last
FROM (SELECT discord_id, roles FROM guild_members WHERE discord_id > $1 ORDER BY discord_id LIMIT $2) slice
GROUP BY roles";

/// A role and how many members have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleCount {
    /// What lists call it.
    pub role: String,
    /// How many have it.
    pub members: i64,
}

/// What was counted so far.
#[derive(Default)]
pub(super) struct RoleCounts(HashMap<String, i64>);

impl RoleCounts {
    /// Adds what [`COUNT_SLICE`] answered; answers the last member of it, `None` at the end.
    pub fn add<R: Columns>(&mut self, rows: &[R]) -> Result<Option<i64>, StoreError> {
        let mut last = None;
        for row in rows {
            let roles: HashSet<String> = serde_json::from_str(&row.json("roles")?)
                .map_err(|_| StoreError::Unreadable("a list of roles that is none".into()))?;
            let members = row.int("members")?;
            for role in roles {
                *self.0.entry(role).or_default() += members;
            }
            last = last.max(Some(row.int("last")?));
        }
        if self.0.len() > KNOWN {
            let most: HashMap<String, i64> =
                self.most(KNOWN / 2).into_iter().map(|RoleCount { role, members }| (role, members)).collect();
            self.0 = most;
        }
        Ok(last)
    }

    /// The most frequent ones.
    pub fn most(&self, limit: usize) -> Vec<RoleCount> {
        let mut counts: Vec<RoleCount> =
            self.0.iter().map(|(role, members)| RoleCount { role: role.clone(), members: *members }).collect();
        counts.sort_unstable_by(|a, b| b.members.cmp(&a.members).then_with(|| a.role.cmp(&b.role)));
        counts.truncate(limit);
        counts
    }
}
