//! The body of a member list: cuts it into batches as it comes, and reads all of it but their entries.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::IntakeLimits;
use super::draft::{Draft, Drafts};
use super::entry::EntrySeed;
use super::faults::{Faults, Refusal, Rule};
use super::json::{Keys, Loose, LooseSeed, Unknown};
use super::source::Source;
use crate::domain::{TIME_RULE, parse_time};

/// What a body says beside its list.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub received: u64,
    pub observed_at: Option<DateTime<Utc>>,
    pub allow_mass_departure: bool,
    pub dry_run: bool,
    /// Faults that stand before the list, and behind it.
    pub before: Faults,
    pub behind: Faults,
}

/// A body whose entries are all in drafts.
pub(super) struct Cut {
    pub last: Option<Draft>,
    pub frame: Result<Frame, Refusal>,
}

/// Why reading stopped before the end of the body.
enum Stop {
    TooMany,
    /// Nobody takes the drafts any more.
    Abandoned,
}

/// Reads the whole body. `hand_on` takes each full draft and says whether anybody still wants them.
pub(super) fn cut(source: &Source<'_>, limits: &IntakeLimits, hand_on: &mut dyn FnMut(Draft) -> bool) -> Cut {
    let max_members = limits.max_members;
    let mut reading = Reading {
        source,
        max_members,
        drafts: Drafts::new(limits.batch_members),
        hand_on,
        frame: Frame::default(),
        has_members: false,
        stop: None,
    };
    let mut deserializer = serde_json::Deserializer::from_reader(source);
    let read = BodyVisitor(&mut reading).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    let frame = match (reading.stop, read) {
        (Some(Stop::TooMany), _) => {
            Err(Refusal::TooLarge(format!("the list has more than {max_members} entries (api.max_members); nothing was changed")))
        }
        (Some(Stop::Abandoned), _) => Err(Refusal::BrokenOff),
        (None, Err(error)) if error.is_io() => Err(Refusal::BrokenOff),
        (None, Err(error)) => Err(Refusal::malformed_at(&error, |place| source.place_of(place))),
        (None, Ok(())) => Ok(reading.frame),
    };
    Cut { last: reading.drafts.last(), frame }
}

/// The state of the parse.
struct Reading<'a, 'b> {
    source: &'a Source<'b>,
    max_members: u64,
    drafts: Drafts,
    hand_on: &'a mut dyn FnMut(Draft) -> bool,
    frame: Frame,
    has_members: bool,
    stop: Option<Stop>,
}

impl Reading<'_, '_> {
    /// Counts an entry that has been put in the draft.
    fn entry<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.frame.received += 1;
        self.source.since.set(0);
        // First, since what is wrong with it comes before what is wrong with this entry.
        let is_wanted = self.drafts.full().is_none_or(&mut *self.hand_on);
        if is_wanted && self.frame.received <= self.max_members {
            return Ok(());
        }
        self.stop = Some(if is_wanted { Stop::TooMany } else { Stop::Abandoned });
        Err(E::custom("stopped"))
    }

    fn fault(&mut self, key: &str, rule: Rule, message: impl Into<String>) {
        let faults = if self.has_members { &mut self.frame.behind } else { &mut self.frame.before };
        faults.add(|| key.to_owned(), rule, message);
    }

    fn observed_at(&mut self, value: &Loose<'_>) {
        match value {
            Loose::Null => {}
            Loose::Text(text) => match parse_time(text) {
                Some(time) => self.frame.observed_at = Some(time),
                None => self.fault("observed_at", Rule::Time, TIME_RULE),
            },
            other => self.fault("observed_at", Rule::Type, format!("must be a string or null, not {}", other.kind())),
        }
    }

    /// A switch of the body; null is as good as none.
    fn flag(&mut self, key: &str, value: &Loose<'_>) -> bool {
        match value {
            Loose::Bool(flag) => *flag,
            Loose::Null => false,
            other => {
                self.fault(key, Rule::Type, format!("must be true or false, not {}", other.kind()));
                false
            }
        }
    }
}

struct BodyVisitor<'a, 'b, 'c>(&'a mut Reading<'b, 'c>);

impl DeserializeSeed<'static> for BodyVisitor<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'static>>(self, deserializer: D) -> Result<(), D::Error> {
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

impl Visitor<'static> for BodyVisitor<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a list of members")
    }

    any_other_is_a_fault!(|this: Self| this.0.fault("", Rule::Type, "the body must be an object"));

    fn visit_seq<A: SeqAccess<'static>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.fault("", Rule::Type, "the body must be an object");
        // Read by the same rules as anything else, so that what is no JSON is told as such.
        while list.next_element_seed(Unknown(&self.0.source.since))?.is_some() {
            self.0.source.since.set(0);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'static>>(self, mut map: A) -> Result<(), A::Error> {
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
                    let value = map.next_value_seed(LooseSeed(&self.0.source.since))?;
                    self.0.observed_at(&value);
                }
                "allow_mass_departure" => {
                    let value = map.next_value_seed(LooseSeed(&self.0.source.since))?;
                    self.0.frame.allow_mass_departure = self.0.flag(&key, &value);
                }
                "dry_run" => {
                    let value = map.next_value_seed(LooseSeed(&self.0.source.since))?;
                    self.0.frame.dry_run = self.0.flag(&key, &value);
                }
                _ => map.next_value_seed(Unknown(&self.0.source.since))?,
            }
            keys.once(key)?;
        }
        if !self.0.has_members {
            self.0.fault("members", Rule::Required, "the body needs a list of members");
        }
        Ok(())
    }
}

struct MembersVisitor<'a, 'b, 'c>(&'a mut Reading<'b, 'c>);

impl MembersVisitor<'_, '_, '_> {
    fn no_list(self) {
        self.0.fault("members", Rule::Type, "must be a list");
    }
}

impl DeserializeSeed<'static> for MembersVisitor<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'static>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'static> for MembersVisitor<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of members")
    }

    any_other_is_a_fault!(Self::no_list);

    fn visit_map<A: MapAccess<'static>>(self, map: A) -> Result<(), A::Error> {
        Unknown(&self.0.source.since).visit_map(map)?;
        self.no_list();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'static>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element_seed(EntrySeed(&self.0.source.since))? {
            let is_object = entry.is_some();
            self.0.drafts.add_read(entry, self.0.source.position());
            self.0.entry::<A::Error>()?;
            // Behind an object, and only there, nothing has been looked at that is not read yet.
            while is_object && self.0.drafts.take_from(self.0.source) {
                self.0.entry::<A::Error>()?;
            }
        }
        Ok(())
    }
}
