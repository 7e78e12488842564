//! The overview: how many members, what the last weeks brought, how old the last sync is, and what needs a person.
//!
//! Enters: nothing but who asks. Leaves: figures, a chart, and what is wrong with the way to mend each.

mod attention;
mod chart;

use std::sync::Arc;

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use crate::domain::Run;
use crate::http::pages::App;
use crate::http::pages::addresses::{MEMBERS, RUNS};
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shares::Shares;
use crate::http::pages::shell::{Badge, Section, Shell, When, ago, duration, html, number, source};
use attention::{Matter, Seen};
use chart::Chart;

/// How long a process that was lost is told of.
pub(super) const REMEMBERED: TimeDelta = TimeDelta::hours(1);

/// The newest full list.
struct Last {
    address: String,
    source: &'static str,
    state: Badge,
    filed: When,
    /// How long ago.
    age: String,
}

/// The next list from Discord that the schedule asks for.
struct Next {
    at: When,
    /// How long until then.
    wait: String,
    /// How often.
    every: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage<'a> {
    shell: Shell<'a>,
    totals: [(&'static str, String); 3],
    matters: Vec<Matter>,
    last: Option<Last>,
    next: Option<Next>,
    chart: Chart,
    shares: Shares,
    runs: &'static str,
    members: &'static str,
}

#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    Query::none(request)?;
    let (state, now) = (&app.state, app.state.clock.now());
    let (counted, days, landmarks, problems, conflicts, processes) = tokio::try_join!(
        app.tally(),
        state.overview.days(chart::begin(now)),
        state.overview.landmarks(),
        state.read.problems(),
        state.overview.open_conflicts(),
        state.read.processes(now - REMEMBERED),
    )?;
    let has_schedule = processes.iter().any(|process| process.is_alive(now) && process.has_role("cron"));
    let next = state.full_sync.filter(|_| has_schedule).and_then(|period| next(period, now));
    let last = landmarks.filed.as_ref().map(|run| last(run, now));
    let page = OverviewPage {
        shell: Shell::new(Some(&staff.0), Section::Overview),
        totals: [
            ("Members now", number(counted.tally.present)),
            ("Joined in 30 days", number(days.iter().map(|day| day.joined).sum())),
            ("Left in 30 days", number(days.iter().map(|day| day.left).sum())),
        ],
        matters: attention::matters(Seen {
            has_guild: state.intake.is_some(),
            has_source: state.has_bot_key || state.rest.is_some(),
            problems,
            landmarks,
            conflicts,
            processes,
            now,
        }),
        last,
        next,
        chart: Chart::new(&days, now),
        shares: Shares::new(&counted.tally),
        runs: RUNS,
        members: MEMBERS,
    };
    Ok(html(StatusCode::OK, page.render()?))
}

fn address(run: &Run) -> String {
    format!("{RUNS}{}/", run.id)
}

fn last(run: &Run, now: DateTime<Utc>) -> Last {
    Last {
        address: address(run),
        source: source(run),
        state: run.state.into(),
        filed: run.created_at.into(),
        age: ago(now - run.created_at),
    }
}

/// Ticks stand at whole multiples of the period since 1970.
fn next(period: std::time::Duration, now: DateTime<Utc>) -> Option<Next> {
    let period = i64::try_from(period.as_secs()).ok().filter(|seconds| *seconds > 0)?;
    let tick = now.timestamp().div_euclid(period).checked_add(1)?.checked_mul(period)?;
    let at = DateTime::from_timestamp(tick, 0)?;
    let every = if period % 3_600 == 0 { format!("{} h", period / 3_600) } else { format!("{} min", period / 60) };
    Some(Next { at: at.into(), wait: duration(at - now), every })
}
