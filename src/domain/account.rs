//! Accounts of the website.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::DiscordId;
use super::run::words;

words! {
    /// Why the Discord id that an import claims for an account could not be given to it.
    ConflictKind {
        /// It is no Discord id.
        NotAnId = "not_an_id",
        /// Another account has it, or another line of the import claims it, too.
        ClaimedTwice = "claimed_twice",
    }
}

/// A website user. Without a `discord_id` it is a local account, which no sync reads or touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The account's own number.
    pub id: i64,
    /// Its name, unique without regard to case.
    pub username: String,
    /// An e-mail address, or empty.
    pub email: String,
    /// The Discord person it belongs to.
    pub discord_id: Option<DiscordId>,
    /// May look at the admin.
    pub is_staff: bool,
    /// May act in the admin.
    pub is_superuser: bool,
    /// A deactivated account cannot log in.
    pub is_active: bool,
    /// When the account was made.
    pub date_joined: DateTime<Utc>,
    /// When its owner last logged in.
    pub last_login: Option<DateTime<Utc>>,
}

/// Longest account name, in characters; that of Django, whose accounts are imported.
pub const MAX_USERNAME: usize = 150;

/// What names are compared by: two that differ in case alone have the same key. It is made here and not by a database, whose idea of
/// case depends on how it was set up.
#[must_use]
pub fn username_key(username: &str) -> String {
    username.to_lowercase()
}

/// Why a text is no account name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an account name has 1 to {MAX_USERNAME} characters and no control characters or spaces at its ends")]
pub struct AccountNameError;

/// Checks a text as an account name.
///
/// # Errors
/// [`AccountNameError`] if it is none.
pub fn check_username(text: &str) -> Result<&str, AccountNameError> {
    let fits = (1..=MAX_USERNAME).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(AccountNameError) }
}
