//! The handle of whoever shows things: reads only.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Problem, Process, StoreError};
use crate::domain::{Action, Change, DiscordId, Event, GuildRole, MemberRow, Run, RunId};

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

/// A place among a run's changes: after those of members with smaller ids, and after this one's changes up to a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeCursor {
    /// A Discord id, or 0 for the beginning.
    pub id: i64,
    /// Orders the changes of one member; means nothing else.
    pub number: i64,
}

/// Reads for pages, answers and the command line.
#[async_trait]
pub trait Read: Send + Sync + 'static {
    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// One run with its progress; its counts grow while it is being applied.
    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError>;

    /// The newest runs, newest first; deltas only if asked for. Decisions are no deltas in this sense.
    async fn runs(&self, deltas: bool, limit: i64) -> Result<Vec<Run>, StoreError>;

    /// A page of members by ascending id.
    async fn members(&self, page: MemberPage) -> Result<Vec<MemberRow>, StoreError>;

    /// One member, also one who has left.
    async fn member(&self, id: DiscordId) -> Result<Option<MemberRow>, StoreError>;

    /// The changes of a member's row, newest first, those with a number below `before`.
    async fn history(&self, id: DiscordId, before: Option<i64>, limit: i64) -> Result<Vec<Event>, StoreError>;

    /// As [`history`](Self::history), those with a number above `after`: the ones next to it, newest first.
    async fn history_after(&self, id: DiscordId, after: i64, limit: i64) -> Result<Vec<Event>, StoreError>;

    /// The changes that a run made, or that a dry run would make, by member, those after a place. A member that the run made stands there
    /// as it was made. Departures that the run holds back stand among them, with the action `held`. `action`: only changes of this kind.
    async fn changes(
        &self,
        run: RunId,
        action: Option<Action>,
        after: ChangeCursor,
        limit: i64,
    ) -> Result<Vec<(ChangeCursor, Change)>, StoreError>;

    /// As [`changes`](Self::changes), those before a place: the ones next to it, in the same order.
    async fn changes_before(
        &self,
        run: RunId,
        action: Option<Action>,
        before: ChangeCursor,
        limit: i64,
    ) -> Result<Vec<(ChangeCursor, Change)>, StoreError>;

    /// How many members there are.
    async fn member_totals(&self) -> Result<MemberTotals, StoreError>;

    /// Processes whose last heartbeat came after `since`.
    async fn processes(&self, since: DateTime<Utc>) -> Result<Vec<Process>, StoreError>;

    /// The guild's roles, the highest first.
    async fn roles(&self) -> Result<Vec<GuildRole>, StoreError>;

    /// What is wrong just now and will not mend itself, the oldest first.
    async fn problems(&self) -> Result<Vec<Problem>, StoreError>;

    /// The full roster from Discord that was filed last.
    async fn last_fetch(&self) -> Result<Option<Run>, StoreError>;
}
