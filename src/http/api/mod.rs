//! The bot API: lists in, counts out.
//!
//! Enters: a bot's request. Leaves: JSON, and for every refusal `application/problem+json`. A file per address; `access` is the guard before
//! them, `problem` is what a refusal looks like. A request is judged in the order of design 3.3: is there such an address (404), such a method
//! (405), is the API configured (503), the key (401, 429), the guild (403), the form of the body (415), and then the body.

mod access;
mod answer;
mod body;
mod cancel;
mod changes;
mod decisions;
mod health;
mod member_left;
mod members;
mod object;
mod problem;
mod sync_guild_members;
mod sync_runs;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{HeaderValue, header};
use poem::{Endpoint, EndpointExt as _, IntoResponse as _, Request, Response, Route, get, post};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::throttle::Throttle;
use super::visitor::TrustedProxies;
use crate::domain::Clock;
use crate::intake::{Follow, Intake};
use crate::store::Read;
use problem::Problem;

/// What the bot API needs.
#[derive(Clone)]
pub struct ApiState {
    /// Takes lists in; `None` while no guild is set.
    pub intake: Option<Intake>,
    /// Follows runs to their end.
    pub follow: Follow,
    /// Reads runs.
    pub read: Arc<dyn Read>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The valid keys; none while the API is not configured.
    pub keys: Vec<SecretString>,
    /// How the bot of this process stands with Discord, if it has one.
    pub discord: Arc<dyn Fn() -> Option<String> + Send + Sync>,
    /// Whether lists can be fetched from Discord.
    pub asks_discord: bool,
    /// How long a POST waits for its run.
    pub wait: Duration,
    /// Who may say where requests come from.
    pub proxies: TrustedProxies,
    /// Wrong keys a minute from one address that are answered 401; further ones 429.
    pub wrong_keys: u32,
    /// Set once the process is stopping: it is no longer ready.
    pub stopping: Arc<AtomicBool>,
    /// Cancelled when the process cannot wait for runs any longer: who still waits is told where to look.
    pub hurry: CancellationToken,
}

/// Addresses whose wrong keys are remembered.
const THROTTLED: usize = 10_000;

struct Api {
    state: ApiState,
    wrong_keys: Throttle,
}

/// The addresses under `/api/` and the probes.
#[must_use]
pub fn routes(state: ApiState) -> impl Endpoint<Output = Response> {
    let proxies = state.proxies.clone();
    let wrong_keys = Throttle::new(state.wrong_keys, Duration::from_mins(1), THROTTLED);
    let api = Arc::new(Api { state, wrong_keys });
    Route::new()
        .at("/api/dbot/sync_guild_members", post(sync_guild_members::take))
        .at("/api/dbot/sync_runs", post(sync_runs::begin))
        .at("/api/dbot/sync_runs/:id", get(sync_runs::show))
        .at("/api/dbot/sync_runs/:id/changes", get(changes::list))
        .at("/api/dbot/sync_runs/:id/cancel", post(cancel::cancel))
        .at("/api/dbot/sync_runs/:id/apply_departures", post(decisions::apply))
        .at("/api/dbot/sync_runs/:id/dismiss_departures", post(decisions::dismiss))
        .at("/api/dbot/sync_runs/:id/undo_departures", post(decisions::undo))
        .at("/api/dbot/member_left/:id", post(member_left::take))
        .at("/api/dbot/members/:id", get(members::show))
        .at("/api/dbot/members/:id/events", get(members::events))
        .at("/healthz", get(health::live))
        .at("/readyz", get(health::ready))
        .data(api)
        .around(move |endpoint, request| told(endpoint, request, proxies.clone()))
}

/// Gives every refusal the form of a problem, and logs it in one line that holds nothing of the request but its address.
async fn told<E: Endpoint>(endpoint: Arc<E>, request: Request, proxies: TrustedProxies) -> poem::Result<Response> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let client = proxies.visitor(&request);
    let response = match endpoint.call(request).await {
        Ok(response) => response.into_response(),
        Err(error) if error.is::<NotFoundError>() => Problem::not_found("There is nothing at this address.").into_response(),
        Err(error) if error.is::<MethodNotAllowedError>() => not_allowed(&path),
        Err(error) => error.into_response(),
    };
    if let Some(title) = response.data::<problem::Told>() {
        tracing::info!(status = response.status().as_u16(), %method, path, client, faults = title.faults, "{}", title.text);
    }
    Ok(response)
}

fn not_allowed(path: &str) -> Response {
    let posts = ["/sync_guild_members", "/sync_runs", "/cancel", "/apply_departures", "/dismiss_departures", "/undo_departures"];
    let takes_posts = posts.iter().any(|end| path.ends_with(end)) || path.contains("/member_left/");
    let allowed = if takes_posts { "POST" } else { "GET, HEAD" };
    let mut response = Problem::method_not_allowed(allowed).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
