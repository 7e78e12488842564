//! `POST /api/dbot/sync_guild_members`: a full member list in, counts out.

use std::sync::Arc;

use poem::http::{HeaderMap, StatusCode, header};
use poem::web::Data;
use poem::{Body, IntoResponse as _, Request, Response, handler};

use super::problem::Problem;
use super::unread::Unread;
use super::{Api, access, answer, body};
use crate::domain::{DiscordId, RunState, Source};
use crate::intake::{Fault, FollowError, Intake, MAX_FAULTS, Refusal, Rule, Wish};

#[handler]
pub(super) async fn take(api: Data<&Arc<Api>>, request: &Request, list: Body) -> Response {
    // A client that asks before it sends (RFC 9110, 10.1.1) need not be heard out.
    let list = Unread::new(list, !request.headers().contains_key(header::EXPECT));
    sync(&api, request, list).await.unwrap_or_else(Problem::into_response)
}

async fn sync(api: &Api, request: &Request, list: Unread) -> Result<Response, Problem> {
    let intake = api.admit(request)?;
    let headers = request.headers();
    let encoding = body::check_form(headers)?;
    let list = body::open(list, encoding);
    let requested_by = match requested_by(headers) {
        Ok(id) => id,
        Err(fault) => return Err(refuse(intake, list, fault).await),
    };
    let run = intake.file_roster(list, Wish { source: Source::Push, requested_by }).await?;
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
fn requested_by(headers: &HeaderMap) -> Result<String, Fault> {
    let fault = |at: &str, rule, message: &str| Fault { at: at.into(), rule, message: message.into() };
    if headers.contains_key("idempotency-key") {
        return Err(fault("Idempotency-Key", Rule::Unsupported, "is not supported by this version; leave it out"));
    }
    if !headers.contains_key("x-discord-user-id") {
        return Ok(String::new());
    }
    let id = access::text(headers, "x-discord-user-id").and_then(|text| text.parse::<DiscordId>().ok());
    id.map(|id| id.to_string()).ok_or_else(|| fault("X-Discord-User-Id", Rule::Id, "must be a Discord id"))
}

/// Why a list is refused that came with a faulty header: what is wrong with reading it comes first, and its own faults belong to the answer.
async fn refuse(intake: &Intake, list: body::Reader, fault: Fault) -> Problem {
    match intake.check_roster(list).await {
        Ok(()) => Problem::faulty(vec![fault], 1),
        Err(Refusal::Faulty { mut faults, count }) => {
            faults.insert(0, fault);
            faults.truncate(MAX_FAULTS);
            Problem::faulty(faults, count + 1)
        }
        Err(refusal) => refusal.into(),
    }
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
