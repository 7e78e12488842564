//! How small runs keep what they are about in `sync_batches.payload`: a version byte of their own, then `postcard`.

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::{StoreError, payload};
use crate::domain::{DiscordId, Member, Seen, Sighting};

const SIGHTINGS: u8 = payload::SMALL;
const IDS: u8 = SIGHTINGS + 1;

/// One sighting; the member, if any, is the next of `members`.
#[derive(Serialize, Deserialize)]
struct Packed {
    id: i64,
    observed_at: i64,
    is_gone: bool,
    has_member: bool,
}

fn broken() -> StoreError {
    StoreError::Unreadable("a broken payload of a small run".into())
}

fn pack<T: Serialize>(version: u8, value: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(value, vec![version]).map_err(|_| broken())
}

fn unpack<T: for<'de> Deserialize<'de>>(version: u8, bytes: &[u8]) -> Result<T, StoreError> {
    let packed = match bytes.split_first() {
        Some((first, packed)) if *first == version => packed,
        Some((&newer, _)) if newer > IDS => return Err(StoreError::Newer(newer)),
        _ => return Err(broken()),
    };
    postcard::from_bytes(packed).map_err(|_| broken())
}

/// Encodes sightings of distinct members, sorted by their ids.
///
/// # Errors
/// [`StoreError::Unreadable`] if memory for it cannot be had.
pub fn encode_sightings(sightings: &[Sighting]) -> Result<Vec<u8>, StoreError> {
    let mut members: Vec<Member> = Vec::new();
    let mut packed = Vec::with_capacity(sightings.len());
    for sighting in sightings {
        let (is_gone, member) = match &sighting.seen {
            Seen::Present(member) => (false, Some(member)),
            Seen::Gone { user, .. } => (true, user.as_ref()),
        };
        members.extend(member.cloned());
        packed.push(Packed {
            id: sighting.id().get(),
            observed_at: sighting.observed_at.timestamp_micros(),
            is_gone,
            has_member: member.is_some(),
        });
    }
    pack(SIGHTINGS, &(packed, payload::encode(&members)?))
}

/// Decodes what [`encode_sightings`] made.
pub(super) fn decode_sightings(bytes: &[u8]) -> Result<Vec<Sighting>, StoreError> {
    let (packed, members): (Vec<Packed>, Vec<u8>) = unpack(SIGHTINGS, bytes)?;
    let mut members = payload::decode(&members)?.into_iter();
    let sighting = |one: Packed| {
        let observed_at = DateTime::from_timestamp_micros(one.observed_at)?;
        let id = DiscordId::try_from(one.id).ok()?;
        let member = if one.has_member { Some(members.next()?) } else { None };
        let seen = if one.is_gone { Seen::Gone { id, user: member } } else { Seen::Present(member?) };
        Some(Sighting { observed_at, seen })
    };
    packed.into_iter().map(sighting).collect::<Option<_>>().ok_or_else(broken)
}

/// Encodes the ids that a decision is about.
///
/// # Errors
/// [`StoreError::Unreadable`] if memory for it cannot be had.
pub fn encode_ids(ids: &[DiscordId]) -> Result<Vec<u8>, StoreError> {
    pack_ids(&ids.iter().map(|id| id.get()).collect::<Vec<_>>())
}

/// Encodes ids as they stand in rows.
pub(super) fn pack_ids(ids: &[i64]) -> Result<Vec<u8>, StoreError> {
    pack(IDS, &ids)
}

/// Decodes what [`encode_ids`] or [`pack_ids`] made.
pub(super) fn decode_ids(bytes: &[u8]) -> Result<Vec<i64>, StoreError> {
    unpack(IDS, bytes)
}
