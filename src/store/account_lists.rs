//! The handle of whoever looks accounts through: lists, single ones, and the claims that wait for a decision. Reads only.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{SessionLimits, StoreError};
use crate::domain::{Account, ConflictKind, DiscordId, username_key};

/// Which part of the list of accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountPage {
    /// What a name, a name at Discord or a Discord id begins with, a part of an address of three characters and more, or a number; empty
    /// for all.
    pub search: String,
    /// What they may do.
    pub rights: Option<Rights>,
    /// Only those that can be used, or cannot.
    pub is_active: Option<bool>,
    /// How they stand to the guild.
    pub membership: Option<Membership>,
    /// In which order.
    pub order: AccountOrder,
    /// Only accounts after this.
    pub after: Option<AccountPlace>,
    /// Those before that place instead, next to it; still in the order of the list.
    pub is_backwards: bool,
    /// At most this many.
    pub limit: i64,
}

/// What the list is sorted by. Only what an index serves can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccountSort {
    /// The name, by code points.
    #[default]
    Name,
    /// When they were made.
    Joined,
    /// When they were last logged in with.
    LastLogin,
}

/// The order of the list. Accounts that were never logged in with come last in either direction; equal ones go by number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountOrder {
    /// What comes first.
    pub by: AccountSort,
    /// The last or latest first.
    pub is_descending: bool,
}

/// Where an account stands in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountPlace {
    /// The time that the list is sorted by, as it was: another login moves the account, and not the place.
    pub at: Option<DateTime<Utc>>,
    /// Its number.
    pub id: i64,
}

impl AccountPlace {
    /// The place of an account in a list of this order.
    #[must_use]
    pub fn of(account: &Account, order: AccountOrder) -> Self {
        let at = match order.by {
            AccountSort::Name => None,
            AccountSort::Joined => Some(account.date_joined),
            AccountSort::LastLogin => account.last_login,
        };
        Self { at, id: account.id }
    }
}

/// What an account may do in the pages of staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Nothing.
    None,
    /// Look; it may act, too.
    Look,
    /// Act.
    Act,
}

/// How an account stands to the guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Its owner is a member.
    Present,
    /// Its owner was one.
    Left,
    /// It belongs to somebody at Discord who was never seen in the guild.
    Never,
    /// It belongs to nobody at Discord.
    NoDiscord,
}

/// An account with what else is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The account.
    pub account: Account,
    /// The name at Discord, as of the last login with it; or empty.
    pub discord_username: String,
    /// One can log in with a password.
    pub has_password: bool,
    /// How it stands to the guild.
    pub membership: Membership,
}

/// How many accounts there are of the kinds that are few. All of them are in [`MemberTally`](super::MemberTally).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountTotals {
    /// That may look at the pages of staff.
    pub staff: i64,
    /// That cannot be used.
    pub inactive: i64,
    /// That claim an id they could not be given.
    pub conflicts: i64,
}

/// A claim that could not be met, and who has the id now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetClaim {
    /// The account that claims.
    pub account: Account,
    /// Why its claim could not be met.
    pub kind: ConflictKind,
    /// What it claims.
    pub claimed: String,
    /// When it was found.
    pub noted_at: DateTime<Utc>,
    /// The account that has the id now.
    pub holder: Option<Holder>,
}

/// The account that has an id which another claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub username: String,
    /// One can log in with a password: without the id it can still be used.
    pub has_password: bool,
}

impl UnmetClaim {
    /// The claimed id, if it is one: only such a claim can be met.
    #[must_use]
    pub fn claimed_id(&self) -> Option<DiscordId> {
        self.claimed.parse().ok()
    }
}

/// Looks accounts through.
#[async_trait]
pub trait AccountLists: Send + Sync + 'static {
    /// A page of accounts.
    async fn accounts(&self, page: &AccountPage) -> Result<Vec<AccountRow>, StoreError>;

    /// How many accounts fit the search and the filters of a page. Reads them all: only where there are few.
    async fn count(&self, page: &AccountPage) -> Result<i64, StoreError>;

    /// One account.
    async fn account(&self, id: i64) -> Result<Option<AccountRow>, StoreError>;

    /// How many sessions of an account are open.
    async fn open_sessions(&self, account: i64, limits: SessionLimits, now: DateTime<Utc>) -> Result<i64, StoreError>;

    /// How many accounts there are of the kinds that are few.
    async fn account_totals(&self) -> Result<AccountTotals, StoreError>;

    /// Claims that wait for a decision by account number, those of accounts after a number.
    async fn unmet_claims(&self, after: Option<i64>, limit: i64) -> Result<Vec<UnmetClaim>, StoreError>;

    /// Those of accounts before a number: the ones next to it, by account number.
    async fn unmet_claims_before(&self, before: i64, limit: i64) -> Result<Vec<UnmetClaim>, StoreError>;
}

/// What a search looks for. The beginnings are texts from one to the other, which are those that begin like it, where texts are ordered by
/// their code points.
#[derive(Clone)]
pub(super) struct Search {
    /// Among keys of names.
    pub key: (String, String),
    /// Among texts in ASCII's lower case, the only one that databases agree on.
    pub ascii: (String, String),
    /// The same text as a part, if it is long enough for one.
    pub part: Option<String>,
}

/// Fewest characters of a part: the indexes know three in a row.
const SHORTEST_PART: usize = 3;

impl Search {
    /// `None` of an empty text, which every text begins with.
    pub fn of(text: &str) -> Option<Self> {
        let range = |prefix: String| (prefix.clone(), format!("{prefix}{}", char::MAX));
        let lower = text.to_ascii_lowercase();
        let part = is_part(text).then(|| lower.clone());
        (!text.is_empty()).then(|| Self { key: range(username_key(text)), ascii: range(lower), part })
    }
}

/// Whether a text is long enough to be looked for as a part.
pub(super) fn is_part(text: &str) -> bool {
    text.chars().count() >= SHORTEST_PART
}
