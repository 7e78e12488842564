//! What a process has to do with Discord: the REST client within the shared budget, the bot, and the schedule.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Role, random};
use crate::bot::{self, Bot, BotOptions, BotTools};
use crate::config::Config;
use crate::cron;
use crate::discord::{Budget, DiscordError, LocalBudget, Patience, RedisBudget, Rest, RestOptions};
use crate::domain::Clock;
use crate::intake::{Follow, Intake};
use crate::queue::RedisOptions;
use crate::store::{GONE_AFTER, StoreError, Stores};

/// The client of Discord's REST API, if these settings have a token. Processes that share a Redis share the budget, too.
///
/// # Errors
/// If the settings cannot be used.
pub fn rest(config: &Config, redis: Option<&RedisOptions>, patience: Patience) -> anyhow::Result<Option<Rest>> {
    let Some(token) = config.discord.bot_token() else { return Ok(None) };
    let budget: Arc<dyn Budget> = match redis {
        Some(redis) => Arc::new(RedisBudget::new(&redis.url, &redis.prefix)?),
        None => Arc::new(LocalBudget::new()),
    };
    let options = RestOptions {
        api_url: config.discord.api_url().to_owned(),
        token: token.clone(),
        home: config.public_url().to_owned(),
        random: random(),
        patience,
    };
    Ok(Some(Rest::new(options, budget)?))
}

/// Clears the problems that only a process with a token finds and clears, for one without: whoever takes the token away has nothing to mend any
/// more. Those of a bot that runs elsewhere stay.
pub(super) async fn clear_problems(stores: &Stores, process: &str, clock: &dyn Clock) {
    let clearing = async {
        let alive = stores.read.processes(clock.now() - GONE_AFTER).await?;
        let is_bot = |roles: &str| roles.split(',').any(|role| role == Role::Bot.as_str());
        if alive.iter().any(|other| other.id != process && is_bot(&other.roles)) {
            return Ok(());
        }
        for problem in stores.read.problems().await? {
            if problem.code == "roster" || problem.code.starts_with("bot_") {
                stores.problems.clear_problem(&problem.code).await?;
            }
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = clearing.await {
        tracing::debug!(%error, "problems of a token that is gone could not be cleared");
    }
}

/// What the bot and the schedule are made of.
pub(super) struct Parts {
    pub rest: Option<Rest>,
    pub stores: Stores,
    pub intake: Option<Intake>,
    pub follow: Follow,
    pub clock: Arc<dyn Clock>,
    pub process: String,
}

/// The bot and the schedule of a process, those that it has.
pub(super) struct Entries {
    bot: Option<Bot>,
    /// Nothing else is done here, so that the end of the bot is the end of the process.
    only_bot: bool,
    cron: Option<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Entries {
    /// Starts those of `roles`.
    pub fn start(config: &Config, roles: &[Role], parts: Parts) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let mut entries =
            Self { bot: None, only_bot: roles.iter().all(|role| *role == Role::Bot), cron: None, stop: stop.clone() };
        let Some(intake) = parts.intake else { return Ok(entries) };
        if roles.contains(&Role::Cron)
            && let Some(period) = config.full_sync()?
        {
            entries.cron = Some(tokio::spawn(cron::run(intake.clone(), period, Arc::clone(&parts.clock), stop.clone())));
        }
        if roles.contains(&Role::Bot)
            && let (Some(token), Some(rest)) = (config.discord.bot_token(), parts.rest)
        {
            let options = BotOptions {
                api_url: config.discord.api_url().to_owned(),
                token: token.clone(),
                guild: intake.guild(),
                public_url: config.public_url().to_owned(),
                report_channel: config.report_channel()?,
                process: parts.process,
                room: BotOptions::ROOM,
                pace: bot::Pace::default(),
            };
            let tools = BotTools {
                intake,
                follow: parts.follow,
                read: parts.stores.read,
                replies: parts.stores.replies,
                roles: parts.stores.roles,
                problems: parts.stores.problems,
                leases: parts.stores.upkeep,
                rest,
                clock: parts.clock,
                random: random(),
            };
            entries.bot = Some(Bot::start(options, tools, stop).context("the bot cannot be started")?);
        }
        Ok(entries)
    }

    /// Tells how the bot stands with Discord; nothing without a bot.
    pub fn standing(&self) -> Arc<dyn Fn() -> Option<String> + Send + Sync> {
        let standing = self.bot.as_ref().map(Bot::standing);
        Arc::new(move || standing.as_ref().map(|standing| standing.borrow().to_string()))
    }

    /// Waits for something to end that should not, and that the process cannot do without; answers what.
    pub async fn failed(&mut self) -> anyhow::Error {
        let cron = async {
            match &mut self.cron {
                Some(cron) => match cron.await {
                    Ok(()) => anyhow::anyhow!("the schedule ended of its own accord"),
                    Err(panic) => anyhow::Error::new(panic).context("the schedule panicked"),
                },
                None => std::future::pending().await,
            }
        };
        let only_bot = self.only_bot;
        let bot = async {
            let Some(bot) = &mut self.bot else { return std::future::pending().await };
            match bot.ended().await {
                bot::Ended::Stopped => anyhow::anyhow!("the bot ended of its own accord"),
                bot::Ended::Broken(fault) => anyhow::anyhow!("the bot broke: {fault}"),
                bot::Ended::WrongToken if only_bot => {
                    anyhow::anyhow!("{}. This process has no other role", DiscordError::WrongToken)
                }
                bot::Ended::Refused(message) if only_bot => anyhow::anyhow!("{message} This process has no other role"),
                // It has said so; the other roles serve on.
                bot::Ended::WrongToken | bot::Ended::Refused(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            error = cron => error,
            error = bot => error,
        }
    }

    /// Leaves Discord in order.
    pub async fn stop(self, grace: Duration) {
        self.stop.cancel();
        if let Some(bot) = self.bot
            && tokio::time::timeout(grace, bot.gone()).await.is_err()
        {
            tracing::warn!("the bot did not leave in time; what it had not filed comes with the next full sync");
        }
    }
}
