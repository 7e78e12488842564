//! A run's page kept up to date.
//!
//! Enters: whose browser wants to watch which run. Leaves: server-sent events, each the moving part of the page as markup (`live`), and a last
//! one (`ended`). The stream ends with the run, with the viewer's session, and when the server is about to stop.

use std::sync::Arc;
use std::time::Duration;

use askama::Template as _;
use futures::{Stream, stream};
use poem::http::StatusCode;
use poem::web::sse::{Event, SSE};
use poem::web::{Data, Path};
use poem::{IntoResponse as _, Request, Response, handler};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::live::LiveView;
use super::run_id;
use crate::http::pages::App;
use crate::http::pages::addresses::RUNS;
use crate::http::pages::board::{Live, Viewing};
use crate::http::pages::refusal::{Refusal, Told};
use crate::http::pages::session::{Staff, Token};

/// How often a silent stream shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often the viewer's session is looked at: whoever is logged out sees no more after this.
const LOOK: Duration = Duration::from_secs(5);

/// The events of a run.
#[handler]
pub(in crate::http::admin) async fn watch(
    _staff: Staff,
    app: Data<&Arc<App>>,
    request: &Request,
    id: poem::Result<Path<String>>,
) -> Result<Response, Refusal> {
    let id = run_id(id)?;
    app.state.read.run(id).await?.ok_or(Refusal::NoRun)?;
    let token = app.token(request.headers()).ok_or(Refusal::Stranger { next: None, has_acted: false })?;
    let viewing = app.board.view(&app.state, id).ok_or_else(crowded)?;
    let watching = Watching { app: Arc::clone(&app), token, viewing, look: look_again(), last: String::new(), over: false };
    Ok(SSE::new(events(watching)).keep_alive(HEARTBEAT).into_response())
}

fn look_again() -> Interval {
    let mut look = interval_at(Instant::now() + LOOK, LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look
}

fn crowded() -> Refusal {
    Box::new(Told {
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "Too many people are watching",
        text: "As many syncs are being watched as this site allows at once (http.live_viewers). The page of the sync reloads itself instead."
            .to_owned(),
        ways: vec![(RUNS.to_owned(), "See the syncs")],
        retry_after: Some(5),
        log: String::new(),
    })
    .into()
}

struct Watching {
    app: Arc<App>,
    token: Token,
    viewing: Viewing,
    /// When the session is looked at.
    look: Interval,
    /// What was sent last.
    last: String,
    /// The run has ended, and the browser is still to be told.
    over: bool,
}

fn events(watching: Watching) -> impl Stream<Item = Event> + Send + 'static {
    stream::unfold(Some(watching), |watching| async move {
        let mut watching = watching?;
        if watching.over {
            // An event without data would not reach the script.
            return Some((Event::message("ended").event_type("ended"), None));
        }
        let event = watching.next().await?;
        Some((event, Some(watching)))
    })
}

impl Watching {
    /// The next event; `None` when there is nobody to send one to, or nothing more to come.
    async fn next(&mut self) -> Option<Event> {
        let hurry = self.app.state.hurry.clone();
        loop {
            tokio::select! {
                changed = self.viewing.seen.changed() => {
                    changed.ok()?;
                    let seen = self.viewing.seen.borrow_and_update().clone();
                    if let Some(event) = seen.and_then(|live| self.tell(&live)) {
                        return Some(event);
                    }
                }
                _ = self.look.tick() => if !self.is_welcome().await { return None },
                () = hurry.cancelled() => return None,
            }
        }
    }

    /// The run as it stands, if that looks different from what was sent last.
    fn tell(&mut self, live: &Live) -> Option<Event> {
        let page = LiveView::new(live).render().ok()?;
        self.over = live.run.state.has_ended();
        if page == self.last && !self.over {
            return None;
        }
        self.last.clone_from(&page);
        Some(Event::message(page).event_type("live"))
    }

    /// Whether the viewer's session still lasts. With the database away nobody is sent off.
    async fn is_welcome(&self) -> bool {
        self.app.watcher(&self.token).await.is_none_or(|account| account.is_some_and(|account| account.is_staff))
    }
}
