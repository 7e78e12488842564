//! The handle of logins and imports: accounts, and the links that follow from them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::StoreError;
use crate::domain::{Account, DiscordId};

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
    /// Discord user id, if known.
    pub discord_id: Option<DiscordId>,
}

/// A Discord id that an import wants for one account and that another account has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportConflict {
    /// The account the import names.
    pub username: String,
    /// The id it wants.
    pub discord_id: DiscordId,
    /// The account that has it.
    pub held_by: String,
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
}

/// The outcome of an import: all of it, or nothing and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    /// Every line was imported.
    Done(Imported),
    /// Nothing was imported, because of these (the first 20).
    Conflicts(Vec<ImportConflict>),
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
    /// distinct without regard to case, ids are distinct. An empty `email` or missing `discord_id` keeps what an account has.
    async fn import(&self, rows: &[ImportRow], now: DateTime<Utc>) -> Result<Import, StoreError>;
}
