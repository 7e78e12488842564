//! An entry of the list, read key by key.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::checks::Entry;
use super::faults::Refusal;
use super::json::{Keys, LooseSeed, Since, Unknown};
use super::place::Place;

/// Reads an entry that was taken out of the body, where it began at `begin`.
pub(super) fn read_entry<'de>(text: &'de [u8], begin: Place, since: &Since) -> Result<Option<Entry<'de>>, Refusal> {
    EntrySeed(since).deserialize(&mut serde_json::Deserializer::from_slice(text)).map_err(|error| {
        // Told in the words of who reads the body, who has a place of its own for some errors.
        let told = EntrySeed(since).deserialize(&mut serde_json::Deserializer::from_reader(text)).err();
        Refusal::malformed_at(told.as_ref().unwrap_or(&error), |place| place.moved(Place::START, begin))
    })
}

/// Reads one entry; `None` if it is no object.
pub(super) struct EntrySeed<'a>(pub &'a Since);

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = Option<Entry<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EntrySeed<'_> {
    type Value = Option<Entry<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Unknown(self.0).visit_seq(list)?;
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entry = Entry::default();
        let mut unknown = Keys::default();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let Some(slot) = entry.slot(&key) else {
                map.next_value_seed(Unknown(self.0))?;
                unknown.once(key.into_owned())?;
                continue;
            };
            if slot.is_some() {
                return Err(A::Error::custom(format_args!("the key {key:?} stands twice in one object")));
            }
            *slot = Some(map.next_value_seed(LooseSeed(self.0))?);
        }
        Ok(Some(entry))
    }
}

/// Reads a key, which is not copied where it can be borrowed.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
