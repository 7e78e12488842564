//! The body of a member list: reads it entry by entry as it comes, checks each, and hands batches on.

use std::fmt;
use std::io::Read;

use chrono::{DateTime, Utc};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::batches::{Batches, Cutter};
use super::checks::Entry;
use super::faults::{Faults, Refusal, Rule};
use super::json::{Keys, Loose, LooseSeed, Since, Unknown};
use crate::domain::{DiscordId, TIME_RULE, parse_time};
use crate::store::{StagedBatch, StoreError};

/// How a list is read.
pub(super) struct Parser {
    pub guild: DiscordId,
    pub max_members: u64,
    pub batch_members: usize,
}

/// A list that was read whole and is sound.
#[derive(Debug)]
pub(super) struct Parsed {
    pub received: i64,
    pub observed_at: Option<DateTime<Utc>>,
    pub allow_mass_departure: bool,
    pub dry_run: bool,
    pub batches: Batches,
}

/// Why reading stopped before the end of the body.
enum Stop {
    TooMany,
    /// Nobody takes the batches any more.
    Abandoned,
    Store(StoreError),
}

impl Parser {
    /// Reads the whole body. `since` is reset whenever an entry is done with. `hand_on` takes each full batch and says whether anybody
    /// still wants them.
    pub fn parse(
        self,
        reader: impl Read,
        since: &Since,
        hand_on: &mut dyn FnMut(StagedBatch) -> bool,
    ) -> Result<Parsed, Refusal> {
        let max_members = self.max_members;
        let mut reading = Reading {
            guild: self.guild,
            max_members,
            cutter: Cutter::new(self.batch_members),
            hand_on,
            since,
            faults: Faults::default(),
            received: 0,
            has_members: false,
            observed_at: None,
            allow_mass_departure: false,
            dry_run: false,
            stop: None,
        };
        let mut deserializer = serde_json::Deserializer::from_reader(reader);
        let read = BodyVisitor(&mut reading).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        match reading.stop.take() {
            Some(Stop::TooMany) => {
                return Err(Refusal::TooLarge(format!(
                    "the list has more than {max_members} entries (api.max_members); nothing was changed"
                )));
            }
            Some(Stop::Store(error)) => return Err(error.into()),
            Some(Stop::Abandoned) => return Err(Refusal::BrokenOff),
            None => {}
        }
        read.map_err(|error| malformed(&error))?;
        if reading.faults.count > 0 {
            return Err(Refusal::Faulty { faults: reading.faults.first, count: reading.faults.count });
        }
        Ok(Parsed {
            received: reading.received.cast_signed(),
            observed_at: reading.observed_at,
            allow_mass_departure: reading.allow_mass_departure,
            dry_run: reading.dry_run,
            batches: reading.cutter.finish()?,
        })
    }
}

fn malformed(error: &serde_json::Error) -> Refusal {
    if error.is_io() { Refusal::BrokenOff } else { Refusal::malformed(error) }
}

/// The state of the parse.
struct Reading<'a> {
    guild: DiscordId,
    max_members: u64,
    cutter: Cutter,
    hand_on: &'a mut dyn FnMut(StagedBatch) -> bool,
    since: &'a Since,
    faults: Faults,
    received: u64,
    has_members: bool,
    observed_at: Option<DateTime<Utc>>,
    allow_mass_departure: bool,
    dry_run: bool,
    stop: Option<Stop>,
}

impl Reading<'_> {
    fn stop<E: serde::de::Error>(&mut self, why: Stop) -> E {
        self.stop = Some(why);
        E::custom("stopped")
    }

    /// Takes the next entry.
    fn entry<E: serde::de::Error>(&mut self, entry: Option<Entry>) -> Result<(), E> {
        let index = self.received;
        self.received += 1;
        self.since.set(0);
        if self.received > self.max_members {
            return Err(self.stop(Stop::TooMany));
        }
        let Some(entry) = entry else {
            self.faults.add(|| format!("members[{index}]"), Rule::Type, "must be an object");
            return Ok(());
        };
        let member = entry.check(index, self.guild, &mut self.faults);
        // After a fault the rest is only checked.
        let (Some(member), 0) = (member, self.faults.count) else { return Ok(()) };
        match self.cutter.push(member) {
            Ok(None) => Ok(()),
            Ok(Some(batch)) => {
                if (self.hand_on)(batch) {
                    Ok(())
                } else {
                    Err(self.stop(Stop::Abandoned))
                }
            }
            Err(error) => Err(self.stop(Stop::Store(error))),
        }
    }

    fn observed_at(&mut self, value: &Loose) {
        let at = || "observed_at".to_owned();
        match value {
            Loose::Null => {}
            Loose::Text(text) => match parse_time(text) {
                Some(time) => self.observed_at = Some(time),
                None => self.faults.add(at, Rule::Time, TIME_RULE),
            },
            other => self.faults.add(at, Rule::Type, format!("must be a string or null, not {}", other.kind())),
        }
    }
}

impl Reading<'_> {
    /// A switch of the body; null is as good as none.
    fn flag(&mut self, key: &str, value: &Loose) -> bool {
        match value {
            Loose::Bool(flag) => *flag,
            Loose::Null => false,
            other => {
                self.faults.add(|| key.to_owned(), Rule::Type, format!("must be true or false, not {}", other.kind()));
                false
            }
        }
    }
}

struct BodyVisitor<'a, 'b>(&'a mut Reading<'b>);

impl<'de> DeserializeSeed<'de> for BodyVisitor<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Answers every kind of value but the wanted one with a fault.
macro_rules! any_other_is_a_fault {
    ($note:expr) => {
        fn visit_unit<E>(self) -> Result<(), E> {
            $note(self);
            Ok(())
        }

        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            $note(self);
            Ok(())
        }

        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            $note(self);
            Ok(())
        }

        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            $note(self);
            Ok(())
        }

        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            $note(self);
            Ok(())
        }

        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            $note(self);
            Ok(())
        }
    };
}

impl<'de> Visitor<'de> for BodyVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of members")
    }

    any_other_is_a_fault!(|this: Self| this.0.faults.add(String::new, Rule::Type, "the body must be an object"));

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.faults.add(String::new, Rule::Type, "the body must be an object");
        // Read by the same rules as anything else, so that what is no JSON is told as such.
        while list.next_element_seed(Unknown(self.0.since))?.is_some() {
            self.0.since.set(0);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = Keys::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "members" => {
                    if self.0.has_members {
                        return Err(A::Error::custom("the key \"members\" stands twice in one object"));
                    }
                    self.0.has_members = true;
                    map.next_value_seed(MembersVisitor(self.0))?;
                }
                "observed_at" => {
                    let value = map.next_value_seed(LooseSeed(self.0.since))?;
                    self.0.observed_at(&value);
                }
                "allow_mass_departure" => {
                    let value = map.next_value_seed(LooseSeed(self.0.since))?;
                    self.0.allow_mass_departure = self.0.flag(&key, &value);
                }
                "dry_run" => {
                    let value = map.next_value_seed(LooseSeed(self.0.since))?;
                    self.0.dry_run = self.0.flag(&key, &value);
                }
                _ => map.next_value_seed(Unknown(self.0.since))?,
            }
            keys.once(key)?;
        }
        if !self.0.has_members {
            self.0.faults.add(|| "members".into(), Rule::Required, "the body needs a list of members");
        }
        Ok(())
    }
}

struct MembersVisitor<'a, 'b>(&'a mut Reading<'b>);

impl MembersVisitor<'_, '_> {
    fn no_list(self) {
        self.0.faults.add(|| "members".into(), Rule::Type, "must be a list");
    }
}

impl<'de> DeserializeSeed<'de> for MembersVisitor<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MembersVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of members")
    }

    any_other_is_a_fault!(Self::no_list);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Unknown(self.0.since).visit_map(map)?;
        self.no_list();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element_seed(EntrySeed(self.0.since))? {
            self.0.entry::<A::Error>(entry)?;
        }
        Ok(())
    }
}

/// Reads one entry; `None` if it is no object.
struct EntrySeed<'a>(&'a Since);

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = Option<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Entry>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EntrySeed<'_> {
    type Value = Option<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member")
    }

    fn visit_unit<E>(self) -> Result<Option<Entry>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<Entry>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<Entry>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<Entry>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<Entry>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<Entry>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Option<Entry>, A::Error> {
        Unknown(self.0).visit_seq(list)?;
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Entry>, A::Error> {
        let mut entry = Entry::default();
        let mut unknown = Keys::default();
        while let Some(key) = map.next_key::<String>()? {
            let Some(slot) = entry.slot(&key) else {
                map.next_value_seed(Unknown(self.0))?;
                unknown.once(key)?;
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
