//! Accounts of the website.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::DiscordId;

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
