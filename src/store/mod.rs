//! LEDGER: the truth, in SQL. PostgreSQL and SQLite behind the same traits, held to the same contract suite.
//!
//! Enters: checked members, runs, accounts, and the present time. Leaves: rows as [`domain`](crate::domain) types. All SQL of the
//! project stands here, in `postgres/` and `sqlite/`, a file per table under the same names in both. Must not import `queue`,
//! `discord` or anything above them.
//!
//! Each trait is a narrow handle: what a room holds decides what it may do. Only [`Work`] can write `guild_members`, and only
//! `worker` is given it; [`Accounts`] may touch the link of a member and nothing else of it.
//!
//! # How exactly-once in effect comes about
//!
//! Queue messages may come twice, late, or never. So every step is *claimed* first, in one short transaction that raises
//! `attempts` and sets a lease, and *concluded* in another that checks the claim (its attempt number is the fencing token). The
//! conclusion carries the step's whole effect: a batch's rows, its counts and its `applied` mark commit together or not at all. Who
//! lost the claim meanwhile gets [`StoreError::ClaimLost`] and has changed nothing.

mod absent_statements;
mod account_desk;
mod account_lists;
mod account_statements;
mod accounts;
mod bot;
mod changes;
mod claims;
mod columns;
mod decisions;
mod deltas;
mod error;
mod fetching;
mod filing;
mod fleet;
mod handles;
mod held_members;
mod member_dialect;
mod member_lists;
mod member_parts;
mod member_statements;
mod overview;
mod payload;
mod postgres;
mod read;
mod role_counts;
mod runs;
mod search;
mod serving;
mod sessions;
mod small_payload;
mod sqlite;
mod staff_log;
mod upkeep;
mod work;

use std::sync::Arc;
use std::time::Duration;

pub use account_desk::{AccountDesk, Changed, Decided, Settlement};
pub use account_lists::{
    AccountLists, AccountOrder, AccountPage, AccountPlace, AccountRow, AccountSort, AccountTotals, Holder, Membership, Rights,
    UnmetClaim,
};
pub use accounts::{AccountConflict, Accounts, Claim, Credentials, DiscordLogin, ImportRow, Imported, NewStaff};
pub use bot::{Interaction, Problem, Problems, Replies, Reply, Roles};
pub use error::StoreError;
pub use fetching::{Departing, FetchClaim, FetchedPage, Findings};
pub use filing::{Cancelled, Decision, Dropped, Filed, Filing, Idempotency, KEY_LIFETIME, NewRun, Retried, Retry, StagedBatch};
pub use fleet::{Backlog, Duty, Fleet, OpenRun};
pub use held_members::Hold;
pub use member_lists::{
    AbsentView, MemberFilter, MemberLists, MemberOrder, MemberPlace, MemberTally, MemberView, MembersFound, SortBy, Span,
};
pub use overview::{DayCounts, Landmarks, OpenConflicts, Overview};
pub use payload::{decode as decode_payload, encode as encode_payload};
pub use read::{ChangeCursor, MemberPage, MemberTotals, Read};
pub use role_counts::RoleCount;
pub use runs::{RunList, RunWork, Runs, Share, Trouble};
pub use search::{Search, Unsearchable};
pub use serving::ServingLock;
pub use sessions::{SessionLimits, Sessions};
pub use small_payload::{encode_ids, encode_sightings};
pub use staff_log::{NewStaffEntry, StaffLog, StaffLogPage, StaffNote};
pub use upkeep::{GONE_AFTER, Jobs, Lease, Process, Retention, Swept, Upkeep};
pub use work::{BatchApplied, BatchClaim, Due, FinishClaim, Finished, MAX_CLAIMS, RunClaim, Work};

/// How to reach a database.
#[derive(Debug, Clone)]
pub struct Connect {
    /// `postgres://…` or `sqlite://…`.
    pub url: secrecy::SecretString,
    /// Most connections this process opens.
    pub max_connections: u32,
    /// How long a caller waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
}

/// The handles on one database. [`open`] makes them; the composition root gives each room those it needs.
#[derive(Clone)]
pub struct Stores {
    /// For `intake`.
    pub filing: Arc<dyn Filing>,
    /// For `worker`.
    pub work: Arc<dyn Work>,
    /// For whoever shows things.
    pub read: Arc<dyn Read>,
    /// For the pages of runs.
    pub runs: Arc<dyn Runs>,
    /// For the lists of members.
    pub member_lists: Arc<dyn MemberLists>,
    /// For logins and imports.
    pub accounts: Arc<dyn Accounts>,
    /// For whoever looks accounts through.
    pub account_lists: Arc<dyn AccountLists>,
    /// For what staff do to accounts.
    pub account_desk: Arc<dyn AccountDesk>,
    /// For logins.
    pub sessions: Arc<dyn Sessions>,
    /// For the acts of staff.
    pub staff_log: Arc<dyn StaffLog>,
    /// For the overview.
    pub overview: Arc<dyn Overview>,
    /// For whoever looks after the processes.
    pub fleet: Arc<dyn Fleet>,
    /// For whoever asks Discord.
    pub roles: Arc<dyn Roles>,
    /// For the bot.
    pub replies: Arc<dyn Replies>,
    /// For whoever finds that something is wrong.
    pub problems: Arc<dyn Problems>,
    /// For the process itself: schema, identity, heartbeat, retention.
    pub upkeep: Arc<dyn Upkeep>,
}

/// Which database a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// PostgreSQL 15 or later.
    Postgres,
    /// The embedded SQLite.
    Sqlite,
}

impl Connect {
    /// How long one call may take in all: a wait for a connection, and statements one of which may take as long as any.
    fn patience(&self) -> Duration {
        self.acquire_timeout + self.statement_timeout + Duration::from_secs(10)
    }
}

impl Backend {
    /// Reads it off a database URL; `None` for anything else.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            _ => None,
        }
    }
}
/// Connects to the database of `connect.url`. The schema is not touched: see [`Upkeep::migrate`].
///
/// # Errors
/// [`StoreError::Unavailable`] if it cannot be reached, [`StoreError::Refused`] if the URL names none we know.
pub async fn open(connect: &Connect) -> Result<Stores, StoreError> {
    use secrecy::ExposeSecret as _;
    let url = connect.url.expose_secret();
    match Backend::of(url) {
        Some(Backend::Postgres) => Ok(handles(Arc::new(postgres::Postgres::open(url, connect).await?))),
        Some(Backend::Sqlite) => Ok(handles(Arc::new(sqlite::Sqlite::open(url, connect).await?))),
        None => Err(StoreError::Refused("the database URL must begin with postgres:// or sqlite://".into())),
    }
}

/// The SQLite file that `connect` names and that is not there; `None` if it is, and for PostgreSQL, which only a connection can tell.
#[must_use]
pub fn missing_file(connect: &Connect) -> Option<std::path::PathBuf> {
    use secrecy::ExposeSecret as _;
    let url = connect.url.expose_secret();
    let file = (Backend::of(url) == Some(Backend::Sqlite)).then(|| sqlite::file_of(url).ok()).flatten()?;
    (!file.exists()).then_some(file)
}

fn handles<S>(store: Arc<S>) -> Stores
where
    S: Filing
        + Work
        + Read
        + Runs
        + MemberLists
        + Accounts
        + AccountLists
        + AccountDesk
        + Sessions
        + StaffLog
        + Roles
        + Replies
        + Problems
        + Upkeep
        + Overview
        + Fleet,
{
    Stores {
        filing: store.clone(),
        work: store.clone(),
        read: store.clone(),
        runs: store.clone(),
        member_lists: store.clone(),
        accounts: store.clone(),
        account_lists: store.clone(),
        account_desk: store.clone(),
        sessions: store.clone(),
        staff_log: store.clone(),
        overview: store.clone(),
        fleet: store.clone(),
        roles: store.clone(),
        replies: store.clone(),
        problems: store.clone(),
        upkeep: store,
    }
}
