//! How the members of a batch are kept in `sync_batches.payload`: a version byte, then zstd over a table in columns.
//!
//! Columns, because the values of one column resemble each other: a staged million then costs the write-ahead log a fraction of
//! what its rows do. Ids are sorted and stored as differences.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::domain::{DiscordId, Member, Roles};

/// The newest version this program knows. A later one adds a number and keeps reading the earlier ones.
const VERSION: u8 = 2;
/// The version that tells no pictures for the guild. Written wherever none is told, so that workers from before there were any can read it.
const WITHOUT_GUILD_AVATARS: u8 = 1;
/// Payloads of small runs have versions of their own from here on.
pub(super) const SMALL: u8 = 128;
/// zstd's level 1 loses little against 3 on these columns and takes half the time.
const LEVEL: i32 = 1;
/// Bound on what a payload may inflate to: 50,000 members (the largest batch) at their largest would be refused long before.
const MAX_INFLATED: usize = 1 << 30;

/// The columns of version 1, in the order of [`Member`]'s fields. Version 2 has the pictures for the guild behind them.
#[derive(Serialize, Deserialize)]
struct Columns<'a> {
    /// Differences of sorted ids.
    ids: Vec<u64>,
    #[serde(borrow)]
    usernames: Vec<&'a str>,
    display_names: Vec<&'a str>,
    nicknames: Vec<&'a str>,
    /// Hashes of 32 lower-case hexadecimal digits (all of Discord's, bar a leading `a_`) as bytes; others as text.
    avatars: Vec<Avatar<'a>>,
    roles: Vec<&'a str>,
    /// Microseconds since 1970.
    joined: Vec<Option<i64>>,
    bots: Vec<bool>,
}

#[derive(Serialize, Deserialize)]
enum Avatar<'a> {
    Text(&'a str),
    Hash([u8; 16]),
    AnimatedHash([u8; 16]),
}

impl<'a> Avatar<'a> {
    fn pack(text: &'a str) -> Self {
        let (animated, digits) = text.strip_prefix("a_").map_or((false, text), |rest| (true, rest));
        match unhex(digits) {
            Some(hash) if animated => Self::AnimatedHash(hash),
            Some(hash) => Self::Hash(hash),
            None => Self::Text(text),
        }
    }

    fn unpack(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Hash(hash) => hex("", hash),
            Self::AnimatedHash(hash) => hex("a_", hash),
        }
    }
}

fn unhex(digits: &str) -> Option<[u8; 16]> {
    fn value(digit: u8) -> Option<u8> {
        match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }
    let digits: &[u8; 32] = digits.as_bytes().try_into().ok()?;
    let mut hash = [0; 16];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(hash)
}

fn hex(prefix: &str, hash: &[u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(prefix.len() + 32);
    text.push_str(prefix);
    for byte in hash {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Encodes members that are sorted by id.
///
/// # Errors
/// [`StoreError::Unreadable`] if memory for it cannot be had.
pub fn encode(members: &[Member]) -> Result<Vec<u8>, StoreError> {
    let mut last = 0;
    let columns = Columns {
        ids: members
            .iter()
            .map(|m| m.id.get().cast_unsigned().wrapping_sub(std::mem::replace(&mut last, m.id.get().cast_unsigned())))
            .collect(),
        usernames: members.iter().map(|m| m.username.as_str()).collect(),
        display_names: members.iter().map(|m| m.display_name.as_str()).collect(),
        nicknames: members.iter().map(|m| m.nickname.as_str()).collect(),
        avatars: members.iter().map(|m| Avatar::pack(&m.avatar_hash)).collect(),
        roles: members.iter().map(|m| m.roles.as_json()).collect(),
        joined: members.iter().map(|m| m.joined_at.map(|at| at.timestamp_micros())).collect(),
        bots: members.iter().map(|m| m.is_bot).collect(),
    };
    let guild_avatars: Vec<_> = members.iter().map(|m| m.guild_avatar_hash.as_deref().map(Avatar::pack)).collect();
    let (version, plain) = if guild_avatars.iter().all(Option::is_none) {
        (WITHOUT_GUILD_AVATARS, postcard::to_stdvec(&columns))
    } else {
        (VERSION, postcard::to_stdvec(&(columns, guild_avatars)))
    };
    let plain = plain.map_err(|_| unreadable("a list that cannot be encoded"))?;
    let mut payload = vec![version];
    payload.extend(zstd::bulk::compress(&plain, LEVEL).map_err(|_| unreadable("a list that cannot be compressed"))?);
    Ok(payload)
}

fn broken() -> StoreError {
    unreadable("a broken batch payload")
}

/// The version, and the columns as `postcard` wrote them.
fn inflate(payload: &[u8]) -> Result<(u8, Vec<u8>), StoreError> {
    let (version, packed) = match payload.split_first() {
        Some((&version @ (WITHOUT_GUILD_AVATARS | VERSION), packed)) => (version, packed),
        Some((&version, _)) if (VERSION..SMALL).contains(&version) => return Err(StoreError::Newer(version)),
        Some((version, _)) => return Err(unreadable(&format!("a batch payload of version {version}"))),
        None => return Err(broken()),
    };
    let size = zstd::bulk::Decompressor::upper_bound(packed).filter(|size| *size <= MAX_INFLATED).ok_or_else(broken)?;
    Ok((version, zstd::bulk::decompress(packed, size).map_err(|_| broken())?))
}

/// Decodes what [`encode`] made, also that of an earlier version.
///
/// # Errors
/// [`StoreError::Newer`] for that of a later version, [`StoreError::Unreadable`] for anything else.
pub fn decode(payload: &[u8]) -> Result<Vec<Member>, StoreError> {
    let (version, plain) = inflate(payload)?;
    let (columns, rest) = postcard::take_from_bytes::<Columns<'_>>(&plain).map_err(|_| broken())?;
    let guild_avatars = match version {
        WITHOUT_GUILD_AVATARS => columns.ids.iter().map(|_| None).collect(),
        _ => postcard::from_bytes::<Vec<Option<Avatar<'_>>>>(rest).map_err(|_| broken())?,
    };
    rows(&columns, &guild_avatars).ok_or_else(broken)
}

/// Decodes only the ids, which stand first.
///
/// # Errors
/// Those of [`decode`].
pub(super) fn decode_ids(payload: &[u8]) -> Result<Vec<i64>, StoreError> {
    let (_, plain) = inflate(payload)?;
    let (differences, _) = postcard::take_from_bytes::<Vec<u64>>(&plain).map_err(|_| broken())?;
    let mut last = 0_u64;
    let ids = differences.into_iter().map(|difference| {
        last = last.wrapping_add(difference);
        last.cast_signed()
    });
    Ok(ids.collect())
}

fn rows(columns: &Columns<'_>, guild_avatars: &[Option<Avatar<'_>>]) -> Option<Vec<Member>> {
    let mut last = 0_u64;
    (0..columns.ids.len())
        .map(|i| {
            last = last.wrapping_add(columns.ids[i]);
            Some(Member {
                id: DiscordId::try_from(last).ok()?,
                username: (*columns.usernames.get(i)?).to_owned(),
                display_name: (*columns.display_names.get(i)?).to_owned(),
                nickname: (*columns.nicknames.get(i)?).to_owned(),
                avatar_hash: columns.avatars.get(i)?.unpack(),
                guild_avatar_hash: guild_avatars.get(i)?.as_ref().map(Avatar::unpack),
                roles: Roles::trusted((*columns.roles.get(i)?).to_owned()),
                joined_at: time(*columns.joined.get(i)?)?,
                is_bot: *columns.bots.get(i)?,
            })
        })
        .collect()
}

/// `Some(None)` is a member whose time of joining is not known; `None` is a number that is no time.
#[expect(clippy::option_option, reason = "the outer one is the error")]
fn time(micros: Option<i64>) -> Option<Option<DateTime<Utc>>> {
    micros.map_or(Some(None), |micros| DateTime::from_timestamp_micros(micros).map(Some))
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Unreadable(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: i64, avatar: &str) -> Member {
        Member {
            id: DiscordId::try_from(id).unwrap(),
            username: format!("user#{id}"),
            display_name: "Ünïcødé 🦀".into(),
            nickname: String::new(),
            avatar_hash: avatar.into(),
            guild_avatar_hash: None,
            roles: ["1", "2"].into_iter().collect(),
            joined_at: (id % 2 == 0).then(|| DateTime::from_timestamp_micros(id).unwrap()),
            is_bot: id == 7,
        }
    }

    #[test]
    fn a_payload_gives_back_what_went_in() {
        let avatars = [
            "",
            "0123456789abcdef0123456789abcdef",
            "a_ffffffffffffffffffffffffffffffff",
            "avatar_hash",
            "ABCDEF6789abcdef0123456789abcdef",
        ];
        let mut members: Vec<_> =
            [1, 2, 7, 8, i64::MAX].into_iter().zip(avatars).map(|(id, avatar)| member(id, avatar)).collect();
        // Both pictures of a member, each with a value of its own.
        for (member, avatar) in members.iter_mut().zip(avatars.into_iter().rev()).skip(1) {
            member.guild_avatar_hash = Some(avatar.into());
        }
        let payload = encode(&members).unwrap();
        assert_eq!(decode(&payload).unwrap(), members);
        assert_eq!(decode_ids(&payload).unwrap(), [1, 2, 7, 8, i64::MAX]);
        assert!(decode(&encode(&[]).unwrap()).unwrap().is_empty());
    }

    /// Staged by the program before there were pictures for the guild.
    const VERSION_1: [u8; 102] = [
        1, 40, 181, 47, 253, 32, 162, 229, 2, 0, 148, 4, 3, 1, 1, 5, 3, 6, 117, 115, 101, 114, 35, 49, 50, 55, 3, 16, 195, 156,
        110, 195, 175, 99, 195, 184, 100, 195, 169, 32, 240, 159, 166, 128, 3, 0, 0, 0, 3, 1, 1, 35, 69, 103, 137, 171, 205, 239,
        2, 255, 0, 3, 111, 100, 100, 3, 9, 91, 34, 49, 34, 44, 34, 50, 34, 93, 3, 0, 1, 4, 0, 3, 0, 0, 1, 6, 0, 90, 232, 133,
        235, 216, 10, 161, 210, 116, 1, 12, 161, 161, 36, 1,
    ];

    #[test]
    fn workers_from_before_pictures_for_the_guild_read_what_tells_none() {
        assert_eq!(encode(&[member(1, ""), member(2, "odd")]).unwrap()[0], 1);
        let told = Member { guild_avatar_hash: Some(String::new()), ..member(2, "") };
        assert_eq!(encode(&[member(1, ""), told]).unwrap()[0], 2);
    }

    #[test]
    fn a_payload_of_a_newer_program_is_told_from_a_broken_one() {
        let newer = [&[9], &VERSION_1[1..]].concat();
        assert!(matches!(decode(&newer), Err(StoreError::Newer(9))));
        assert!(matches!(decode_ids(&newer), Err(StoreError::Newer(9))));
    }

    #[test]
    fn a_payload_of_an_older_program_gives_back_what_it_had() {
        let avatars = ["0123456789abcdef0123456789abcdef", "a_ffffffffffffffffffffffffffffffff", "odd"];
        let members: Vec<_> = [1, 2, 7].into_iter().zip(avatars).map(|(id, avatar)| member(id, avatar)).collect();
        assert_eq!(decode(&VERSION_1).unwrap(), members);
        assert_eq!(decode_ids(&VERSION_1).unwrap(), [1, 2, 7]);
        // In the newer form the same bytes lack a column.
        let newer = [&[VERSION], &VERSION_1[1..]].concat();
        assert!(matches!(decode(&newer), Err(StoreError::Unreadable(_))));
    }

    #[test]
    fn a_broken_payload_is_an_error() {
        let good = encode(&[member(1, "")]).unwrap();
        for bad in [vec![], vec![0], vec![SMALL], vec![VERSION], vec![VERSION, 1, 2, 3], good[..good.len() - 1].to_vec()] {
            assert!(matches!(decode(&bad), Err(StoreError::Unreadable(_))), "{bad:?}");
        }
    }
}
