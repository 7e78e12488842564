//! Runs and their counts as JSON.

use chrono::{DateTime, Utc};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse as _, Response};
use serde::Serialize;

use crate::domain::{Act, Counts, HeldReason, Mode, Progress, Run, RunError, RunId, RunState, Source};

/// The counts of a run under all names that bots read.
#[derive(Serialize)]
struct CountsAnswer {
    created: i64,
    updated: i64,
    marked_left: i64,
    rejoined: i64,
    unchanged: i64,
    linked: i64,
    unlinked: i64,
    total_received: i64,
    duplicates: i64,
    total_active: i64,
    skipped: i64,
    deferred: i64,
    departures_held: i64,
    held_reason: Option<HeldReason>,
    /// The same as `marked_left`, for bots that read this name.
    left: i64,
}

impl CountsAnswer {
    fn new(counts: &Counts, held_reason: Option<HeldReason>) -> Self {
        Self {
            created: counts.created,
            updated: counts.updated,
            marked_left: counts.marked_left,
            rejoined: counts.rejoined,
            unchanged: counts.unchanged,
            linked: counts.linked,
            unlinked: counts.unlinked,
            total_received: counts.total_received,
            duplicates: counts.duplicates,
            total_active: counts.total_active,
            skipped: counts.skipped,
            deferred: counts.deferred,
            departures_held: counts.departures_held,
            held_reason,
            left: counts.marked_left,
        }
    }
}

/// The answer to a list whose run has ended.
#[derive(Serialize)]
struct SyncAnswer {
    #[serde(flatten)]
    counts: CountsAnswer,
    state: RunState,
    run_id: RunId,
}

/// A run.
#[derive(Serialize)]
struct RunAnswer<'a> {
    id: RunId,
    source: Source,
    mode: Mode,
    state: RunState,
    act: Option<Act>,
    target_run_id: Option<RunId>,
    superseded_by: Option<RunId>,
    requested_by: &'a str,
    observed_at: DateTime<Utc>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    progress: Progress,
    counts: CountsAnswer,
    warnings: &'a [String],
    error: Option<&'a RunError>,
}

/// 200: the counts.
pub(super) fn counts(run: &Run) -> Response {
    let answer = SyncAnswer { counts: CountsAnswer::new(&run.counts, run.held_reason), state: run.state, run_id: run.id };
    poem::web::Json(answer).into_response()
}

/// A run, with its address in `Location`.
pub(super) fn run(run: &Run, status: StatusCode) -> Response {
    located(poem::web::Json(shown(run)).with_status(status).into_response(), run.id)
}

/// 202 for a run that was wished for; whether the wish joined one that there was.
pub(super) fn begun(run: &Run, joined: bool) -> Response {
    #[derive(Serialize)]
    struct Begun<'a> {
        #[serde(flatten)]
        run: RunAnswer<'a>,
        joined: bool,
    }
    let body = poem::web::Json(Begun { run: shown(run), joined });
    located(body.with_status(StatusCode::ACCEPTED).into_response(), run.id)
}

fn shown(run: &Run) -> RunAnswer<'_> {
    RunAnswer {
        id: run.id,
        source: run.source,
        mode: run.mode,
        state: run.state,
        act: run.act,
        target_run_id: run.target_run_id,
        superseded_by: run.superseded_by,
        requested_by: &run.requested_by,
        observed_at: run.observed_at,
        created_at: run.created_at,
        started_at: run.started_at,
        finished_at: run.finished_at,
        progress: run.progress,
        counts: CountsAnswer::new(&run.counts, run.held_reason),
        warnings: &run.warnings,
        error: run.error.as_ref(),
    }
}

/// 202 for a run that is filed but cannot be read just now.
pub(super) fn accepted(id: RunId) -> Response {
    let body = serde_json::json!({ "id": id, "state": RunState::Queued });
    located(poem::web::Json(body).with_status(StatusCode::ACCEPTED).into_response(), id)
}

fn located(mut response: Response, id: RunId) -> Response {
    if let Ok(location) = HeaderValue::from_str(&format!("/api/dbot/sync_runs/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
