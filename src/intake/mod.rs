//! DOOR: from a roster stream to a filed run.
//!
//! Enters: bytes that claim to be a member list (`roster`); sightings of single members, and decisions of a person (`small`); wishes for a list from Discord (`fetch`). Leaves: a run and
//! its batches in SQL, then a ring of the queue; or a [`Refusal`] and nothing changed. Imports `domain`, `store` (the filing and reading handles) and `queue` (its ring and its notices); never an entry, never
//! `worker`.
//!
//! The list is never held whole. One task reads and inflates the body, a blocking thread cuts it into batches as it comes, others read, check
//! and compress them, and the batches are staged while more is coming:
//!
//! ```text
//! body -> inflate -> [chunks, 4] -> cut -> [batch, 1] -> read, check, compress (2 at once) -> stage          (until the end)
//!                                                                                          -> file the run  (one transaction)
//!                                                                                          -> ring
//! ```
//!
//! The channels between are short, so a slow database slows the client down instead of filling memory.

mod batches;
mod body;
mod checks;
mod draft;
mod entry;
mod faults;
mod fetch;
mod follow;
mod json;
mod place;
mod retry;
mod roster;
mod scan;
mod small;
mod source;
mod stream;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

pub use faults::{Fault, MAX_FAULTS, Refusal, Rule};
pub use fetch::{Commanded, Fetch};
pub use follow::{Changes, Follow, FollowError};
pub use retry::NoRetry;
pub use whole::{Roster, parse_roster};

use crate::domain::{Clock, DiscordId, Random, Source};
use crate::queue::Ring;
use crate::store::{Filing, StaffNote};

/// The bounds of what is taken in.
#[derive(Debug, Clone, Copy)]
pub struct IntakeLimits {
    /// Largest body, inflated. Bytes.
    pub max_body: u64,
    /// Most entries of a list.
    pub max_members: u64,
    /// Members in a batch.
    pub batch_members: usize,
    /// How long a body may stand still.
    pub idle: Duration,
    /// How long a body may take.
    pub total: Duration,
    /// How many bodies are taken in at once.
    pub uploads: usize,
}

/// Who asks for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// A Discord user id, a staff name, or empty.
    pub by: String,
    /// The act of staff that it is, noted with the run in one transaction.
    pub note: Option<StaffNote>,
}

impl From<String> for Asked {
    fn from(by: String) -> Self {
        Self { by, note: None }
    }
}

impl From<StaffNote> for Asked {
    fn from(note: StaffNote) -> Self {
        Self { by: note.name.clone(), note: Some(note) }
    }
}

/// Who wants a roster applied, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Where the list comes from.
    pub source: Source,
    /// Who asks.
    pub asked: Asked,
    /// Only see what would come of it. The body may say so, too.
    pub dry_run: bool,
    /// Believe departures however many they are. The body may say so, too.
    pub allow_mass_departure: bool,
    /// The key under which a repeated wish finds the run of the first: 1 to [`MAX_KEY`] visible ASCII characters.
    pub idempotency_key: Option<String>,
}

/// Longest `Idempotency-Key`, in characters.
pub const MAX_KEY: usize = 255;

impl Wish {
    /// A plain wish of nobody in particular.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self { source, asked: String::new().into(), dry_run: false, allow_mass_departure: false, idempotency_key: None }
    }
}

/// Takes lists in and files runs.
#[derive(Clone)]
pub struct Intake {
    filing: Arc<dyn Filing>,
    ring: Arc<dyn Ring>,
    clock: Arc<dyn Clock>,
    random: Random,
    guild: DiscordId,
    limits: IntakeLimits,
    uploads: Arc<Semaphore>,
}

impl Intake {
    /// An intake for the guild's rosters.
    #[must_use]
    pub fn new(
        filing: Arc<dyn Filing>,
        ring: Arc<dyn Ring>,
        clock: Arc<dyn Clock>,
        random: Random,
        guild: DiscordId,
        limits: IntakeLimits,
    ) -> Self {
        let uploads = Arc::new(Semaphore::new(limits.uploads));
        Self { filing, ring, clock, random, guild, limits, uploads }
    }

    /// Largest list that is taken in, inflated. Bytes.
    #[must_use]
    pub fn max_body(&self) -> u64 {
        self.limits.max_body
    }

    /// The guild whose rosters this takes.
    #[must_use]
    pub fn guild(&self) -> DiscordId {
        self.guild
    }
}
