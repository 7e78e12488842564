//! Accounts of the website.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::DiscordId;
use super::StaffAct;
use super::run::words;
use super::visible::has_visible;

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

impl Account {
    /// What it is called where it is listed: its name, if anything of that can be seen, else its number.
    #[must_use]
    pub fn shown_name(&self) -> Cow<'_, str> {
        account_name(&self.username, self.id)
    }
}

/// As [`Account::shown_name`], of an account of which no more is known.
#[must_use]
pub fn account_name(username: &str, id: i64) -> Cow<'_, str> {
    if has_visible(username) { username.into() } else { format!("account {id}").into() }
}

words! {
    /// What staff change about an account.
    AccountChange {
        /// It may look at the pages of staff.
        GrantStaff = "grant_staff",
        /// It may not look at them, and not act.
        RevokeStaff = "revoke_staff",
        /// It may act, and look.
        GrantSuperuser = "grant_superuser",
        /// It may look only.
        RevokeSuperuser = "revoke_superuser",
        /// It can be used.
        Activate = "activate",
        /// Nobody can log in with it, and whoever is logged in no longer is.
        Deactivate = "deactivate",
    }
}

impl AccountChange {
    /// The account after the change.
    #[must_use]
    pub fn of(self, account: &Account) -> Account {
        let mut after = account.clone();
        match self {
            Self::GrantStaff => after.is_staff = true,
            Self::RevokeStaff => (after.is_staff, after.is_superuser) = (false, false),
            Self::GrantSuperuser => (after.is_staff, after.is_superuser) = (true, true),
            Self::RevokeSuperuser => after.is_superuser = false,
            Self::Activate => after.is_active = true,
            Self::Deactivate => after.is_active = false,
        }
        after
    }

    /// Whether it takes something away.
    #[must_use]
    pub fn takes(self) -> bool {
        matches!(self, Self::RevokeStaff | Self::RevokeSuperuser | Self::Deactivate)
    }

    /// The change as an act of staff.
    #[must_use]
    pub fn act(self) -> StaffAct {
        match self {
            Self::GrantStaff => StaffAct::GrantStaff,
            Self::RevokeStaff => StaffAct::RevokeStaff,
            Self::GrantSuperuser => StaffAct::GrantSuperuser,
            Self::RevokeSuperuser => StaffAct::RevokeSuperuser,
            Self::Activate => StaffAct::Activate,
            Self::Deactivate => StaffAct::Deactivate,
        }
    }
}

impl Account {
    /// Whether its owner may act: an active superuser who may look at the pages where one acts.
    #[must_use]
    pub fn may_act(&self) -> bool {
        self.is_active && self.is_staff && self.is_superuser
    }
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
