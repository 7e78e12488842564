//! The overview: how many members, how old the last sync is, and what needs a person.
//!
//! Enters: nothing but who asks. Leaves: the figures, and problems with the way to mend each.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Response, handler};

use super::members::figures;
use crate::domain::{Mode, Run, RunState};
use crate::http::pages::App;
use crate::http::pages::addresses::RUNS;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Badge, Section, Shell, When, duration, html, number, source};

/// Syncs that are looked at for what needs attention.
const LOOKED_AT: i64 = 20;

/// Something that waits for a person.
struct Matter {
    /// Whether it is broken, rather than waiting.
    is_bad: bool,
    text: String,
    /// Where to go on.
    address: Option<String>,
    since: When,
}

/// The newest sync.
struct Last {
    address: String,
    source: &'static str,
    state: Badge,
    filed: When,
    /// How long ago.
    age: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    shell: Shell<'a>,
    totals: [(&'static str, String); 3],
    matters: Vec<Matter>,
    last: Option<Last>,
    runs: &'static str,
}

#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>) -> Result<Response, Refusal> {
    let read = &app.state.read;
    let (totals, problems, runs) = tokio::try_join!(read.member_totals(), read.problems(), read.runs(false, LOOKED_AT))?;
    let now = app.state.clock.now();
    let mut matters: Vec<Matter> = problems
        .into_iter()
        .map(|problem| Matter { is_bad: true, text: problem.message, address: None, since: problem.noted_at.into() })
        .collect();
    matters.extend(of_runs(&runs));
    let last = runs.iter().find(|run| run.act.is_none() && run.mode == Mode::Full).map(|run| Last {
        address: address(run),
        source: source(run),
        state: run.state.into(),
        filed: run.created_at.into(),
        age: duration(now - run.created_at),
    });
    let shell = Shell::new(Some(&staff.0), Section::Overview);
    let page = OverviewPage { shell, totals: figures(totals), matters, last, runs: RUNS };
    Ok(html(StatusCode::OK, page.render()?))
}

fn address(run: &Run) -> String {
    format!("{RUNS}{}/", run.id)
}

/// An open hold, and a list that failed with none after it that did not.
fn of_runs(runs: &[Run]) -> Vec<Matter> {
    let lists = || runs.iter().filter(|run| run.act.is_none() && run.mode == Mode::Full);
    let failed = lists().find(|run| run.state.has_ended()).filter(|run| run.state == RunState::Failed);
    let held = lists().find(|run| run.state == RunState::Held);
    let failed = failed.map(|run| Matter {
        is_bad: true,
        text: run.error.as_ref().map_or_else(|| "The last sync failed.".to_owned(), |error| error.message.clone()),
        address: Some(address(run)),
        since: run.created_at.into(),
    });
    let held = held.map(|run| Matter {
        is_bad: false,
        text: format!("{} departures are held until a person decides.", number(run.counts.departures_held)),
        address: Some(address(run)),
        since: run.created_at.into(),
    });
    failed.into_iter().chain(held).collect()
}
