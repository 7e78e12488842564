//! *Sync this member now*: Discord is asked for one member, and a small run makes of the answer what it makes of any evidence.
//!
//! Enters: the wish of a member of staff who may act. Leaves: the run, whose steps the member's page tells from what it did; a reload of that
//! page repeats nothing.

use std::sync::Arc;
use std::time::Duration;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};

use super::member::member_id;
use super::timeline::Told as Change;
use crate::discord::{DiscordError, Presence, Rest};
use crate::domain::{Action, Counts, DiscordId, MemberRow, Mode, Run, RunState, Seen, Sighting, Source, StaffAct};
use crate::http::pages::App;
use crate::http::pages::acting::Acting;
use crate::http::pages::addresses::{ACCOUNTS, MEMBERS, RUNS, see_other};
use crate::http::pages::chips::RoleNames;
use crate::http::pages::refusal::{Refusal, Told};
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Badge, When};
use crate::http::pages::trail::Trail;
use crate::intake::{self, Intake};
use crate::store::ChangeCursor;

/// How long Discord is waited for, with its own waits.
const AT_DISCORD: Duration = Duration::from_secs(20);
/// How long the run is waited for before its page is shown as it stands.
const AT_WORK: Duration = Duration::from_secs(10);
/// Most changes that a run makes of one member: the row itself, a link removed, a link made, and room.
const CHANGES: i64 = 10;

/// What is missing for Discord to be asked.
pub(super) fn missing(app: &App) -> Option<&'static str> {
    match (&app.state.rest, &app.state.intake) {
        (None, _) => Some("Discord cannot be asked: the program has no bot token (DISCORD_TOKEN)."),
        (_, None) => Some("Discord cannot be asked: the program does not know its guild (GUILD_ID)."),
        _ => None,
    }
}

/// Asks, files what came of it, and leads to the page that tells.
#[handler]
pub(super) async fn sync_now(
    staff: Staff,
    app: Data<&Arc<App>>,
    id: poem::Result<Path<String>>,
    request: &Request,
    body: Body,
) -> Result<Response, Refusal> {
    let acting = Acting::read(&app, staff, request, body).await?;
    let id = member_id(id)?;
    app.state.read.member(id).await?.ok_or(Refusal::NoMember)?;
    let (Some(rest), Some(intake)) = (&app.state.rest, &app.state.intake) else {
        let text = format!("{} Nothing was done.", missing(&app).unwrap_or_default());
        return Err(told(id, StatusCode::SERVICE_UNAVAILABLE, "Discord cannot be asked from here", text).into());
    };
    // True at its beginning: what happens while the answer is on its way is newer.
    let observed_at = app.state.clock.now();
    let asked = ask(&app, rest, intake.guild(), id).await;
    let came = match &asked {
        Ok(Seen::Present(_)) => "in the guild".to_owned(),
        Ok(_) => "not in the guild".to_owned(),
        Err(refused) => format!("nothing was changed: {}", refused.title),
    };
    acting.note(&app, StaffAct::SyncMember, &id.to_string(), &came).await?;
    let seen = asked?;
    let run = file(intake, id, Sighting { observed_at, seen }, acting.who()).await?;
    // It is filed, whatever becomes of the wait.
    tokio::select! {
        _ = app.state.follow.to_end(run, AT_WORK, |_| {}) => {}
        () = app.state.hurry.cancelled() => {}
    }
    Ok(see_other(&Trail::after(&acting.form, format!("{MEMBERS}{id}/?run={run}"))))
}

async fn ask(app: &App, rest: &Rest, guild: DiscordId, id: DiscordId) -> Result<Seen, Box<Told>> {
    let asked = tokio::select! {
        asked = tokio::time::timeout(AT_DISCORD, rest.member(guild, id)) => asked,
        () = app.state.hurry.cancelled() => {
            let text = "Nothing was changed. Try again in a moment.".to_owned();
            return Err(told(id, StatusCode::SERVICE_UNAVAILABLE, "This server is being stopped", text).into());
        }
    };
    match asked {
        Ok(Ok(Presence::Present(member))) => Ok(Seen::Present(*member)),
        Ok(Ok(Presence::Gone)) => Ok(Seen::Gone { id, user: None }),
        Ok(Ok(Presence::PresentButOdd(odd))) => {
            let text = format!(
                "They are in the guild, but what Discord says of them cannot be kept ({}). Nothing was changed.",
                odd.fault
            );
            Err(told(id, StatusCode::BAD_GATEWAY, "Discord’s answer cannot be used", text).into())
        }
        Ok(Err(error)) => Err(failed(id, &error).into()),
        Err(_) => {
            let seconds = AT_DISCORD.as_secs();
            let text = format!(
                "There was no answer within {seconds} seconds; its rate limit may be used up. Nothing was changed. Try again in a \
                 minute."
            );
            Err(told(id, StatusCode::SERVICE_UNAVAILABLE, "Discord does not answer", text).into())
        }
    }
}

fn failed(id: DiscordId, error: &DiscordError) -> Told {
    let (status, title, why) = match error {
        DiscordError::Unavailable { tries, fault, .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Discord cannot be reached",
            format!("It was tried {tries} times; the last time failed because {fault}"),
        ),
        DiscordError::BadAnswer { fault, .. } => {
            (StatusCode::BAD_GATEWAY, "Discord’s answer cannot be read", format!("It was asked, and {fault}"))
        }
        DiscordError::StoodStill { .. } | DiscordError::Blocked => {
            (StatusCode::SERVICE_UNAVAILABLE, "Discord does not answer just now", error.to_string())
        }
        _ => (StatusCode::BAD_GATEWAY, "Discord refuses to say", error.to_string()),
    };
    let rest = if error.is_transient() { " Try again in a few minutes." } else { "" };
    told(id, status, title, format!("{why}. Nothing was changed.{rest}"))
}

async fn file(intake: &Intake, id: DiscordId, sighting: Sighting, who: String) -> Result<crate::domain::RunId, Refusal> {
    intake.file_delta(vec![sighting], Source::Discord, who).await.map_err(|refusal| match refusal {
        intake::Refusal::Store(error) => error.into(),
        other => told(id, StatusCode::INTERNAL_SERVER_ERROR, "The answer could not be taken in", format!("{other}.")).into(),
    })
}

fn told(id: DiscordId, status: StatusCode, title: &'static str, text: String) -> Told {
    let log = format!("member {id} could not be synced: {text}");
    let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(30);
    let ways = vec![(format!("{MEMBERS}{id}/"), "Back to the member")];
    Told { status, title, text, ways, retry_after, log }
}

/// What came of it, step by step.
pub(super) struct Sync {
    pub state: Badge,
    /// Where the run is.
    pub run: String,
    pub steps: Vec<Step>,
    /// Where to look again, while it has not ended.
    pub again: Option<String>,
}

/// A step and what it found.
pub(super) struct Step {
    pub title: &'static str,
    pub at: Option<When>,
    pub text: String,
    /// An account that it is about: where it is, and its name.
    pub account: Option<(String, String)>,
    pub changes: Vec<Change>,
}

impl Step {
    fn new(title: &'static str, text: impl Into<String>) -> Self {
        Self { title, at: None, text: text.into(), account: None, changes: Vec::new() }
    }
}

impl Sync {
    /// What the run of this id did to the member; `None` if that cannot be told any more.
    pub async fn find(app: &App, run: &str, row: &MemberRow, names: &RoleNames) -> Result<Option<Self>, Refusal> {
        let none = || Refusal::Query("“run” must be a sync of one member; such syncs are kept for a day or so.".to_owned());
        let run = app.state.read.run(run.parse().map_err(|_| none())?).await?.ok_or_else(none)?;
        if run.mode != Mode::Delta || run.act.is_some() || run.progress.members_total != 1 {
            return Err(none());
        }
        let id = row.member.id.get();
        let place = ChangeCursor { id: id - 1, number: i64::MAX };
        let changes = app.state.read.changes(run.id, None, place, CHANGES).await?;
        let changes: Vec<_> = changes.into_iter().filter(|(at, _)| at.id == id).map(|(_, change)| change).collect();
        // A delta of one that is done has moved the time of its row. If it changed nothing else, and newer evidence has moved it on, or if
        // it was about somebody else, nothing is left that tells.
        let is_done = run.state == RunState::Succeeded && run.counts.deferred == 0;
        if is_done && changes.is_empty() && row.observed_at != run.observed_at {
            return Ok(None);
        }
        let mut steps = vec![Step { at: Some(run.observed_at.into()), ..Step::new("Asked", asked_by(&run)) }];
        steps.extend(match run.state {
            RunState::Succeeded => outcome(&run.counts, row, &changes, names),
            _ => vec![Step::new("Waiting", waiting(&run))],
        });
        let again = (!run.state.has_ended()).then(|| format!("{MEMBERS}{id}/?run={}", run.id));
        Ok(Some(Self { state: run.state.into(), run: format!("{RUNS}{}/", run.id), steps, again }))
    }
}

fn asked_by(run: &Run) -> String {
    if run.requested_by.is_empty() {
        "Discord was asked for this member.".to_owned()
    } else {
        format!("Discord was asked for this member, at the wish of {}.", run.requested_by)
    }
}

fn waiting(run: &Run) -> String {
    match (&run.error, run.state) {
        (Some(error), _) => error.message.clone(),
        (None, RunState::Cancelled) => "Somebody cancelled it before anything was changed.".to_owned(),
        _ => "Discord has answered, and a worker has yet to take the answer up.".to_owned(),
    }
}

/// Found, matched, changed.
fn outcome(counts: &Counts, row: &MemberRow, changes: &[crate::domain::Change], names: &RoleNames) -> Vec<Step> {
    if counts.deferred > 0 {
        let text = "Newer evidence of this member had come before the answer was taken up, so nothing was changed.";
        return vec![Step::new("Already newer", text)];
    }
    let leaves = |change: &crate::domain::Change| {
        let left = change.after.as_ref().and_then(|after| after.get("date_left"));
        change.action == Action::Left || left.is_some_and(|left| !left.is_null())
    };
    let is_gone = changes.iter().any(leaves) || (changes.is_empty() && row.date_left.is_some());
    let found = if is_gone {
        Step::new("Not found", "Discord says that they are not in the guild.")
    } else {
        Step::new("Found", "Discord says that they are in the guild.")
    };
    let matched = match &row.account {
        Some((number, name)) => Step {
            account: Some((format!("{ACCOUNTS}{number}/"), name.clone())),
            ..Step::new("Matched", "The account with this Discord id:")
        },
        None => Step::new("Matched", "No account has this Discord id."),
    };
    let made = if changes.is_empty() {
        Step::new("Changed", "Nothing: all was as it is known here.")
    } else {
        Step { changes: changes.iter().map(|change| Change::new(change, names)).collect(), ..Step::new("Changed", "") }
    };
    vec![found, matched, made]
}
