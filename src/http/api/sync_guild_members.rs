//! `POST /api/dbot/sync_guild_members`: a full member list in, counts out.

use std::sync::Arc;

use poem::http::{HeaderMap, StatusCode};
use poem::web::Data;
use poem::{Body, IntoResponse as _, Request, Response, handler};

use super::problem::Problem;
use super::{Api, access, answer, body};
use crate::domain::{DiscordId, RunState, Source};
use crate::intake::{Fault, FollowError, Rule, Wish};

#[handler]
pub(super) async fn take(api: Data<&Arc<Api>>, request: &Request, list: Body) -> Response {
    sync(&api, request, list).await.unwrap_or_else(Problem::into_response)
}

async fn sync(api: &Api, request: &Request, list: Body) -> Result<Response, Problem> {
    let intake = api.admit(request)?;
    let headers = request.headers();
    let encoding = body::check_form(headers)?;
    let wish = Wish { source: Source::Push, requested_by: requested_by(headers)? };
    let run = intake.file_roster(body::open(list, encoding), wish).await?;
    let patience = if wants_no_wait(headers) { std::time::Duration::ZERO } else { api.state.wait };
    let follow = &api.state.follow;
    let followed = tokio::select! {
        ended = follow.to_end(run, patience, |_| {}) => ended,
        () = api.state.hurry.cancelled() => follow.to_end(run, std::time::Duration::ZERO, |_| {}).await,
    };
    match followed {
        Ok(run) if run.state == RunState::Failed => {
            let detail = run.error.map_or_else(|| "The run's page says more.".to_owned(), |error| error.message);
            Err(Problem::run_failed(run.id, detail))
        }
        Ok(run) if run.state.has_ended() => Ok(answer::counts(&run)),
        Ok(run) => Ok(answer::run(&run, StatusCode::ACCEPTED)),
        // The list is accepted, whatever became of the database since.
        Err(FollowError::Unknown | FollowError::Store(_)) => Ok(answer::accepted(run)),
    }
}

/// Who asked, if the bot says so. Headers that this version does not understand are refused rather than ignored.
fn requested_by(headers: &HeaderMap) -> Result<String, Problem> {
    let fault = |at: &str, rule, message: &str| Problem::faulty(vec![Fault { at: at.into(), rule, message: message.into() }], 1);
    if headers.contains_key("idempotency-key") {
        return Err(fault("Idempotency-Key", Rule::Unsupported, "is not supported by this version; leave it out"));
    }
    if !headers.contains_key("x-discord-user-id") {
        return Ok(String::new());
    }
    let id = access::text(headers, "x-discord-user-id").and_then(|text| text.parse::<DiscordId>().ok());
    id.map(|id| id.to_string()).ok_or_else(|| fault("X-Discord-User-Id", Rule::Id, "must be a Discord id"))
}

/// RFC 7240: `Prefer: respond-async`.
fn wants_no_wait(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| preference.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("respond-async")))
}
