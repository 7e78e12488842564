//! The handle of whoever shows things: reads only.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Process, StoreError};
use crate::domain::{DiscordId, MemberRow, Run, RunId};

/// Which page of the members list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberPage {
    /// Members whose id is greater than this, ascending; keyset paging stays quick at any depth.
    pub after: Option<DiscordId>,
    /// At most this many.
    pub limit: i64,
}

/// How many members there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemberTotals {
    /// Present, bots included.
    pub present: i64,
    /// Departed.
    pub left: i64,
    /// Linked to an account, departed ones included.
    pub linked: i64,
}

/// Reads for pages, answers and the command line.
#[async_trait]
pub trait Read: Send + Sync + 'static {
    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// One run with its progress; its counts grow while it is being applied.
    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError>;

    /// The newest runs, newest first.
    async fn runs(&self, limit: i64) -> Result<Vec<Run>, StoreError>;

    /// A page of members by ascending id.
    async fn members(&self, page: MemberPage) -> Result<Vec<MemberRow>, StoreError>;

    /// How many members there are.
    async fn member_totals(&self) -> Result<MemberTotals, StoreError>;

    /// Processes whose last heartbeat came after `since`.
    async fn processes(&self, since: DateTime<Utc>) -> Result<Vec<Process>, StoreError>;
}
