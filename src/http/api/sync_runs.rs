//! `GET /api/dbot/sync_runs/{id}`: one run; `POST /api/dbot/sync_runs`: a new one from Discord.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, IntoResponse as _, Request, Response, handler};
use serde_json::Value;

use super::object::{self, Object};
use super::problem::Problem;
use super::waiting::requested_by;
use super::{Api, answer, body};
use crate::http::unread::Unread;
use crate::intake::{Fetch, Rule};

#[handler]
pub(super) async fn show(api: Data<&Arc<Api>>, request: &Request, id: poem::Result<Path<String>>) -> Response {
    // What cannot even be read as a text is no run's id.
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    find(&api, request, &id).await.unwrap_or_else(Problem::into_response)
}

#[handler]
pub(super) async fn begin(api: Data<&Arc<Api>>, request: &Request, wish: Body) -> Response {
    fetch(&api, request, wish).await.unwrap_or_else(Problem::into_response)
}

async fn fetch(api: &Api, request: &Request, wish: Body) -> Result<Response, Problem> {
    if !api.state.asks_discord && !api.state.keys.is_empty() {
        return Err(Problem::not_configured("DISCORD_TOKEN"));
    }
    let intake = api.admit(request)?;
    let headers = request.headers();
    let encoding = body::check_form(headers)?;
    let wish = object::read(body::open(Unread::new(wish, true), encoding)).await?;
    let dry_run = check(wish.unwrap_or_default())?;
    let requested_by = requested_by(headers).map_err(|fault| Problem::faulty(vec![fault], 1))?;
    let filed = intake.file_fetch(requested_by, dry_run).await?;
    match api.state.read.run(filed.run()).await {
        Ok(Some(run)) => Ok(answer::begun(&run, matches!(filed, Fetch::Joined(_)))),
        // It is accepted, whatever became of the database since.
        _ => Ok(answer::accepted(filed.run())),
    }
}

/// Whether the wish is for a dry run. A key that is not known is a fault: whoever misspells `dry_run` would begin a real one.
fn check(wish: Object) -> Result<bool, Problem> {
    let (mut is_discord, mut dry_run) = (false, false);
    for (key, value) in wish {
        match (key.as_str(), value) {
            ("source", Value::String(source)) if source == "discord" => is_discord = true,
            ("dry_run", Value::Bool(dry)) => dry_run = dry,
            ("dry_run", Value::Null) => {}
            ("dry_run", _) => return Err(Problem::fault(key, Rule::Type, "must be true or false")),
            ("source", _) => break,
            _ => return Err(Problem::fault(key, Rule::Form, "is not known here; the body may hold source and dry_run")),
        }
    }
    if is_discord {
        return Ok(dry_run);
    }
    Err(Problem::fault("source", Rule::Form, "must be \"discord\"; lists are sent to /api/dbot/sync_guild_members"))
}

async fn find(api: &Api, request: &Request, id: &str) -> Result<Response, Problem> {
    api.admit(request)?;
    Ok(answer::run(&api.find_run(id).await?, StatusCode::OK))
}
