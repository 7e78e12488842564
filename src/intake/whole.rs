//! A list whose bytes are all at hand, read as one that comes in but without a runtime or a store: what fuzzing calls.

use chrono::{DateTime, Utc};

use super::body::Parser;
use super::faults::Refusal;
use super::{IntakeLimits, stream};
use crate::domain::DiscordId;
use crate::store::{Dropped, StagedBatch};

/// A sound list, as it would be staged and filed.
#[derive(Debug)]
pub struct Roster {
    /// Entries.
    pub received: i64,
    /// Entries that a later one replaces.
    pub duplicates: i64,
    /// Distinct members.
    pub distinct: i64,
    /// When the list says that it was true.
    pub observed_at: Option<DateTime<Utc>>,
    /// Whether departures are to be believed however many they are.
    pub allow_mass_departure: bool,
    /// Whether only to see what would come of it.
    pub dry_run: bool,
    /// All batches.
    pub batches: Vec<StagedBatch>,
    /// Entries of batches that a later batch replaces.
    pub dropped: Vec<Dropped>,
}

/// Parses the list that comes in these chunks, none of them empty. Of the limits, those in bytes and members hold.
///
/// # Errors
/// A [`Refusal`], as [`Intake::file_roster`](super::Intake::file_roster) would give.
pub fn parse_roster(
    guild: DiscordId,
    limits: &IntakeLimits,
    chunks: impl IntoIterator<Item = Vec<u8>>,
) -> Result<Roster, Refusal> {
    let parser = Parser { guild, max_members: limits.max_members, batch_members: limits.batch_members };
    let mut batches = Vec::new();
    let mut keep = |batch| {
        batches.push(batch);
        true
    };
    let parsed = stream::parse(chunks.into_iter().map(Ok), limits.max_body, parser, None, &mut keep)?.parsed;
    batches.extend(parsed.batches.last);
    Ok(Roster {
        received: parsed.received,
        duplicates: parsed.batches.duplicates,
        distinct: parsed.batches.distinct,
        observed_at: parsed.observed_at,
        allow_mass_departure: parsed.allow_mass_departure,
        dry_run: parsed.dry_run,
        batches,
        dropped: parsed.batches.dropped,
    })
}
