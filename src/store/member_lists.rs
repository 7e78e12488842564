//! The handle of the lists of members: which of them, in which order, from where on, and how many there are.
//!
//! # How a page comes about in time
//!
//! No index serves every filter in every order, so a page is looked for in two ways. First along the order, a window of rows at a time:
//! where many fit, that fills the page. Where it will not, few fit, and their own indexes find all of them. The first window is a sample
//! that says which of the two it will be. At a million members the two cost the same where some 3,000 to 6,000 fit. PostgreSQL reads a window no
//! further than to the row that fills the page; SQLite would sort all of it, and is told first where it ends.
//! What is searched for is known to SQLite by an index, so there a window is one of the index of the order, and far longer.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::held_members::Hold;
use super::role_counts::RoleCount;
use super::{Search, StoreError};
use crate::domain::{Account, DiscordId, MemberRow};

/// How far a list is looked through along its order, in rows, before the page is looked for otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows {
    /// The first window: enough to judge by, in a millisecond or two.
    pub first: i64,
    /// Each further one.
    pub next: i64,
    /// Behind so many the page is not looked for along the order any longer.
    pub enough: i64,
    /// Of fewer in 1,000, the indexes find all in less time.
    pub promising: i64,
}

impl Windows {
    /// Where each row is read.
    pub(super) const OF_ROWS: Self = Self { first: 2_000, next: 5_000, enough: 20_000, promising: 5 };

    /// Whether as many rows were found among those seen that it pays to go on.
    pub(super) fn are_promising(self, found: usize, seen: i64) -> bool {
        i64::try_from(found).unwrap_or(i64::MAX).saturating_mul(1_000) >= seen.saturating_mul(self.promising)
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
    /// Whose id or names, also that of the account, fit.
    pub search: Option<Search>,
    /// Present, or left.
    pub is_present: Option<bool>,
    /// With an account, or without.
    pub is_linked: Option<bool>,
    /// Bots, or people.
    pub is_bot: Option<bool>,
    /// Who have this role, by what lists call it.
    pub role: Option<String>,
    /// Who joined then.
    pub joined: Span,
    /// Who left then.
    pub left: Span,
    /// Whose departure a run holds back.
    pub hold: Option<Hold>,
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
    /// No more than about so many fit, if that is known: it is a hint how to look for them, and changes nothing of what is found.
    pub at_most: Option<i64>,
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
    /// Accounts in all.
    pub accounts: i64,
}

/// Reads the lists of members.
#[async_trait]
pub trait MemberLists: Send + Sync + 'static {
    /// A page of members.
    async fn list_members(&self, view: &MemberView) -> Result<MembersFound, StoreError>;

    /// How many members a list has. Reads whom its indexes find, or everybody: only where there are few.
    async fn count_members(&self, filter: &MemberFilter) -> Result<i64, StoreError>;

    /// A page of accounts whose Discord id was never seen in the guild, by their number.
    async fn list_absent(&self, view: &AbsentView) -> Result<Vec<Account>, StoreError>;

    /// How many there are of each kind. Reads every row.
    async fn tally_members(&self) -> Result<MemberTally, StoreError>;

    /// The roles that most members have, present or not, and how many: the most frequent first, at most so many. Reads every row, some at a time.
    async fn count_roles(&self, limit: usize) -> Result<Vec<RoleCount>, StoreError>;
}
