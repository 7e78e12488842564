//! The handle of the process itself: schema, identity, heartbeat, duties, retention.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::StoreError;
use crate::domain::DiscordId;

/// A running process as it shows itself to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Unique per start.
    pub id: String,
    /// Machine name.
    pub host: String,
    /// Comma-separated roles.
    pub roles: String,
    /// Version of the program.
    pub version: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// Its last heartbeat.
    pub seen_at: DateTime<Utc>,
    /// Its jobs, as of then.
    pub jobs: Jobs,
}

/// After how long without a heartbeat (one every 5 s) a process counts as gone.
pub const GONE_AFTER: TimeDelta = TimeDelta::seconds(20);

impl Process {
    /// Whether it has shown itself lately.
    #[must_use]
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        now - self.seen_at < GONE_AFTER
    }

    /// Whether a role is among its roles.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.split(',').any(|one| one == role)
    }
}

/// Jobs of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Jobs {
    /// Those it is at.
    pub in_hand: i64,
    /// Those that ended without an error, since its start.
    pub done: i64,
    /// Those that ended with one, since its start. Their steps are tried again, or their runs say why they failed.
    pub failed: i64,
}

/// A duty that one process at a time has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease<'a> {
    /// The duty.
    pub name: &'a str,
    /// The process that wants it.
    pub holder: &'a str,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Ended runs.
    pub runs: TimeDelta,
    /// Ended dry runs, with their planned changes.
    pub dry_runs: TimeDelta,
    /// Ended deltas. Decisions are kept as long as other runs.
    pub deltas: TimeDelta,
    /// Changes of members' rows.
    pub events: TimeDelta,
    /// The payload of failed runs.
    pub failed_payloads: TimeDelta,
    /// Batches staged for a list that never came in whole.
    pub staged: TimeDelta,
    /// Sessions, since they were opened.
    pub sessions: TimeDelta,
    /// The log of staff's acts.
    pub staff_log: TimeDelta,
    /// How many members came and went on a day.
    pub daily_counts: TimeDelta,
    /// Processes, since their last heartbeat.
    pub processes: TimeDelta,
}

/// How many rows retention removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Runs.
    pub runs: u64,
    /// Batches.
    pub batches: u64,
    /// Changes of members' rows.
    pub events: u64,
    /// Sessions.
    pub sessions: u64,
    /// Processes.
    pub processes: u64,
}

/// Looks after the database on behalf of the process.
#[async_trait]
pub trait Upkeep: Send + Sync + 'static {
    /// Brings the schema up to date, one process at a time; answers how many migrations were applied.
    async fn migrate(&self) -> Result<usize, StoreError>;

    /// How many of this program's migrations the database lacks.
    async fn pending_migrations(&self) -> Result<usize, StoreError>;

    /// What the database says of itself, such as `PostgreSQL 15.18`.
    async fn version(&self) -> Result<String, StoreError>;

    /// Binds the database to a guild at its first use.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if it belongs to another guild.
    async fn bind_guild(&self, guild: DiscordId) -> Result<(), StoreError>;

    /// The guild the database belongs to, once it has one.
    async fn guild(&self) -> Result<Option<DiscordId>, StoreError>;

    /// Takes or keeps a duty; `false` while another process has it.
    async fn take_lease(&self, lease: &Lease<'_>, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Lets go of a duty, if this holder has it.
    async fn drop_lease(&self, name: &str, holder: &str) -> Result<(), StoreError>;

    /// Shows that a process is alive.
    async fn beat(&self, process: &Process) -> Result<(), StoreError>;

    /// Says that a process has stopped.
    async fn retire(&self, process: &str) -> Result<(), StoreError>;

    /// Takes some members up into what is searched, whom the runs only noted for it; answers whether more of them wait and nothing else
    /// is under way.
    async fn index_members(&self, limit: i64) -> Result<bool, StoreError>;

    /// Whether a part of a name is found by an index, rather than by reading every member.
    async fn has_name_index(&self) -> Result<bool, StoreError>;

    /// Removes what is older than its retention.
    async fn sweep(&self, retention: &Retention, now: DateTime<Utc>) -> Result<Swept, StoreError>;

    /// Closes all connections.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Whether a database bound to the guild `bound` may serve `guild`.
pub(super) fn same_guild(bound: &str, guild: DiscordId) -> Result<(), StoreError> {
    if bound == guild.to_string() {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "this database belongs to guild {bound}, but GUILD_ID is {guild}; set GUILD_ID={bound}, or give the other guild a database of its own"
    )))
}
