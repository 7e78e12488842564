//! Has the gateway: begins sessions, hands on what they tell, and begins them anew with pauses while Discord is away.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serenity::all::{Context, Event, GatewayIntents, RawEventHandler};
use serenity::http::{Http, HttpBuilder};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::attending::Attending;
use super::commands::Commands;
use super::discover::{NoGateway, discover};
use super::events::{self, Told};
use super::inquiry;
use super::session::{self, Closed, Opening};
use super::troubles::Trouble;
use super::{Desk, Standing, say};

/// The first pause after a failure; it doubles up to `Pace::longest_pause`.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two tries for the Server Members Intent.
const LONGEST_INTENT_PAUSE: Duration = Duration::from_hours(1);
/// Notices of sessions that may wait.
const NOTICES: usize = 256;
/// How long a session may take to be closed.
const LEAVE: Duration = Duration::from_secs(10);

/// Why no further session is begun: only a person can help.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Discord refuses the token.
    Token,
    /// Discord refuses every session; what was said of it.
    Sessions(String),
}

/// What the leader knows of its sessions.
pub(super) struct Gateway {
    pub desk: Arc<Desk>,
    pub http: Arc<Http>,
    /// Whether this session, or else the next, asks for the Server Members Intent.
    pub privileged: bool,
    /// How long until the intent is asked for again.
    intent_pause: Duration,
    /// How long until the next session after a failure.
    pause: Duration,
    /// When a session was last asked for.
    asked: Option<Instant>,
    /// When sessions began of late, also those that serenity began of its own accord.
    pub begun: Vec<Instant>,
}

/// Why a session is over.
enum Over {
    Closed(Closed),
    /// It is time to ask for the intent again.
    AskForIntent,
    /// Discord ends sessions as soon as they have begun.
    Restless,
}

/// Serenity's side of our ears. Runs on the gateway's thread.
struct Ears {
    desk: Arc<Desk>,
    commands: Commands,
    notices: mpsc::Sender<Told>,
    main: tokio::runtime::Handle,
}

#[serenity::async_trait]
impl RawEventHandler for Ears {
    async fn raw_event(&self, _: Context, event: Event) {
        match events::read(event, self.desk.options.guild) {
            None => {}
            Some(Told::Member(Ok(seen))) => self.desk.collector.add(seen, self.desk.tools.clock.now()),
            Some(Told::Member(Err(odd))) => {
                tracing::warn!(fault = odd.fault, "what was told of a member cannot be kept and is left out");
            }
            Some(Told::RolesChanged) => self.desk.role_names.wish(),
            // Discord waits for 3 s, so nothing may stand before it.
            Some(Told::Command(command)) => self.commands.answer(*command, &self.main),
            Some(Told::Unreadable(kind)) => {
                tracing::error!(
                    kind,
                    "Discord sent an event that this version of the bot cannot read; is there a newer version?"
                );
            }
            Some(notice) => self.hand_on(notice),
        }
    }
}

impl Ears {
    /// Hands on what a session tells of itself. It is little, and whoever takes it never waits.
    fn hand_on(&self, notice: Told) {
        if self.notices.try_send(notice).is_err() {
            tracing::warn!("a notice of the gateway found no room");
        }
    }
}

impl Gateway {
    pub fn new(desk: Arc<Desk>) -> Self {
        let http = HttpBuilder::new(desk.options.token.expose_secret())
            .client(desk.client.clone())
            .proxy(&desk.options.api_url)
            // Serenity's limiter ignores the proxy: it would send the token to Discord, wherever the settings say that Discord is.
            .ratelimiter_disabled(true)
            .build();
        let (pause, intent_pause) = (FIRST_PAUSE, desk.options.pace.intent);
        Self { desk, http: Arc::new(http), privileged: true, intent_pause, pause, asked: None, begun: Vec::new() }
    }

    /// All is well: what failed has failed long ago.
    pub fn recovered(&mut self) {
        self.pause = FIRST_PAUSE;
    }

    /// Discord grants the intent.
    pub fn granted(&mut self) {
        self.intent_pause = self.desk.options.pace.intent;
    }

    /// Keeps a session up until `stop`.
    pub async fn run(&mut self, stop: &CancellationToken) -> Result<(), Refused> {
        self.recovered();
        loop {
            let tried = stop.run_until_cancelled(self.next_url()).await;
            let url = match tried {
                None => return Ok(()),
                Some(Ok(url)) => url,
                Some(Err(error)) => {
                    self.fail(&error.to_string(), stop).await;
                    continue;
                }
            };
            let over = self.session(url.clone(), stop).await;
            match self.explained(over, &url, stop).await {
                Over::Closed(Closed::Stopped) => return Ok(()),
                Over::Closed(Closed::WrongToken) => return self.wrong_token(),
                Over::Closed(Closed::Refused(code)) => return self.refused(code),
                Over::Closed(Closed::IntentRefused) if self.privileged => {
                    self.privileged = false;
                    self.desk.troubles.note(Trouble::Intent, &say::intent());
                }
                Over::AskForIntent => {
                    self.privileged = true;
                    self.intent_pause = (self.intent_pause * 2).min(LONGEST_INTENT_PAUSE);
                }
                Over::Closed(Closed::IntentRefused) => self.fail("Discord refuses an intent that nobody asked for", stop).await,
                Over::Closed(Closed::Broken(reason)) => self.fail(&reason, stop).await,
                Over::Restless => {
                    self.pause = self.desk.options.pace.longest_pause * 2;
                    self.begun.clear();
                    self.fail(&say::restless(), stop).await;
                }
            }
        }
    }

    /// Waits until a session may be begun, and asks where.
    async fn next_url(&mut self) -> Result<String, NoGateway> {
        if let Some(asked) = self.asked {
            sleep_until(asked + self.desk.options.pace.identify).await;
        }
        // Away is what it stays until there is a connection again.
        self.desk.standing.send_if_modified(|standing| {
            let begins = !matches!(standing, Standing::Away(_));
            if begins {
                *standing = Standing::Connecting;
            }
            begins
        });
        discover(&self.desk).await
    }

    /// Says that there is no connection, and pauses.
    async fn fail(&mut self, reason: &str, stop: &CancellationToken) {
        self.desk.standing.send_replace(Standing::Away(reason.to_owned()));
        self.desk.troubles.note(Trouble::Gateway, &say::gateway(reason));
        // Spread by up to a half, so that not all bots of the world come back at one moment.
        let spread = f64::from((self.desk.tools.random)()[0]) / 512.0;
        let _ = stop.run_until_cancelled(sleep(self.pause.mul_f64(1.0 + spread))).await;
        self.pause = (self.pause * 2).min(self.desk.options.pace.longest_pause);
    }

    /// Every session is refused, and would be: that is said, and none is begun any more.
    fn refused(&self, code: u16) -> Result<(), Refused> {
        let message = say::refused(code);
        self.desk.standing.send_replace(Standing::Refused);
        self.desk.troubles.clear(Trouble::Gateway);
        self.desk.troubles.note(Trouble::Sessions, &message);
        Err(Refused::Sessions(message))
    }

    fn wrong_token(&self) -> Result<(), Refused> {
        self.desk.standing.send_replace(Standing::WrongToken);
        self.desk.troubles.note(Trouble::Token, &say::token());
        Err(Refused::Token)
    }

    /// How a session is over; of one that broke before it had begun Discord is asked, which serenity does not always tell.
    async fn explained(&mut self, over: Over, url: &str, stop: &CancellationToken) -> Over {
        let began = self.begun.last().copied() >= self.asked;
        if began || !matches!(over, Over::Closed(Closed::Broken(_))) {
            return over;
        }
        let (options, intents) = (&self.desk.options, self.intents());
        let asking = async {
            sleep(options.pace.identify).await;
            inquiry::close_code(url, &options.token, intents).await
        };
        let code = stop.run_until_cancelled(asking).await.flatten();
        self.asked = Some(Instant::now());
        code.and_then(Closed::by_code).map_or(over, Over::Closed)
    }

    /// What a session is to be told of.
    fn intents(&self) -> GatewayIntents {
        let members = if self.privileged { GatewayIntents::GUILD_MEMBERS } else { GatewayIntents::empty() };
        GatewayIntents::GUILDS | members
    }

    /// One session, from its beginning to its end; it is closed when this returns.
    async fn session(&mut self, url: String, stop: &CancellationToken) -> Over {
        let (sender, mut notices) = mpsc::channel(NOTICES);
        let ears = Ears {
            desk: self.desk.clone(),
            commands: Commands::new(self.desk.clone(), self.http.clone()),
            notices: sender,
            main: tokio::runtime::Handle::current(),
        };
        let closing = stop.child_token();
        self.asked = Some(Instant::now());
        let opening = Opening {
            url,
            http: self.http.clone(),
            intents: self.intents(),
            handler: Arc::new(ears),
            patience: self.desk.options.pace.patience,
        };
        let mut closed = session::open(opening, closing.clone());
        let stuck = async {
            stop.cancelled().await;
            sleep(LEAVE).await;
        };
        let over = tokio::select! {
            over = self.attend(&mut closed, &mut notices) => over,
            () = stuck => Over::Closed(Closed::Stopped),
        };
        closing.cancel();
        if !matches!(over, Over::Closed(_)) && timeout(LEAVE, closed).await.is_err() {
            tracing::warn!("a session did not close in time; it is left behind");
        }
        over
    }

    /// Attends to a session until it ends, or is to be ended.
    async fn attend(&mut self, closed: &mut oneshot::Receiver<Closed>, notices: &mut mpsc::Receiver<Told>) -> Over {
        let ask_again = Instant::now() + self.intent_pause;
        let mut attending = Attending::new(self);
        loop {
            tokio::select! {
                closed = &mut *closed => {
                    return Over::Closed(closed.unwrap_or_else(|_| Closed::Broken("the gateway's thread has ended".into())));
                }
                () = sleep_until(ask_again), if !attending.is_privileged() => return Over::AskForIntent,
                Some(notice) = notices.recv() => {
                    if attending.take(&notice) {
                        return Over::Restless;
                    }
                }
            }
        }
    }
}
