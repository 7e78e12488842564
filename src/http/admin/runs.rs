//! The list of syncs, newest first.
//!
//! Enters: nothing but who asks. Leaves: the newest runs and how each ended.

use std::sync::Arc;

use askama::Template;
use chrono::{DateTime, Utc};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use crate::domain::Run;
use crate::http::pages::App;
use crate::http::pages::addresses::RUNS;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Badge, Section, Shell, When, html, number, source, time_taken};

/// Runs on the page.
const SHOWN: i64 = 50;

/// A row as the template shows it.
struct Row {
    address: String,
    filed: When,
    source: &'static str,
    who: String,
    state: Badge,
    received: String,
    created: String,
    updated: String,
    left: String,
    held: String,
    took: Option<String>,
}

impl Row {
    fn new(run: Run, now: DateTime<Utc>) -> Self {
        Self {
            address: format!("{RUNS}{}/", run.id),
            filed: run.created_at.into(),
            source: source(&run),
            state: run.state.into(),
            received: number(run.counts.total_received),
            created: number(run.counts.created),
            updated: number(run.counts.updated),
            left: number(run.counts.marked_left),
            held: number(run.counts.departures_held),
            took: time_taken(&run, now),
            who: run.requested_by,
        }
    }
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage<'a> {
    shell: Shell<'a>,
    rows: Vec<Row>,
    shown: i64,
    /// Runs of single members are shown, too.
    deltas: bool,
}

/// The list.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let deltas = request.uri().query().is_some_and(|query| query.split('&').any(|part| part == "deltas=1"));
    let now = app.state.clock.now();
    let runs = app.state.read.runs(deltas, SHOWN).await?;
    let rows = runs.into_iter().map(|run| Row::new(run, now)).collect();
    let page = RunsPage { shell: Shell::new(Some(&staff.0), Section::Syncs), rows, shown: SHOWN, deltas };
    Ok(html(StatusCode::OK, page.render()?))
}
