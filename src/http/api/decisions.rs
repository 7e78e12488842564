//! `POST /api/dbot/sync_runs/{id}/apply_departures`, `…/dismiss_departures`, `…/undo_departures`: what a person decides of a run's departures.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use poem::web::{Data, Json, Path};
use poem::{Body, IntoResponse as _, Request, Response, handler};
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::problem::Problem;
use super::unread::Unread;
use super::waiting::{Waited, requested_by};
use super::{Api, body};
use crate::domain::{Act, DiscordId, Mode, Run, RunState, nothing_held};
use crate::intake::{Fault, MAX_FAULTS, Refusal, Rule};
use crate::store::Decision;

/// Largest body, inflated: room for some hundred thousand ids.
const MAX_BODY: u64 = 8 * 1024 * 1024;
/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

macro_rules! address {
    ($name:ident, $act:expr) => {
        #[handler]
        pub(super) async fn $name(
            api: Data<&Arc<Api>>,
            request: &Request,
            id: poem::Result<Path<String>>,
            ids: Body,
        ) -> Response {
            let id = id.map_or_else(|_| String::new(), |Path(id)| id);
            decide(&api, request, &id, ids, $act).await.unwrap_or_else(Problem::into_response)
        }
    };
}

address!(apply, Act::ApplyDepartures);
address!(dismiss, Act::DismissDepartures);
address!(undo, Act::UndoDepartures);

async fn decide(api: &Api, request: &Request, id: &str, ids: Body, act: Act) -> Result<Response, Problem> {
    let intake = api.admit(request)?;
    let headers = request.headers();
    let encoding = body::check_form(headers)?;
    let ids = read(body::open(Unread::new(ids, true), encoding)).await?;
    let requested_by = requested_by(headers).map_err(|fault| Problem::faulty(vec![fault], 1))?;
    let target = api.find_run(id).await?;
    if act == Act::UndoDepartures {
        if ids.is_some() {
            return Err(Problem::fault("ids", Rule::Form, "departures are undone all together; leave ids out"));
        }
        if target.counts.marked_left == 0 || target.mode == Mode::DryRun {
            return Err(Problem::conflict("Nothing to undo", "This run has marked nobody as left. Nothing was changed."));
        }
    } else if let Some(error) = nothing_held(target.state, target.held_reason) {
        return Err(Problem::conflict("Nothing to decide", error.message));
    }
    let run = intake.file_decision(Decision { act, target: target.id }, ids.as_deref(), requested_by).await?;
    match api.wait_for_small(run, headers).await? {
        Waited::Later(answer) => Ok(answer),
        Waited::Ended(run) => Ok(tell(act, &target, &run)),
    }
}

fn tell(act: Act, target: &Run, run: &Run) -> Response {
    let counts = &run.counts;
    let answer = if act == Act::UndoDepartures {
        serde_json::json!({
            "rejoined": counts.rejoined,
            "not_rejoined": (target.counts.marked_left - counts.rejoined).max(0),
            "state": run.state,
            "run_id": run.id,
        })
    } else {
        // A run of which nothing is held any more is done.
        let state = if counts.departures_held == 0 { RunState::Succeeded } else { RunState::Held };
        serde_json::json!({
            "marked_left": counts.marked_left,
            "not_marked": counts.deferred,
            "dismissed": counts.dismissed,
            "departures_held": counts.departures_held,
            "state": state,
            "run_id": run.id,
        })
    };
    Json(answer).into_response()
}

/// The ids that a body names; `None` for all.
async fn read(reader: body::Reader) -> Result<Option<Vec<DiscordId>>, Problem> {
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
    ids(serde_json::from_slice(&text).map_err(malformed)?)
}

/// The keys of a body; no two are the same.
struct Object(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Vec<(String, Value)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut keys: Vec<(String, Value)> = Vec::new();
                let mut seen = HashSet::new();
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

/// Unlike in a member list a key that is not known is a fault: whoever misspells `ids` would decide of everyone.
fn ids(Object(object): Object) -> Result<Option<Vec<DiscordId>>, Problem> {
    let mut found = None;
    for (key, value) in object {
        if key != "ids" {
            return Err(Problem::fault(key, Rule::Form, "is not known here; the body may hold ids and nothing else"));
        }
        let Value::Array(list) = value else { return Err(Problem::fault("ids", Rule::Type, "must be a list")) };
        if list.is_empty() {
            return Err(Problem::fault("ids", Rule::Count, "must not be empty; leave it out to decide of all"));
        }
        found = Some(list);
    }
    let Some(list) = found else { return Ok(None) };
    let mut ids = Vec::with_capacity(list.len());
    let (mut faults, mut count) = (Vec::new(), 0);
    for (index, value) in list.iter().enumerate() {
        let id = match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_u64().and_then(|number| DiscordId::try_from(number).ok()),
            _ => None,
        };
        if let Some(id) = id {
            ids.push(id);
            continue;
        }
        count += 1;
        if faults.len() < MAX_FAULTS {
            faults.push(Fault { at: format!("ids[{index}]"), rule: Rule::Id, message: crate::domain::IdError.to_string() });
        }
    }
    if count > 0 {
        return Err(Problem::faulty(faults, count));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(ids))
}
