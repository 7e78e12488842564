//! `POST /api/dbot/sync_runs/{id}/apply_departures`, `…/dismiss_departures`, `…/undo_departures`: what a person decides of a run's departures.

use std::sync::Arc;

use poem::web::{Data, Json, Path};
use poem::{Body, IntoResponse as _, Request, Response, handler};
use serde_json::Value;

use super::object::{self, Object};
use super::problem::Problem;
use super::waiting::{Waited, requested_by};
use super::{Api, body};
use crate::domain::{Act, DiscordId, Mode, Run, RunState, nothing_held};
use crate::http::unread::Unread;
use crate::intake::{Fault, MAX_FAULTS, Rule};
use crate::store::Decision;

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
    let ids = match object::read(body::open(Unread::new(ids, true), encoding)).await? {
        Some(object) => self::ids(object)?,
        None => None,
    };
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

/// Unlike in a member list a key that is not known is a fault: whoever misspells `ids` would decide of everyone.
fn ids(object: Object) -> Result<Option<Vec<DiscordId>>, Problem> {
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
