//! What staff do about a run: cancel it, file it anew, undo its departures, decide about those that it holds back.
//!
//! Enters: a form. Leaves: a redirect to the page that shows what came of it; of what touches many a question first; or a refusal, and
//! nothing was done.

use std::sync::Arc;
use std::time::Duration;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};

use super::{questions, run_id};
use crate::domain::{Act, DiscordId, Mode, Run, StaffAct, came_too_late, nothing_held};
use crate::http::pages::App;
use crate::http::pages::acting::Acting;
use crate::http::pages::addresses::{RUNS, see_other};
use crate::http::pages::not_now::{conflict, no_guild, of_run};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::number;
use crate::intake::{Fetch, Intake, NoRetry};
use crate::store::Decision;

/// How long a page waits for a small run before it shows that it is not done yet.
const PATIENCE: Duration = Duration::from_secs(10);

/// An act about a run.
struct About<'a> {
    app: &'a App,
    intake: &'a Intake,
    acting: Acting,
    run: Run,
}

impl<'a> About<'a> {
    async fn read(
        app: &'a App,
        staff: Staff,
        request: &Request,
        id: poem::Result<Path<String>>,
        body: Body,
    ) -> Result<Self, Refusal> {
        let acting = Acting::read(app, staff, request, body).await?;
        let intake = app.state.intake.as_ref().ok_or_else(no_guild)?;
        let run = app.state.read.run(run_id(id)?).await?.ok_or(Refusal::NoRun)?;
        Ok(Self { app, intake, acting, run })
    }

    /// Files a decision about the run, and waits for it a while.
    async fn decide(&self, act: Act, ids: Option<&[DiscordId]>, noted: StaffAct, detail: String) -> Result<Response, Refusal> {
        let note = self.acting.note_of_run(noted, Some(self.run.id), detail);
        let decision = self.intake.file_decision(Decision { act, target: self.run.id }, ids, note).await?;
        let follow = &self.app.state.follow;
        let ended = tokio::select! {
            ended = follow.to_end(decision, PATIENCE, |_| {}) => ended.ok(),
            // It is filed, and will be carried out.
            () = self.app.state.hurry.cancelled() => None,
        };
        match ended {
            Some(ended) if came_too_late(&ended) => {
                let text = ended.error.map(|error| error.message).unwrap_or_default();
                Err(conflict("There is nothing to decide any more", text, &self.run))
            }
            _ => Ok(see_other(&format!("{RUNS}{}/?decision={decision}", self.run.id))),
        }
    }
}

/// Ends a run.
#[handler]
pub(in crate::http::admin) async fn cancel(
    staff: Staff,
    app: Data<&Arc<App>>,
    request: &Request,
    id: poem::Result<Path<String>>,
    body: Body,
) -> Result<Response, Refusal> {
    let about = About::read(&app, staff, request, id, body).await?;
    let ended = || conflict("This sync has ended", "What has ended cannot be cancelled. Nothing was changed.", &about.run);
    if about.run.state.has_ended() {
        return Err(ended());
    }
    if !about.acting.has_agreed() {
        return about.acting.ask(&questions::cancel(&about.run));
    }
    let note = about.acting.note_of_run(StaffAct::CancelRun, None, String::new());
    match about.intake.cancel(about.run.id, note).await? {
        None => Err(Refusal::NoRun),
        Some(false) => Err(ended()),
        Some(true) => Ok(see_other(&format!("{RUNS}{}/?cancelled=1", about.run.id))),
    }
}

/// Files a failed run anew.
#[handler]
pub(in crate::http::admin) async fn retry(
    staff: Staff,
    app: Data<&Arc<App>>,
    request: &Request,
    id: poem::Result<Path<String>>,
    body: Body,
) -> Result<Response, Refusal> {
    let about = About::read(&app, staff, request, id, body).await?;
    let note = about.acting.note_of_run(StaffAct::RetryRun, None, format!("instead of {}", about.run.id));
    match about.intake.retry(&about.run, note).await? {
        Ok(Fetch::New(run)) => Ok(see_other(&format!("{RUNS}{run}/?retried=1"))),
        Ok(joined) => Ok(to_fetch(joined)),
        Err(NoRetry::NotFailed) => Err(conflict(
            "This sync cannot be repeated",
            "Only a list that failed can be filed anew. Nothing was done.",
            &about.run,
        )),
        Err(NoRetry::Gone) => Err(conflict(
            "Its list is no longer kept",
            "The list of a failed sync is kept for a day or so (retention.failed_payload_hours). Nothing was done; send the list again.",
            &about.run,
        )),
    }
}

/// Sends the browser to a run that was wished for.
pub(in crate::http::admin) fn to_fetch(filed: Fetch) -> Response {
    match filed {
        Fetch::New(run) => see_other(&format!("{RUNS}{run}/")),
        Fetch::Joined(run) => see_other(&format!("{RUNS}{run}/?joined=1")),
    }
}

/// Takes back the departures that a run marked.
#[handler]
pub(in crate::http::admin) async fn undo(
    staff: Staff,
    app: Data<&Arc<App>>,
    request: &Request,
    id: poem::Result<Path<String>>,
    body: Body,
) -> Result<Response, Refusal> {
    let about = About::read(&app, staff, request, id, body).await?;
    if about.run.counts.marked_left == 0 || about.run.mode == Mode::DryRun {
        return Err(conflict("Nothing to undo", "This sync has marked nobody as left. Nothing was changed.", &about.run));
    }
    if !app.state.runs.has_undoable(about.run.id).await? {
        let text =
            "Whom this sync had marked as left is present again, or something newer is known of them. Nothing was changed.";
        return Err(conflict("Nobody is left to bring back", text, &about.run));
    }
    if !about.acting.has_agreed() {
        return about.acting.ask(&questions::undo(&about.run));
    }
    let marked = about.run.counts.marked_left;
    if about.acting.form.field("all").parse() != Ok(marked) {
        let text = format!("Meanwhile it is {} whom this sync has marked. Nothing was changed; look again.", number(marked));
        return Err(conflict("The number has changed", text, &about.run));
    }
    let detail = format!("{} members", number(marked));
    about.decide(Act::UndoDepartures, None, StaffAct::UndoDepartures, detail).await
}

/// Applies or dismisses departures that a run holds back.
#[handler]
pub(in crate::http::admin) async fn decide(
    staff: Staff,
    app: Data<&Arc<App>>,
    request: &Request,
    id: poem::Result<Path<String>>,
    body: Body,
) -> Result<Response, Refusal> {
    let about = About::read(&app, staff, request, id, body).await?;
    if let Some(error) = nothing_held(about.run.state, about.run.held_reason) {
        return Err(conflict("There is nothing to decide", error.message, &about.run));
    }
    let (act, noted) = match about.acting.form.field("act") {
        "apply_departures" => (Act::ApplyDepartures, StaffAct::ApplyDepartures),
        "dismiss_departures" => (Act::DismissDepartures, StaffAct::DismissDepartures),
        _ => {
            return Err(invalid(
                "Apply or dismiss?",
                "The form does not say what is to be done. Nothing was changed.",
                &about.run,
            ));
        }
    };
    let ids = concerned(&about)?;
    if ids.is_none() && !about.acting.has_agreed() {
        return about.acting.ask(&questions::all_held(&about.run, act));
    }
    let detail = match &ids {
        Some(ids) if ids.len() == 1 => "1 member".to_owned(),
        Some(ids) => format!("{} members", number(i64::try_from(ids.len()).unwrap_or(i64::MAX))),
        None => format!("all {}", number(about.run.counts.departures_held)),
    };
    about.decide(act, ids.as_deref(), noted, detail).await
}

/// Whom a decision is about: those who are ticked, or `None` for all, of whom the form says how many it means.
fn concerned(about: &About<'_>) -> Result<Option<Vec<DiscordId>>, Refusal> {
    let (form, run) = (&about.acting.form, &about.run);
    let all = form.field("all");
    if !all.is_empty() {
        let held = run.counts.departures_held;
        if all.parse() != Ok(held) {
            let text = format!("Meanwhile it is {} whose departure is held. Nothing was changed; look again.", number(held));
            return Err(conflict("The number has changed", text, run));
        }
        return Ok(None);
    }
    let ticked = form.fields("id");
    if ticked.is_empty() {
        return Err(invalid(
            "Nobody is ticked",
            "Tick those whom it is about, or use a button for all. Nothing was changed.",
            run,
        ));
    }
    let ids: Result<Vec<DiscordId>, _> = ticked.iter().map(|id| id.parse()).collect();
    let mut ids =
        ids.map_err(|error| invalid("This is no member", format!("What was sent is no id: {error}. Nothing was changed."), run))?;
    ids.sort_unstable();
    ids.dedup();
    Ok(Some(ids))
}

fn invalid(title: &'static str, text: impl Into<String>, run: &Run) -> Refusal {
    of_run(StatusCode::UNPROCESSABLE_ENTITY, title, text, run)
}
