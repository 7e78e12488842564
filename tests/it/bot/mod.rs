//! The bot against a Discord over real sockets: gateway, commands, replies. Workers and bots run in the test's own process on an embedded
//! database, so that a test can hurry them and take their duties away; `kills` runs the built program.

mod commands;
mod events;
mod hosts;
mod kills;
mod outages;
mod replies;
mod sessions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use guildsync::app::{self, Carrier, Role, Running};
use guildsync::bot::{Bot, BotOptions, BotTools, Ended, Pace, Standing};
use guildsync::config::{Config, Flags};
use guildsync::discord::Patience;
use guildsync::domain::{DiscordId, MemberRow, Mode, Run, RunState, Source, SystemClock};
use guildsync::intake::Intake;
use guildsync::store::{MemberPage, Stores};
use tokio_util::sync::CancellationToken;

use super::support::discord::{self, Fake, GUILD, Route, TOKEN};
use super::support::sqlite::{TempSqlite, migrated};
use super::support::{DEADLINE, eventually};

/// Where people find the pages.
const PAGES: &str = "https://members.example.org";
/// The channel for reports, once [`Site::with_channel`] has made it.
const CHANNEL: u64 = 500_000_000_000_000_005;
/// Ids of the members that a test begins with.
const FIRST: u64 = 1_000_000;

/// A bot in a hurry. Syncs of its own accord may follow one another at once.
fn quick() -> Pace {
    Pace {
        lease: Duration::from_secs(3),
        renew: Duration::from_millis(100),
        look: Duration::from_millis(50),
        edit: Duration::from_millis(100),
        full_sync: TimeDelta::zero(),
        identify: Duration::from_millis(50),
        longest_pause: Duration::from_millis(500),
        rest: Duration::from_millis(500),
        ..Pace::default()
    }
}

/// A Discord, a database, and workers.
struct Site {
    discord: Fake,
    running: Running,
    config: Config,
    channel: Option<u64>,
    place: TempSqlite,
}

/// A bot. It is told to stop when this goes.
struct Robot {
    bot: Bot,
    stop: CancellationToken,
}

impl Drop for Robot {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Site {
    /// With so many members in the guild, and limits that stand in nobody's way.
    async fn of(members: u64) -> Self {
        let discord = Fake::start().await;
        discord.world(|world| {
            world.put_many(FIRST, members);
            world.limits.set(Route::Members, 1_000, Duration::from_secs(1));
            world.limits.set(Route::Member, 1_000, Duration::from_secs(1));
            world.limits.global.requests = 10_000;
        });
        let place = migrated().await;
        let settings = [
            ("DATABASE_URL", place.url()),
            ("GUILD_ID", GUILD.to_string()),
            ("DISCORD_TOKEN", TOKEN.to_owned()),
            ("DISCORD_API_URL", discord.url()),
            ("PUBLIC_URL", PAGES.to_owned()),
        ];
        let environment: BTreeMap<String, String> = settings.map(|(name, value)| (name.to_owned(), value)).into();
        let config = Config::load(&environment, &Flags::default()).unwrap();
        let running = app::start(&config, &[Role::Worker], Carrier::Local).await.unwrap();
        Self { discord, running, config, channel: None, place }
    }

    /// With a channel for reports.
    fn with_channel(mut self) -> Self {
        self.discord.world(|world| world.channels.insert(CHANNEL, true));
        self.channel = Some(CHANNEL);
        self
    }

    fn stores(&self) -> &Stores {
        &self.running.stores
    }

    fn intake(&self) -> Intake {
        self.running.intake.clone().unwrap()
    }

    fn options(&self, pace: Pace) -> BotOptions {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        BotOptions {
            api_url: self.config.discord.api_url().to_owned(),
            token: self.config.discord.token.clone(),
            guild: self.intake().guild(),
            public_url: self.config.public_url().to_owned(),
            report_channel: self.channel.map(|channel| DiscordId::try_from(channel).unwrap()),
            process: format!("bot-{}", STARTED.fetch_add(1, Ordering::Relaxed)),
            room: BotOptions::ROOM,
            pace,
        }
    }

    fn tools(&self) -> BotTools {
        let stores = self.stores();
        BotTools {
            intake: self.intake(),
            follow: self.running.follow.clone(),
            read: stores.read.clone(),
            replies: stores.replies.clone(),
            roles: stores.roles.clone(),
            problems: stores.problems.clone(),
            leases: stores.upkeep.clone(),
            rest: app::rest(&self.config, None, Patience::default()).unwrap().unwrap(),
            clock: Arc::new(SystemClock),
            random: app::random(),
        }
    }

    /// Starts a bot in a hurry.
    fn bot(&self) -> Robot {
        self.bot_with(quick())
    }

    fn bot_with(&self, pace: Pace) -> Robot {
        let stop = CancellationToken::new();
        let bot = Bot::start(self.options(pace), self.tools(), stop.clone()).unwrap();
        Robot { bot, stop }
    }

    /// Starts a bot and waits until its first full sync has ended.
    async fn settled(&self) -> Robot {
        self.settled_with(quick()).await
    }

    async fn settled_with(&self, pace: Pace) -> Robot {
        let robot = self.bot_with(pace);
        robot.stands(&Standing::Connected).await;
        self.fetches(1).await;
        robot
    }

    /// Waits until so many full syncs from Discord have been filed, and all of them have ended; answers them, newest first.
    async fn fetches(&self, count: usize) -> Vec<Run> {
        let mut found = Vec::new();
        eventually(&format!("{count} full syncs have ended"), async || {
            found = self.runs(false).await;
            found.retain(|run| run.source == Source::Discord && run.mode == Mode::Full);
            found.len() >= count && found.iter().all(|run| run.state.has_ended())
        })
        .await;
        assert_eq!(found.len(), count, "{found:?}");
        found
    }

    async fn runs(&self, deltas: bool) -> Vec<Run> {
        self.stores().read.runs(deltas, 1_000).await.unwrap()
    }

    /// Members by id.
    async fn rows(&self) -> BTreeMap<u64, MemberRow> {
        let rows = self.stores().read.members(MemberPage { after: None, limit: 100_000 }).await.unwrap();
        rows.into_iter().map(|row| (row.member.id.get().unsigned_abs(), row)).collect()
    }

    /// Waits for the row of a member to be as `look` wants it.
    async fn row(&self, id: u64, what: &str, look: impl Fn(&MemberRow) -> bool) -> MemberRow {
        let id = DiscordId::try_from(id).unwrap();
        let mut found = None;
        eventually(&format!("the row of {id} says that {what}"), async || {
            found = self.stores().read.member(id).await.unwrap();
            found.as_ref().is_some_and(&look)
        })
        .await;
        found.unwrap()
    }

    /// Waits until a problem stands, and answers what it says.
    async fn problem(&self, code: &str) -> String {
        let mut message = None;
        eventually(&format!("the problem {code} stands"), async || {
            let problems = self.stores().read.problems().await.unwrap();
            message = problems.into_iter().find(|problem| problem.code == code).map(|problem| problem.message);
            message.is_some()
        })
        .await;
        message.unwrap()
    }

    /// Waits until a problem stands no more.
    async fn no_problem(&self, code: &str) {
        eventually(&format!("the problem {code} is over"), async || {
            self.stores().read.problems().await.unwrap().iter().all(|problem| problem.code != code)
        })
        .await;
    }

    /// What was posted into the channel so far.
    fn posted(&self) -> Vec<String> {
        self.discord.world(|world| {
            let posts = world.messages.iter().filter(|post| post.channel == CHANNEL);
            posts.map(|post| post.message["content"].as_str().unwrap().to_owned()).collect()
        })
    }

    /// Waits until something was posted into the channel that contains `part`; answers all that was.
    async fn posted_with(&self, part: &str) -> Vec<String> {
        eventually(&format!("{part:?} is posted"), async || self.posted().iter().any(|post| post.contains(part))).await;
        self.posted()
    }
}

impl Robot {
    /// Waits until the bot stands so with Discord.
    async fn stands(&self, wanted: &Standing) {
        self.stands_so(&format!("{wanted}"), |standing| standing == wanted).await;
    }

    async fn stands_so(&self, what: &str, wanted: impl Fn(&Standing) -> bool) {
        let mut standing = self.bot.standing();
        let waiting = standing.wait_for(|standing| wanted(standing));
        let seen = tokio::time::timeout(DEADLINE, waiting).await;
        assert!(seen.is_ok(), "waited in vain for the bot to be {what}; it is {}", *self.bot.standing().borrow());
    }

    /// Stops the bot and waits for its end.
    async fn stop(mut self) {
        self.stop.cancel();
        assert_eq!(self.ended().await, Ended::Stopped);
    }

    async fn ended(&mut self) -> Ended {
        tokio::time::timeout(DEADLINE, self.bot.ended()).await.expect("the bot ends in time")
    }
}

/// The state and the departures that are held of a run.
fn state(run: &Run) -> (RunState, i64) {
    (run.state, run.counts.departures_held)
}
