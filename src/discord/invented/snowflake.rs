//! Ids as Discord makes them: 42 bits of time, then 22 bits that tell the ids of one millisecond apart. Times in here are
//! milliseconds since Discord's epoch, the first day of 2015.

use std::ops::Range;

use chrono::{DateTime, Utc};
use rand::RngExt as _;

use super::Random;
use crate::domain::DiscordId;

/// A day.
pub const DAY: i64 = 86_400_000;
/// An hour.
pub const HOUR: i64 = 3_600_000;

/// Discord's epoch, in milliseconds of Unix time.
const EPOCH: i64 = 1_420_070_400_000;
/// The last moment whose ids fit a signed 64-bit integer, in 2084.
const LAST: i64 = (1 << 41) - 1;
const LOW_BITS: u32 = 22;

/// A time on Discord's clock, held within the years in which ids can be made.
pub fn millis(time: DateTime<Utc>) -> i64 {
    (time.timestamp_millis() - EPOCH).clamp(365 * DAY, LAST)
}

/// The other way; `None` never happens for what [`millis`] gives.
pub fn time(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(EPOCH + millis)
}

/// An id made at `millis`.
pub fn id_at(millis: i64, random: &mut Random) -> DiscordId {
    loop {
        let low = random.random_range(0..1 << LOW_BITS);
        // A positive time makes a positive id, so the first draw is the last.
        if let Ok(id) = DiscordId::try_from((millis.max(1) << LOW_BITS) | low) {
            return id;
        }
    }
}

/// When an id was made.
pub fn made_at(id: DiscordId) -> i64 {
    id.get() >> LOW_BITS
}

/// The id of someone who has been on Discord for at least an hour.
pub fn any_person(now: i64, random: &mut Random) -> DiscordId {
    let made = late(1..now - HOUR, random);
    id_at(made, random)
}

/// A moment of `range`, more likely late than early: Discord and guilds grow.
pub fn late(range: Range<i64>, random: &mut Random) -> i64 {
    random.random_range(range.clone()).max(random.random_range(range))
}
