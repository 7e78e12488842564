//! The handle of logins and imports: accounts, and the links that follow from them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::StoreError;
use crate::domain::{Account, ConflictKind, DiscordId};

/// A staff account to be made.
#[derive(Debug, Clone)]
pub struct NewStaff {
    /// Its name.
    pub username: String,
    /// An argon2id hash in PHC form.
    pub password_hash: SecretString,
    /// May act, not only look.
    pub is_superuser: bool,
}

/// An account and what is needed to check its password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The account.
    pub account: Account,
    /// Its argon2id hash; `None` if it has no password.
    pub password_hash: Option<SecretString>,
}

/// One line of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// Account name.
    pub username: String,
    /// E-mail address, or empty.
    pub email: String,
    /// The Discord id it claims.
    pub discord_id: Claim,
}

/// The Discord id that an import claims for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// None: what the account has is kept.
    None,
    /// This one.
    Id(DiscordId),
    /// Something that is no Discord id.
    Unreadable(String),
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Accounts made.
    pub created: i64,
    /// Accounts that were there already.
    pub updated: i64,
    /// Links made.
    pub linked: i64,
    /// Links removed.
    pub unlinked: i64,
    /// Accounts whose claim could not be met; they keep the Discord id they had, if any.
    pub conflicts: i64,
}

/// A Discord id that an import claims for an account and that could not be given to it. It stands until a later import settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountConflict {
    /// The account's name.
    pub username: String,
    /// Why its claim could not be met.
    pub kind: ConflictKind,
    /// What it claims.
    pub claimed: String,
    /// The account that has the id now.
    pub held_by: Option<String>,
    /// When it was found.
    pub noted_at: DateTime<Utc>,
}

/// A person who has logged in with Discord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscordLogin {
    /// Who. An account is found by this alone, never by name or e-mail address.
    pub id: DiscordId,
    /// The name at Discord; a new account is named after it.
    pub username: String,
    /// An address that Discord has verified.
    pub email: Option<String>,
}

/// Makes, finds and imports accounts.
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    /// Makes a staff account; `None` if the name is taken (names differ in more than case).
    async fn create_staff(&self, staff: &NewStaff, now: DateTime<Utc>) -> Result<Option<Account>, StoreError>;

    /// All staff accounts by name.
    async fn staff(&self) -> Result<Vec<Account>, StoreError>;

    /// Gives a staff account another password and ends its sessions; `false` if there is no such account.
    async fn set_password(&self, username: &str, password_hash: &SecretString) -> Result<bool, StoreError>;

    /// The account of that name, whatever its case.
    async fn credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError>;

    /// Notes that an account logged in.
    async fn note_login(&self, account: i64, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// Makes or updates accounts by name, and links and unlinks members accordingly, in one transaction. Names in `rows` are
    /// distinct without regard to case. An empty `email` or no claim keeps what an account has. A claim that cannot be met without guessing
    /// (it is no id, two lines make it, or an account has the id that does not give it up in the same import) is noted as a conflict.
    async fn import(&self, rows: &[ImportRow], now: DateTime<Utc>) -> Result<Imported, StoreError>;

    /// Claims that could not be met, by account name.
    async fn conflicts(&self, limit: i64) -> Result<Vec<AccountConflict>, StoreError>;

    /// Makes or updates the account of a person who has logged in with Discord, notes the login (unless the account is deactivated), and links the member at once, in one
    /// transaction. A taken name gets a number behind it. The account may be deactivated: that is the caller's to judge.
    async fn log_in_with_discord(&self, login: &DiscordLogin, now: DateTime<Utc>) -> Result<Account, StoreError>;
}
