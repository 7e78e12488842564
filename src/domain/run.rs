//! A run: one sync, from the wish to its end.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Counts, RunId};

/// Declares an enum whose values are the same lower-case words in JSON, in SQL and on pages.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$value_doc])* #[serde(rename = $word)] $value),* }

        impl $name {
            /// All of them, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            /// The word for it in JSON, in SQL and on pages.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$value => $word),* }
            }

            /// The value that a word stands for.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$value),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(super) use words;

words! {
    /// Where a run's evidence came from.
    Source {
        /// A `POST` of a member list.
        Push = "push",
        /// A file or standard input.
        File = "file",
        /// The members as Discord lists them.
        Discord = "discord",
        /// What the gateway tells of single members.
        Events = "events",
    }
}

words! {
    /// What a run may conclude.
    Mode {
        /// A list of all members: those it misses have left.
        Full = "full",
        /// What is known of some members, or what a person decided; those it does not name are left alone.
        Delta = "delta",
        /// As `full`, to see what would come of it: it writes no row of `guild_members`.
        DryRun = "dry_run",
    }
}

words! {
    /// What a person decided of a run's departures. Each is a small run of its own, of mode `delta`.
    Act {
        /// Held departures are believed.
        ApplyDepartures = "apply_departures",
        /// Held departures are not believed.
        DismissDepartures = "dismiss_departures",
        /// Departures that were marked are taken back.
        UndoDepartures = "undo_departures",
    }
}

words! {
    /// How far a run has come.
    RunState {
        /// Filed and waiting for a worker, or for an earlier roster of the guild.
        Queued = "queued",
        /// Its list is being fetched from Discord; what has come is being applied.
        Fetching = "fetching",
        /// Its batches are being applied.
        Applying = "applying",
        /// All batches are applied; departures and links are being judged.
        Finishing = "finishing",
        /// Ended, all done.
        Succeeded = "succeeded",
        /// Ended, all done but the departures, which wait for a person.
        Held = "held",
        /// Ended by an error; what it had applied stays, nobody was marked as left.
        Failed = "failed",
        /// Ended by a person; what it had applied stays, nobody was marked as left.
        Cancelled = "cancelled",
        /// Ended without effect, because a newer roster had been applied; or its held departures were judged anew by a newer one.
        Superseded = "superseded",
    }
}

impl RunState {
    /// Whether nothing will happen to the run of its own accord any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Held | Self::Failed | Self::Cancelled | Self::Superseded)
    }
}

words! {
    /// Why departures were kept back.
    HeldReason {
        /// The list was empty.
        EmptyList = "empty_list",
        /// More departures than the guard believes.
        MassDeparture = "mass_departure",
        /// Discord's list had fewer members than Discord says there are.
        IncompleteRoster = "incomplete_roster",
        /// One of many departures was asked for at Discord, and is present.
        Verification = "verification",
    }
}

/// How much of a run is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Members in applied batches.
    pub members_done: i64,
    /// Members in all batches, duplicates not counted.
    pub members_total: i64,
    /// Applied batches.
    pub batches_done: i64,
    /// All batches.
    pub batches_total: i64,
}

/// Why a run failed, for a program and for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// A word a program can act on.
    pub code: String,
    /// What happened, what was kept, what to do next.
    pub message: String,
}

/// A run as the pages and the API show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Where its evidence came from.
    pub source: Source,
    /// What it may conclude.
    pub mode: Mode,
    /// How far it has come.
    pub state: RunState,
    /// What a person decided, if that is what the run is.
    pub act: Option<Act>,
    /// The run that the decision is about.
    pub target_run_id: Option<RunId>,
    /// The newer roster that made this one void or judged its held departures anew.
    pub superseded_by: Option<RunId>,
    /// Who asked: a Discord user id, a staff name, or empty.
    pub requested_by: String,
    /// When its evidence was true; of a delta, the earliest of it.
    pub observed_at: DateTime<Utc>,
    /// When it was filed.
    pub created_at: DateTime<Utc>,
    /// When a worker took it up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// How much is done.
    pub progress: Progress,
    /// What it did, so far.
    pub counts: Counts,
    /// Why departures were kept back.
    pub held_reason: Option<HeldReason>,
    /// Things a person should know of.
    pub warnings: Vec<String>,
    /// Why it failed.
    pub error: Option<RunError>,
}

impl Run {
    /// Whether it may be filed anew. A decision is made anew instead.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.state == RunState::Failed && self.act.is_none()
    }
}
