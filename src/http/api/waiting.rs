//! What the addresses that file a run have in common: who asks, and the wait for the run's end.

use std::time::Duration;

use poem::http::{HeaderMap, StatusCode};
use poem::{Request, Response};

use super::problem::Problem;
use super::{Api, access, answer};
use crate::domain::{DiscordId, Run, RunId, RunState, came_too_late};
use crate::intake::{Fault, FollowError, Rule};

/// What a wait came to.
pub(super) enum Waited {
    /// The run has ended, and not by an error.
    Ended(Box<Run>),
    /// The answer to give meanwhile.
    Later(Response),
}

impl Api {
    /// As [`wait_for`](Self::wait_for), for small runs, whose answer says what became of them: one that was cancelled did nothing.
    pub(super) async fn wait_for_small(&self, run: RunId, headers: &HeaderMap) -> Result<Waited, Problem> {
        match self.wait_for(run, headers).await? {
            Waited::Ended(run) if run.state == RunState::Cancelled => Err(Problem::conflict(
                "Cancelled",
                format!("The run {} was cancelled before it was carried out. Nothing was changed.", run.id),
            )),
            waited => Ok(waited),
        }
    }

    /// Waits for a filed run, as long as the request wants.
    pub(super) async fn wait_for(&self, run: RunId, headers: &HeaderMap) -> Result<Waited, Problem> {
        let patience = if wants_no_wait(headers) { Duration::ZERO } else { self.state.wait };
        let follow = &self.state.follow;
        let followed = tokio::select! {
            ended = follow.to_end(run, patience, |_| {}) => ended,
            () = self.state.hurry.cancelled() => follow.to_end(run, Duration::ZERO, |_| {}).await,
        };
        match followed {
            Ok(run) if run.state == RunState::Failed => {
                let too_late = came_too_late(&run);
                let detail = run.error.map_or_else(|| "The run's page says more.".to_owned(), |error| error.message);
                Err(if too_late { Problem::conflict("Nothing to decide", detail) } else { Problem::run_failed(run.id, detail) })
            }
            Ok(run) if run.state.has_ended() => Ok(Waited::Ended(Box::new(run))),
            Ok(run) => Ok(Waited::Later(answer::run(&run, StatusCode::ACCEPTED))),
            // It is accepted, whatever became of the database since.
            Err(FollowError::Unknown | FollowError::Store(_)) => Ok(Waited::Later(answer::accepted(run))),
        }
    }

    /// The run that an address names.
    pub(super) async fn find_run(&self, id: &str) -> Result<Run, Problem> {
        let id: RunId = id.parse().map_err(|_| Problem::no_run())?;
        self.state.read.run(id).await?.ok_or_else(Problem::no_run)
    }
}

/// Who asked, if the bot says so.
pub(super) fn requested_by(headers: &HeaderMap) -> Result<String, Fault> {
    if !headers.contains_key("x-discord-user-id") {
        return Ok(String::new());
    }
    let id = access::text(headers, "x-discord-user-id").and_then(|text| text.parse::<DiscordId>().ok());
    let fault = || Fault { at: "X-Discord-User-Id".into(), rule: Rule::Id, message: "must be a Discord id".into() };
    id.map(|id| id.to_string()).ok_or_else(fault)
}

/// The member that an address names.
pub(super) fn member_id(id: &str) -> Result<DiscordId, Problem> {
    id.parse().map_err(|error: crate::domain::IdError| Problem::fault("discord_id", Rule::Id, error.to_string()))
}

/// The value of a key of the query; an error if it stands there twice.
pub(super) fn query(request: &Request, name: &'static str) -> Result<Option<String>, Problem> {
    let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let mut values = pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let value = values.next();
    if values.next().is_some() {
        return Err(Problem::fault(name, Rule::Form, "stands twice"));
    }
    Ok(value)
}

/// The `limit` of a list.
pub(super) fn limit(request: &Request) -> Result<i64, Problem> {
    const USUAL: i64 = 100;
    const MOST: i64 = 1_000;
    let Some(text) = query(request, "limit")? else { return Ok(USUAL) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| Problem::fault("limit", Rule::Count, format!("must be a number from 1 to {MOST}")))
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
