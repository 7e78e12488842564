//! ENTRY: Discord's gateway and its slash commands.
//!
//! Enters: what Discord tells the bot of members, and commands of administrators. Leaves: delta runs and full syncs, filed through `intake`;
//! replies, and reports in a channel. Imports `domain`, `intake`, `discord`, and of `store` the handles for reading, role names, replies,
//! problems and duties; never `worker`, or another entry.
//!
//! ```text
//! gateway thread    serenity: events in the order they came -> EventCollector -> a delta run now and then
//!                                                   commands -> a task each   -> a run, and a reply that is kept in SQL
//! leader            one process of all with the token has the gateway; the others stand by
//! catch-up          a full sync after whatever the gateway cannot have told
//! role names        fetched anew when the gateway tells that a role is another
//! replies           one process of all completes the replies and reports, whoever began them; also after Discord has refused every session
//! ```
//!
//! What may be lost at any moment is only in memory for a quarter of a second; after a restart, and after every session that could not be
//! resumed, a full sync says what was missed.

mod attending;
mod catch_up;
mod collector;
mod commands;
mod discover;
mod duty;
mod events;
mod gateway;
mod inquiry;
mod leader;
mod replies;
mod reports;
mod role_names;
mod say;
mod session;
mod standing;
mod troubles;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::discord::Rest;
use crate::domain::{Clock, DiscordId, Random};
use crate::intake::{Follow, Intake};
use crate::store::{Problems, Read, Replies, Roles, Upkeep};
use catch_up::CatchUp;
use collector::EventCollector;
use role_names::RoleNames;
use troubles::Troubles;

pub use standing::Standing;

/// The room's error: the bot cannot even be started.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// No HTTP client can be had.
    #[error("the bot cannot be started: no HTTP client can be made ({0}); are the system's TLS certificates readable?")]
    Client(String),
    /// The address of Discord is none.
    #[error("the bot cannot be started: discord.api_url (DISCORD_API_URL) is no address")]
    Address,
}

/// Who the bot is, and for which guild.
#[derive(Clone)]
pub struct BotOptions {
    /// Where Discord is, without a slash at its end. No connection goes to another host, unless this is Discord's own address.
    pub api_url: String,
    /// The bot's token.
    pub token: SecretString,
    /// The guild; commands from anywhere else are refused.
    pub guild: DiscordId,
    /// Where people reach the pages, without a slash at its end.
    pub public_url: String,
    /// The channel that is told of held departures, failed syncs, and results that come too late for their reply.
    pub report_channel: Option<DiscordId>,
    /// This process, as it shows itself in `processes`; the holder of duties.
    pub process: String,
    /// Most members whose changes wait for the database; with more, all are dropped, and a full sync says them.
    pub room: usize,
    /// The rhythm.
    pub pace: Pace,
}

impl BotOptions {
    /// Room for a flood of a few seconds, or for some hours of an ordinary guild; about 50 MB.
    pub const ROOM: usize = 100_000;
}

/// The rhythm of the bot. The defaults are those of design 4.2 and section 5; tests have less patience.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a duty is had without renewal.
    pub lease: Duration,
    /// How often a duty is renewed, or tried for.
    pub renew: Duration,
    /// How soon after an event its delta is filed, with whatever else has come by then.
    pub gather: Duration,
    /// How often replies and reports are looked for.
    pub look: Duration,
    /// The least time between two edits of a reply.
    pub edit: Duration,
    /// How long a reply can be changed after its command. Discord's 15 minutes, less some for the last edit.
    pub reply: TimeDelta,
    /// The least time between two full syncs that the bot files of its own accord.
    pub full_sync: TimeDelta,
    /// How long a session may be without connection before it is begun anew.
    pub patience: Duration,
    /// The least time between two sessions; Discord takes one IDENTIFY in 5 s.
    pub identify: Duration,
    /// The longest pause after failures.
    pub longest_pause: Duration,
    /// How soon the Server Members Intent is asked for again; the pause doubles up to an hour.
    pub intent: Duration,
    /// How long reports rest after one did not come through.
    pub rest: Duration,
    /// How long a stopping bot tries to file what it has collected.
    pub flush: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew: Duration::from_secs(5),
            gather: Duration::from_millis(250),
            look: Duration::from_secs(3),
            edit: Duration::from_secs(2),
            reply: TimeDelta::seconds(15 * 60 - 20),
            full_sync: TimeDelta::minutes(10),
            patience: Duration::from_secs(20),
            identify: Duration::from_secs(5),
            longest_pause: Duration::from_mins(5),
            intent: Duration::from_mins(5),
            rest: Duration::from_secs(30),
            flush: Duration::from_secs(5),
        }
    }
}

/// What the bot works with.
#[derive(Clone)]
pub struct BotTools {
    /// Files runs.
    pub intake: Intake,
    /// Follows them.
    pub follow: Follow,
    /// Reads runs.
    pub read: Arc<dyn Read>,
    /// Keeps replies until they are completed, and says what is to be reported.
    pub replies: Arc<dyn Replies>,
    /// Keeps the names of roles.
    pub roles: Arc<dyn Roles>,
    /// Keeps what a person must know of.
    pub problems: Arc<dyn Problems>,
    /// Gives duties.
    pub leases: Arc<dyn Upkeep>,
    /// Edits replies and posts reports.
    pub rest: Rest,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Spreads pauses.
    pub random: Random,
}

/// Why the bot has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// Discord does not accept the token. It has been said in the log and as a problem; only a person can help.
    WrongToken,
    /// Discord refuses every session, and would refuse the next one; what was said of it, in the log and as a problem.
    Refused(String),
    /// A defect of ours.
    Broken(String),
}

/// A running bot.
pub struct Bot {
    standing: watch::Receiver<Standing>,
    ended: watch::Receiver<Option<Ended>>,
    running: JoinHandle<()>,
}

/// What the parts of the bot share.
struct Desk {
    options: BotOptions,
    tools: BotTools,
    /// The client for the gateway's address and for first answers to commands. Every request has a timeout; none follows a redirect.
    client: reqwest::Client,
    troubles: Troubles,
    standing: watch::Sender<Standing>,
    catch_up: CatchUp,
    collector: EventCollector,
    role_names: RoleNames,
    /// Wakes whoever completes replies, when one was kept.
    kept: tokio::sync::Notify,
    /// Held while a run is marked as reported and not told yet.
    reporting: tokio::sync::Mutex<()>,
}

/// How long a first answer to a command, or the gateway's address, may take. Discord waits 3 s for the former.
const QUICK: Duration = Duration::from_millis(2_500);
/// How long an edit, a post or a step of the database may take before the bot goes on without.
const STEP: Duration = Duration::from_secs(10);

impl Bot {
    /// Starts the bot. It runs until `stop`, or until Discord refuses the token, or every session.
    ///
    /// # Errors
    /// [`BotError`] if it cannot be started at all.
    pub fn start(options: BotOptions, tools: BotTools, stop: CancellationToken) -> Result<Self, BotError> {
        let client = reqwest::Client::builder()
            // Discord refuses programs that do not say whose they are. Serenity's client says it of itself.
            .user_agent(format!("DiscordBot ({}, {})", options.public_url, env!("CARGO_PKG_VERSION")))
            // The token goes to no other host than the one that was named.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(QUICK)
            .build()
            .map_err(|error| BotError::Client(error.to_string()))?;
        url::Url::parse(&options.api_url).map_err(|_| BotError::Address)?;
        let (standing, seen) = watch::channel(Standing::Standby);
        let desk = Arc::new(Desk {
            client,
            troubles: Troubles::new(),
            standing,
            catch_up: CatchUp::new(),
            collector: EventCollector::new(options.room),
            role_names: RoleNames::new(),
            kept: tokio::sync::Notify::new(),
            reporting: tokio::sync::Mutex::new(()),
            options,
            tools,
        });
        let (ending, ended) = watch::channel(None);
        let running = tokio::spawn(async move {
            // A task of its own, so that a panic is an end like others.
            let ended = tokio::spawn(desk.run(stop, ending.clone())).await;
            ending.send_replace(Some(ended.unwrap_or_else(|panic| Ended::Broken(panic.to_string()))));
        });
        Ok(Self { standing: seen, ended, running })
    }

    /// How the bot stands with Discord, now and from now on.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Waits for the bot to end; answers why it did, as often as it is asked. One whose every session is refused still completes replies and
    /// reports, until it is told to stop.
    pub async fn ended(&mut self) -> Ended {
        let ended = self.ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone());
        ended.unwrap_or_else(|| Ended::Broken("it has vanished".to_owned()))
    }

    /// Waits until nothing of the bot is left, once it has been told to stop.
    pub async fn gone(self) {
        // The outer task cannot panic.
        let _ = self.running.await;
    }
}

impl Desk {
    /// Runs all parts until `stop`, or the end of the leading one; then ends the others in order. `ending` is told of an end that comes before
    /// that of all parts.
    async fn run(self: Arc<Self>, stop: CancellationToken, ending: watch::Sender<Option<Ended>>) -> Ended {
        // Of those parts that live by the gateway, and of those that speak.
        let (stopping, silent) = (stop.child_token(), stop.child_token());
        let (gateway_closed, over) = (CancellationToken::new(), CancellationToken::new());
        let leading = async {
            let ended = leader::lead(&self, &stopping).await;
            stopping.cancel();
            // What the gateway told last is filed before the end.
            gateway_closed.cancel();
            self.standing.send_replace(match ended {
                Ended::WrongToken => Standing::WrongToken,
                Ended::Refused(_) => Standing::Refused,
                _ => Standing::Ended,
            });
            match ended {
                // Only the gateway is closed to us: whoever is owed a reply gets it, and held departures are still news.
                Ended::Refused(_) => {
                    ending.send_replace(Some(ended.clone()));
                    stop.cancelled().await;
                }
                Ended::WrongToken => reports::log_all(&self).await,
                Ended::Stopped | Ended::Broken(_) => {}
            }
            silent.cancel();
            over.cancel();
            ended
        };
        // Whatever was wrong with the channel may be mended; if not, the next report says so.
        self.troubles.clear(troubles::Trouble::Channel);
        let collecting = self.collector.run(&self, &gateway_closed);
        let catching_up = self.catch_up.run(&self, &stopping);
        let naming = self.role_names.run(&self, &stopping);
        let replying = replies::run(&self, &silent);
        let noting = self.troubles.run(&self, &over);
        let (ended, (), (), (), (), ()) = tokio::join!(leading, collecting, catching_up, naming, replying, noting);
        ended
    }
}
