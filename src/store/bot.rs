//! The handles of what only Discord brings: names of roles, replies the bot owes, standing problems.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::StoreError;
use crate::domain::{DiscordId, GuildRole, Run, RunId};

/// Keeps the names of the guild's roles.
#[async_trait]
pub trait Roles: Send + Sync + 'static {
    /// Replaces all roles by those that Discord lists now.
    async fn replace_roles(&self, roles: &[GuildRole]) -> Result<(), StoreError>;
}

/// A reply to an interaction, to be completed when its run ends.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The run.
    pub run: RunId,
    /// What is replied to.
    pub to: Interaction,
}

/// A command that waits for its reply. Kept with the run that fulfils it, in one transaction, so that neither is without the other.
#[derive(Debug, Clone)]
pub struct Interaction {
    /// The application that was asked.
    pub application: DiscordId,
    /// What Discord knows the interaction by.
    pub token: SecretString,
    /// When Discord forgets it.
    pub expires_at: DateTime<Utc>,
}

/// Knows what the bot still has to say.
#[async_trait]
pub trait Replies: Send + Sync + 'static {
    /// Replies that have not been completed, also those that Discord has forgotten, those first that end first.
    async fn open_replies(&self, limit: i64) -> Result<Vec<Reply>, StoreError>;

    /// Forgets a reply that is completed or given up; `false` if somebody else did.
    async fn drop_reply(&self, reply: &Reply) -> Result<bool, StoreError>;

    /// Full rosters that were held or failed and have not been reported, oldest first.
    async fn unreported(&self, limit: i64) -> Result<Vec<Run>, StoreError>;

    /// Notes that a run has been reported; `false` if somebody else did.
    async fn mark_reported(&self, run: RunId, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// The report did not come through: it is to be tried again.
    async fn unmark_reported(&self, run: RunId) -> Result<(), StoreError>;
}

/// Something that is wrong and will not mend itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about, a word.
    pub code: String,
    /// What is wrong, and what to do.
    pub message: String,
    /// Since when.
    pub noted_at: DateTime<Utc>,
}

/// Keeps standing problems, one a code, for the overview.
#[async_trait]
pub trait Problems: Send + Sync + 'static {
    /// Notes a problem; one that stands already keeps its time.
    async fn note_problem(&self, code: &str, message: &str, now: DateTime<Utc>) -> Result<(), StoreError>;

    /// The problem is over, if there was one.
    async fn clear_problem(&self, code: &str) -> Result<(), StoreError>;
}
