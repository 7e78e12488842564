//! `/healthz`: the process lives. `/readyz`: it can serve; a load balancer asks it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use poem::http::StatusCode;
use poem::web::{Data, Json};
use poem::{IntoResponse as _, Response, handler};

use super::Api;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

#[handler]
pub(super) fn live() -> &'static str {
    "ok"
}

#[handler]
pub(super) async fn ready(api: Data<&Arc<Api>>) -> Response {
    let database = match tokio::time::timeout(PATIENCE, api.state.read.ping()).await {
        Ok(Ok(())) => "ok",
        _ => "away",
    };
    let stopping = api.state.stopping.load(Ordering::Relaxed);
    let ready = database == "ok" && !stopping;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // Discord being away makes nothing unready: lists are taken in and pages shown all the same.
    let discord = (api.state.discord)();
    let body = serde_json::json!({ "ready": ready, "stopping": stopping, "database": database, "discord": discord });
    Json(body).with_status(status).into_response()
}
