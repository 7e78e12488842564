//! A sync that staff start: from Discord, or from a file.
//!
//! Enters: a form, or a form with a file, which is read as a stream and never held whole. Leaves: a redirect to the run; or a page that says what is
//! wrong, and nothing was changed.

use std::sync::Arc;

use askama::Template;
use poem::http::{HeaderMap, StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::run::to_fetch;
use crate::domain::{Source, StaffAct};
use crate::http::pages::App;
use crate::http::pages::acting::{Acting, note_of_run};
use crate::http::pages::addresses::{RUNS, see_other};
use crate::http::pages::file_form::FileForm;
use crate::http::pages::not_now::no_guild;
use crate::http::pages::not_taken::NotTaken;
use crate::http::pages::refusal::{Refusal, Told};
use crate::http::pages::session::{Staff, Viewer};
use crate::http::pages::shell::{Section, Shell, html, number};
use crate::intake::{self, Fault, Intake, Wish};

/// What a form may add to the size of its file. Bytes.
const FRAME: u64 = 64 * 1024;
/// Longest name of a file that the log keeps. Characters.
const NAME: usize = 100;

/// Starts a sync from Discord, or joins the one that there is.
#[handler]
pub(super) async fn from_discord(staff: Staff, app: Data<&Arc<App>>, request: &Request, body: Body) -> Result<Response, Refusal> {
    let acting = Acting::read(&app, staff, request, body).await?;
    let intake = app.state.intake.as_ref().ok_or_else(no_guild)?;
    if app.state.rest.is_none() {
        let text = "Lists can be fetched from Discord once whoever runs this site has set DISCORD_TOKEN. Nothing was done.";
        return Err(Told::new(StatusCode::SERVICE_UNAVAILABLE, "No bot token is set", text, way()).into());
    }
    let dry_run = !acting.form.field("dry_run").is_empty();
    let detail = if dry_run { "dry run" } else { "" };
    let note = acting.note_of_run(StaffAct::StartSync, None, detail.to_owned());
    Ok(to_fetch(intake.file_fetch(note, dry_run).await?))
}

fn way() -> (String, &'static str) {
    (RUNS.to_owned(), "Back to the syncs")
}

/// Takes in a list from a file.
#[handler]
pub(super) async fn from_file(staff: Staff, app: Data<&Arc<App>>, request: &Request, body: Body) -> Result<Response, Refusal> {
    let viewer = Acting::may_act(staff)?;
    let intake = app.state.intake.as_ref().ok_or_else(no_guild)?;
    let form = FileForm::read(&app, request.headers(), body).await?;
    if form.name.is_empty() {
        let text = "Choose the file with the member list, then send it. Nothing was done.";
        return Err(Told::new(StatusCode::UNPROCESSABLE_ENTITY, "No file was chosen", text, way()).into());
    }
    match take(intake, &viewer, request.headers(), form).await {
        Ok(address) => Ok(see_other(&address)),
        Err(refusal) => not_taken(&viewer, refusal),
    }
}

async fn take(intake: &Intake, viewer: &Viewer, headers: &HeaderMap, form: FileForm) -> Result<String, intake::Refusal> {
    let (dry_run, allow_mass_departure) = (form.is_ticked("dry_run"), form.is_ticked("allow_mass_departure"));
    let said = [dry_run.then_some("dry run"), allow_mass_departure.then_some("all departures believed")];
    let name: String = form.name.chars().filter(|c| !c.is_control()).take(NAME).collect();
    let detail = std::iter::once(name.as_str()).chain(said.into_iter().flatten()).collect::<Vec<_>>().join(", ");
    // What says of itself that it is too large need not be read to know it.
    if length(headers).is_some_and(|length| length > intake.max_body().saturating_add(FRAME)) {
        let text = format!("the file is larger than the {} bytes that are taken; nothing was changed", bytes(intake.max_body()));
        return Err(intake::Refusal::TooLarge(text));
    }
    let asked = note_of_run(viewer, StaffAct::UploadList, None, detail).into();
    let wish = Wish { asked, dry_run, allow_mass_departure, ..Wish::new(Source::File) };
    let run = intake.file_roster(form.file, wish).await?;
    Ok(format!("{RUNS}{run}/"))
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn bytes(count: u64) -> String {
    number(i64::try_from(count).unwrap_or(i64::MAX))
}

#[derive(Template)]
#[template(path = "not_taken.html")]
struct NotTakenPage<'a> {
    shell: Shell<'a>,
    runs: &'static str,
    status: u16,
    title: &'static str,
    text: String,
    faults: Vec<Fault>,
    /// Faults that are not listed.
    others: Option<String>,
}

/// The page that says why a file was not taken, with its faults and their places.
fn not_taken(viewer: &Viewer, refusal: intake::Refusal) -> Result<Response, Refusal> {
    let NotTaken { status, title, text } = NotTaken::of(&refusal);
    let (faults, count) = match refusal {
        intake::Refusal::Faulty { faults, count } => (faults, count),
        _ => (Vec::new(), 0),
    };
    let others = count.saturating_sub(faults.len() as u64);
    let page = NotTakenPage {
        shell: Shell::new(Some(viewer), Section::Syncs),
        runs: RUNS,
        status: status.as_u16(),
        title,
        text,
        faults,
        others: (others > 0).then(|| bytes(others)),
    };
    Ok(html(status, page.render()?))
}
