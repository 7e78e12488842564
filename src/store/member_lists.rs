//! The handle of the lists of members: which of them, in which order, from where on, and how many there are.
//!
//! # How a page comes about in time
//!
//! No index serves every filter in every order, so a page is looked for in two ways. First along the order, a window of rows at a time:
//! where many fit, that fills the page. Where it will not, few fit, and their own indexes find all of them. The first window is a sample
//! that says which of the two it will be. At a million members the two cost the same where some 6,000 fit.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::{Account, DiscordId, MemberRow};

/// Rows that are looked through along the order of a list at first: enough to judge by, in a millisecond or two.
pub(super) const FIRST_WINDOW: i64 = 2_000;
/// Rows that each further window has.
pub(super) const WINDOW: i64 = 5_000;
/// Rows behind which the page is not looked for along the order any longer.
pub(super) const ENOUGH: i64 = 20_000;

/// Whether as many rows were found among those seen that it pays to go on: of fewer than 6 in 1,000, the indexes find all in less time.
pub(super) fn is_promising(found: usize, seen: i64) -> bool {
    i64::try_from(found).unwrap_or(i64::MAX).saturating_mul(1_000) >= seen.saturating_mul(6)
}

/// What somebody searches for: a part of a name, the beginning of a name, or the beginning of an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(String);

impl Search {
    /// Fewest characters that can be searched for.
    pub const SHORTEST: usize = 2;

    /// `None` if it is too short.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.chars().count() >= Self::SHORTEST).then(|| Self(text.to_owned()))
    }

    /// The text as it was given.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Two characters are looked for where a name begins: the indexes know three in a row, and the start of a name is one of them.
    pub(super) fn is_short(&self) -> bool {
        self.0.chars().count() < 3
    }

    /// As a pattern of `LIKE` for names each of which stands behind the start of a line.
    pub(super) fn in_lines(&self) -> String {
        if self.is_short() { format!("%\n{}%", self.escaped()) } else { format!("%{}%", self.escaped()) }
    }

    /// As a pattern of `LIKE` for the name of an account in small letters.
    pub(super) fn in_account(&self) -> String {
        let text = self.escaped().to_lowercase();
        if self.is_short() { format!("{text}%") } else { format!("%{text}%") }
    }

    fn escaped(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        for c in self.0.chars() {
            if matches!(c, '%' | '_' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text
    }

    /// The ids that begin with these digits, from and to; of two digits only the id itself. Nothing, if they are not digits alone.
    pub(super) fn ids(&self) -> Vec<(i64, i64)> {
        let is_number = self.0.bytes().all(|byte| byte.is_ascii_digit()) && !self.0.starts_with('0');
        let Some(number) = self.0.parse::<i64>().ok().filter(|_| is_number) else { return Vec::new() };
        let mut ranges = vec![(number, number)];
        let mut tens = 1_i64;
        while !self.is_short() {
            let Some(next) = tens.checked_mul(10) else { break };
            tens = next;
            let Some(from) = number.checked_mul(tens) else { break };
            ranges.push((from, from.saturating_add(tens - 1)));
        }
        ranges
    }
}

/// A stretch of time: from one moment on, and before another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Not before this.
    pub from: Option<DateTime<Utc>>,
    /// Before this.
    pub before: Option<DateTime<Utc>>,
}

impl Span {
    pub(super) fn is_open(self) -> bool {
        self.from.is_none() && self.before.is_none()
    }
}

/// Which members; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberFilter {
    /// Of whom the id or a name, also that of the account, fits.
    pub search: Option<Search>,
    /// Present, or left.
    pub is_present: Option<bool>,
    /// With an account, or without.
    pub is_linked: Option<bool>,
    /// Bots, or people.
    pub is_bot: Option<bool>,
    /// Who have this role.
    pub role: Option<DiscordId>,
    /// Who joined then.
    pub joined: Span,
    /// Who left then.
    pub left: Span,
}

/// What a list is sorted by. Only what an index serves can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortBy {
    /// The Discord id.
    #[default]
    Id,
    /// When they joined.
    Joined,
    /// When they left.
    Left,
}

/// The order of a list. Those without the time that it is sorted by come last in either direction; equal ones go by id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemberOrder {
    /// What comes first.
    pub by: SortBy,
    /// The greatest or latest first.
    pub is_descending: bool,
}

/// Where a member stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberPlace {
    /// The time that the list is sorted by.
    pub at: Option<DateTime<Utc>>,
    /// The id.
    pub id: DiscordId,
}

impl MemberPlace {
    /// The place of a member in a list of this order.
    #[must_use]
    pub fn of(row: &MemberRow, order: MemberOrder) -> Self {
        let at = match order.by {
            SortBy::Id => None,
            SortBy::Joined => row.member.joined_at,
            SortBy::Left => row.date_left,
        };
        Self { at, id: row.member.id }
    }
}

/// A page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberView {
    /// Who is in the list.
    pub filter: MemberFilter,
    /// In which order.
    pub order: MemberOrder,
    /// Only what comes after this.
    pub after: Option<MemberPlace>,
    /// At most this many.
    pub limit: i64,
}

/// What a list has on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MembersFound {
    /// The members.
    pub rows: Vec<MemberRow>,
    /// There are more behind them.
    pub has_more: bool,
    /// How many are in the whole list, where that came of itself.
    pub total: Option<i64>,
}

impl MembersFound {
    /// Of the rows that were found, one more than the page takes, if there are so many.
    pub(super) fn page(mut rows: Vec<MemberRow>, total: Option<i64>, view: &MemberView) -> Self {
        let room = usize::try_from(view.limit).unwrap_or_default();
        let has_more = rows.len() > room;
        rows.truncate(room);
        let is_whole = view.after.is_none() && !has_more;
        let total = total.or_else(|| is_whole.then(|| i64::try_from(rows.len()).unwrap_or(i64::MAX)));
        Self { rows, has_more, total }
    }
}

/// Accounts with a Discord id that was never seen in the guild.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AbsentView {
    /// Of whom the name or the Discord id fits.
    pub search: Option<Search>,
    /// Only accounts with a number above this.
    pub after: Option<i64>,
    /// Those with a number below it instead, the greatest first.
    pub is_backwards: bool,
    /// At most this many.
    pub limit: i64,
}

/// How many there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemberTally {
    /// Present, bots included.
    pub present: i64,
    /// Departed, bots included.
    pub left: i64,
    /// Linked to an account, whether present or not.
    pub linked: i64,
    /// Bots, whether present or not.
    pub bots: i64,
    /// Present people without an account.
    pub guild_only: i64,
    /// Present people with an account.
    pub linked_present: i64,
    /// People with an account who left.
    pub linked_left: i64,
    /// People without an account who left; they are in no category of the comparison.
    pub unlinked_left: i64,
    /// Accounts with a Discord id that was never seen in the guild.
    pub absent: i64,
    /// Accounts without a Discord id.
    pub local: i64,
}

/// Reads the lists of members.
#[async_trait]
pub trait MemberLists: Send + Sync + 'static {
    /// A page of members.
    async fn list_members(&self, view: &MemberView) -> Result<MembersFound, StoreError>;

    /// A page of accounts whose Discord id was never seen in the guild, by their number.
    async fn list_absent(&self, view: &AbsentView) -> Result<Vec<Account>, StoreError>;

    /// How many there are of each kind. Reads every row.
    async fn tally_members(&self) -> Result<MemberTally, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_the_beginning_of_ids() {
        let ids = |text| Search::new(text).unwrap().ids();
        assert_eq!(ids("42"), [(42, 42)]);
        let of_three = ids("804");
        assert_eq!(of_three[..3], [(804, 804), (8_040, 8_049), (80_400, 80_499)]);
        assert_eq!(of_three.len(), 17, "804 behind which 16 digits stand is the last that fits 64 bits");
        assert_eq!(ids("9223372036854775807"), [(i64::MAX, i64::MAX)]);
        assert_eq!(ids("922337203685477580"), [(922_337_203_685_477_580, 922_337_203_685_477_580), (i64::MAX - 7, i64::MAX)]);
        for no_id in ["042", "99999999999999999999", "12a", "١٢٣"] {
            assert!(ids(no_id).is_empty(), "{no_id}");
        }
    }

    #[test]
    fn what_a_pattern_means_something_by_is_escaped() {
        assert_eq!(Search::new("50%_\\").unwrap().in_account(), "%50\\%\\_\\\\%");
        assert_eq!(Search::new("ab").unwrap().in_lines(), "%\nab%");
        assert_eq!(Search::new("李明").unwrap().in_account(), "李明%");
        assert_eq!(Search::new("a"), None);
    }
}
