//! Identifiers, checked once where they enter and trusted from there on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A Discord snowflake: a person, a bot or a guild.
///
/// 1 to 19 ASCII digits without a leading zero that fit a signed 64-bit integer, so that both databases can hold it as a
/// `bigint` (Discord's own ids fit until 2084). In JSON it is a string, because JavaScript rounds large integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiscordId(i64);

/// Why a text is no [`DiscordId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 19 digits without a leading zero, at most 9223372036854775807")]
pub struct IdError;

impl DiscordId {
    /// The id as the integer the databases hold; always positive.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for DiscordId {
    type Error = IdError;

    fn try_from(value: i64) -> Result<Self, IdError> {
        if value > 0 { Ok(Self(value)) } else { Err(IdError) }
    }
}

impl TryFrom<u64> for DiscordId {
    type Error = IdError;

    fn try_from(value: u64) -> Result<Self, IdError> {
        i64::try_from(value).map_err(|_| IdError)?.try_into()
    }
}

impl FromStr for DiscordId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text.as_bytes();
        let shaped = (1..=19).contains(&digits.len()) && digits[0] != b'0' && digits.iter().all(u8::is_ascii_digit);
        if !shaped {
            return Err(IdError);
        }
        text.parse::<i64>().map(Self).map_err(|_| IdError)
    }
}

impl fmt::Display for DiscordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for DiscordId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The id of a run: a UUIDv7, so that ids sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Uuid);

impl RunId {
    /// Makes the id of a run that begins at `now`; the first 10 bytes of `random` tell runs of one millisecond apart.
    #[must_use]
    pub fn new(now: chrono::DateTime<chrono::Utc>, random: [u8; 32]) -> Self {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        let mut tail = [0; 10];
        tail.copy_from_slice(&random[..10]);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid())
    }

    /// The id as a UUID, for databases that have the type.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for RunId {
    fn from(value: Uuid) -> Self {
        Self(value)
    }
}

impl FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for DiscordId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_at_the_edges() {
        for good in ["1", "123456789", "9223372036854775807"] {
            assert_eq!(good.parse::<DiscordId>().unwrap().to_string(), good);
        }
        for bad in ["", "0", "007", "-1", "+1", "1.0", " 1", "9223372036854775808", "11111111111111111111", "١٢٣"] {
            assert_eq!(bad.parse::<DiscordId>(), Err(IdError), "{bad:?}");
        }
    }

    #[test]
    fn run_ids_sort_by_time() {
        let at = |millis| chrono::DateTime::from_timestamp_millis(millis).unwrap();
        assert!(RunId::new(at(1_000), [255; 32]) < RunId::new(at(1_001), [0; 32]));
    }
}
