//! A list whose bytes are all at hand, read as one that comes in but without a runtime or a store: what fuzzing calls.

use chrono::{DateTime, Utc};

use super::IntakeLimits;
use super::batches::Batches;
use super::faults::Refusal;
use super::stream::{conclude, cut_chunks};
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
    let (mut batches, mut staged, mut refused) = (Batches::default(), Vec::new(), None);
    let ended = cut_chunks(chunks.into_iter().map(Ok), limits, false, &mut |draft| {
        let read = draft.read(guild).map(|batch| staged.extend(batches.add(batch)));
        refused = read.err();
        refused.is_none()
    });
    if let Some(refusal) = refused {
        return Err(refusal);
    }
    let last = ended.last.map(|draft| draft.read(guild)).transpose()?;
    let taken = conclude(ended.frame?, batches, last)?;
    staged.extend(taken.last);
    Ok(Roster {
        received: taken.received.cast_signed(),
        duplicates: taken.total.duplicates,
        distinct: taken.total.distinct,
        observed_at: taken.observed_at,
        allow_mass_departure: taken.allow_mass_departure,
        dry_run: taken.dry_run,
        batches: staged,
        dropped: taken.total.dropped,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn of_two_things_wrong_the_first_is_told() {
        let (idle, total) = (Duration::ZERO, Duration::ZERO);
        let limits = IntakeLimits { max_body: u64::MAX, max_members: 4, batch_members: 2, idle, total, uploads: 1 };
        let entries = ["{}", "{}", "{}", "{}", "{}"];
        // The fifth is one too many, whichever batch it would be in.
        for broken in 0..4 {
            let mut entries = entries;
            entries[broken] = "{1}";
            let body = format!(r#"{{"members":[{}]}}"#, entries.join(","));
            let refusal = parse_roster(DiscordId::try_from(42_i64).unwrap(), &limits, [body.into_bytes()]).unwrap_err();
            assert!(matches!(refusal, Refusal::Malformed { .. }), "{broken}: {refusal}");
        }
        let body = format!(r#"{{"members":[{}]}}"#, entries.join(","));
        let refusal = parse_roster(DiscordId::try_from(42_i64).unwrap(), &limits, [body.into_bytes()]).unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge(_)), "{refusal}");
    }
}
