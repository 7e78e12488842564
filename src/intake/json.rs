//! JSON values as they may come: any type in any place, so that a wrong type is a fault with a place and not the end of the parse.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::domain::MAX_ROLES;

/// Most elements of a list that are kept: those of the roles, and @everyone.
const MOST_ELEMENTS: usize = MAX_ROLES + 1;

/// How far the reader has come since something was last set aside; bounds what one entry can make the parser hold.
pub(super) type Since = Rc<Cell<u64>>;

/// A value reduced to what the rules ask of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Loose<'de> {
    Null,
    Bool(bool),
    /// An integer that fits 64 bits, as its digits.
    Integer(String),
    /// Any other number.
    Number,
    Text(Cow<'de, str>),
    List(Vec<Loose<'de>>),
    /// A list with more elements than any rule allows; how many.
    LongList(usize),
    Object,
}

impl Loose<'_> {
    /// What it is, for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "an integer",
            Self::Number => "a number with a fraction or beyond 64 bits",
            Self::Text(_) => "a string",
            Self::List(_) | Self::LongList(_) => "a list",
            Self::Object => "an object",
        }
    }
}

/// Reads any value; lists one level deep.
pub(super) struct LooseSeed<'a>(pub &'a Since);

impl<'de> DeserializeSeed<'de> for LooseSeed<'_> {
    type Value = Loose<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Loose<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for LooseSeed<'_> {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Loose<'de>, E> {
        Ok(Loose::Integer(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Loose<'de>, E> {
        Ok(Loose::Integer(value.to_string()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::Number)
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Loose<'de>, A::Error> {
        let mut elements = Vec::new();
        while elements.len() <= MOST_ELEMENTS {
            match list.next_element_seed(LooseSeed(self.0))? {
                // A list in a list is wrong wherever it stands; what is in it does not matter.
                Some(Loose::List(_)) => elements.push(Loose::LongList(0)),
                Some(element) => elements.push(element),
                None => return Ok(Loose::List(elements)),
            }
        }
        // What is kept of the list stays counted; what is read over need not be.
        let kept = self.0.get();
        let mut length = elements.len();
        while list.next_element_seed(Unknown(self.0))?.is_some() {
            length += 1;
            self.0.set(kept);
        }
        Ok(Loose::LongList(length))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Loose<'de>, A::Error> {
        Unknown(self.0).visit_map(map).map(|()| Loose::Object)
    }
}

/// Reads over a value that nobody wants, but not over a key that stands twice in one object: readers differ in which of the two they
/// take, so such JSON means different things to different readers.
pub(super) struct Unknown<'a>(pub &'a Since);

impl<'de> DeserializeSeed<'de> for Unknown<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unknown<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Unknown(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key::<String>()? {
            keys.once(key)?;
            map.next_value_seed(Unknown(self.0))?;
        }
        Ok(())
    }
}

/// The keys that an object has had so far.
#[derive(Default)]
pub(super) struct Keys(HashSet<String>);

impl Keys {
    /// # Errors
    /// If the key was there before.
    pub fn once<E: Error>(&mut self, key: String) -> Result<(), E> {
        if self.0.contains(&key) {
            // Only the beginning: a key is anybody's text.
            let shown: String = key.chars().take(40).collect();
            return Err(E::custom(format_args!("the key {shown:?} stands twice in one object")));
        }
        self.0.insert(key);
        Ok(())
    }
}
