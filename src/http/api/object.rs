//! A small body: one JSON object, read whole. No key stands twice in it.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::problem::Problem;
use crate::http::inflate::Reader;
use crate::intake::{Refusal, Rule};

/// Largest body, inflated: room for some hundred thousand ids.
const MAX_BODY: u64 = 8 * 1024 * 1024;
/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keys and values, in their order.
pub(super) type Object = Vec<(String, Value)>;

/// Reads the object; `None` of an empty body.
pub(super) async fn read(reader: Reader) -> Result<Option<Object>, Problem> {
    let mut text = Vec::new();
    let mut reader = reader.take(MAX_BODY + 1);
    match tokio::time::timeout(PATIENCE, reader.read_to_end(&mut text)).await {
        Err(_) => return Err(Refusal::TooSlow.into()),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionAborted => return Err(Refusal::BrokenOff.into()),
        Ok(Err(error)) => return Err(Refusal::BrokenEncoding(error.to_string()).into()),
        Ok(Ok(_)) => {}
    }
    if text.len() as u64 > MAX_BODY {
        return Err(Refusal::TooLarge("the body has more than 8 MiB; nothing was changed".into()).into());
    }
    if text.is_empty() {
        return Ok(None);
    }
    let malformed = |error: serde_json::Error| Problem::from(Refusal::malformed(&error));
    if !serde_json::from_slice::<Value>(&text).map_err(malformed)?.is_object() {
        return Err(Problem::fault("", Rule::Type, "the body must be an object"));
    }
    let Distinct(object) = serde_json::from_slice(&text).map_err(malformed)?;
    Ok(Some(object))
}

/// An object, no two of whose keys are the same.
struct Distinct(Object);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut keys, mut seen) = (Object::new(), HashSet::new());
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if !seen.insert(key.clone()) {
                        return Err(serde::de::Error::custom(format_args!("the key {key:?} stands twice in one object")));
                    }
                    keys.push((key, value));
                }
                Ok(keys)
            }
        }

        deserializer.deserialize_map(Keys).map(Self)
    }
}
