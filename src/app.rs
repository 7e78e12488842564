//! The composition root: the one file that names every room. Turns settings into a running process, and stops it in order.

mod discord;
mod http_server;
mod roles;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigError};
use crate::discord::Patience;
use crate::domain::{Clock, DiscordId, Random, SystemClock};
use crate::intake::{Follow, Intake, IntakeLimits};
use crate::queue::{self, Queue, RedisOptions};
use crate::store::{self, Connect, Jobs, Process, Retention, ServingLock, Stores};
use crate::worker::{AskGuild, Pace, Tally, Tools};
use discord::Entries;
pub use discord::rest;
use http_server::{HttpServer, Parts};
pub use roles::Role;
use workers::Workers;

/// How often a process shows that it is alive.
const BEAT: Duration = Duration::from_secs(5);
/// How long a stopping process takes to say goodbye to the database.
const GOODBYE: Duration = Duration::from_secs(3);

/// The database of these settings.
#[must_use]
pub fn connect(config: &Config) -> Connect {
    Connect {
        url: config.database.url.clone(),
        max_connections: config.database.max_connections,
        acquire_timeout: Duration::from_secs(config.database.acquire_timeout_secs),
        statement_timeout: Duration::from_secs(config.database.statement_timeout_secs),
    }
}

/// Where Redis is, if these settings use it.
#[must_use]
pub fn redis_options(config: &Config) -> Option<RedisOptions> {
    let url = config.redis.address()?.clone();
    Some(RedisOptions { url, prefix: config.redis.prefix.clone(), host: host() })
}

fn retention(config: &Config) -> Retention {
    Retention {
        runs: TimeDelta::days(i64::from(config.retention.runs_days)),
        dry_runs: TimeDelta::days(i64::from(config.retention.dry_runs_days)),
        deltas: TimeDelta::days(1),
        events: TimeDelta::days(i64::from(config.retention.events_days)),
        failed_payloads: TimeDelta::hours(i64::from(config.retention.failed_payload_hours)),
        // Longer than any body may take.
        staged: TimeDelta::seconds(config.api.body_total_secs.cast_signed()) + TimeDelta::minutes(5),
        sessions: TimeDelta::minutes(i64::from(config.login.session_max_mins)),
        staff_log: TimeDelta::days(i64::from(config.retention.staff_log_days)),
        daily_counts: TimeDelta::days(i64::from(config.retention.daily_counts_days)),
        // Those that stop in order go at once; those that were lost are shown as such for a while.
        processes: TimeDelta::hours(1),
    }
}

/// Opens the database, brings its schema up to date and binds it to the guild of the settings. Answers the guild, if it has one.
///
/// # Errors
/// If the database cannot be used or belongs to another guild.
pub async fn open_ledger(config: &Config) -> anyhow::Result<(Stores, Option<DiscordId>)> {
    let stores = store::open(&connect(config)).await.context("the database cannot be opened")?;
    let applied = stores.upkeep.migrate().await.context("the schema cannot be brought up to date")?;
    if applied > 0 {
        tracing::info!(migrations = applied, "schema brought up to date");
    }
    let guild = match config.guild_id()? {
        Some(guild) => {
            stores.upkeep.bind_guild(guild).await?;
            Some(guild)
        }
        None => stores.upkeep.guild().await?,
    };
    Ok((stores, guild))
}

/// The intake of these settings, ringing `queue`.
#[must_use]
pub fn intake(config: &Config, stores: &Stores, queue: &Queue, clock: Arc<dyn Clock>, guild: DiscordId) -> Intake {
    let limits = IntakeLimits {
        max_body: config.api.max_body,
        max_members: config.api.max_members,
        batch_members: config.worker.batch_members,
        idle: Duration::from_secs(config.api.body_idle_secs),
        total: Duration::from_secs(config.api.body_total_secs),
        uploads: config.api.max_uploads,
    };
    Intake::new(stores.filing.clone(), queue.ring.clone(), clock, random(), guild, limits)
}

/// 32 bytes from the operating system's generator at each call.
#[must_use]
pub fn random() -> Random {
    Arc::new(rand::random)
}

fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// A running process.
pub struct Running {
    /// Where it listens, if it serves HTTP.
    pub address: Option<SocketAddr>,
    /// Its database.
    pub stores: Stores,
    /// Takes lists in, if there is a guild.
    pub intake: Option<Intake>,
    /// Follows runs.
    pub follow: Follow,
    grace: Duration,
    process: String,
    http: Option<HttpServer>,
    entries: Entries,
    workers: Option<Workers>,
    beating: JoinHandle<()>,
    _serving: ServingLock,
}

/// Which queue the process is to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Redis if the settings name one, else this process.
    AsConfigured,
    /// This process, even if the settings name Redis.
    Local,
}

/// Starts a process with these roles.
///
/// # Errors
/// If the settings do not allow it, or something it needs cannot be had.
pub async fn start(config: &Config, roles: &[Role], carrier: Carrier) -> anyhow::Result<Running> {
    start_by(config, roles, carrier, Arc::new(SystemClock)).await
}

/// As [`start`], by another clock than the machine's.
///
/// # Errors
/// As [`start`].
pub async fn start_by(config: &Config, roles: &[Role], carrier: Carrier, clock: Arc<dyn Clock>) -> anyhow::Result<Running> {
    for role in roles {
        role.check(config)?;
    }
    let redis = redis_options(config).filter(|_| carrier == Carrier::AsConfigured);
    let pace = Pace::new(redis.is_none());
    if redis.is_none() && !roles.contains(&Role::Worker) {
        return Err(ConfigError::Value {
            setting: "redis.url (REDIS_URL)",
            fault: "is not set, so jobs stay in this process, but this process has no worker role".into(),
            remedy: "add the role worker, or set REDIS_URL so that other processes can take the jobs",
        }
        .into());
    }
    let serving = ServingLock::take(&connect(config)).await?;
    let listener = if roles.contains(&Role::Http) { Some(http_server::listen(config).await?) } else { None };
    let (stores, guild) = open_ledger(config).await?;
    let rest = rest(config, redis.as_ref(), Patience::default())?;
    let queue = match redis {
        Some(options) => queue::redis(options, clock.clone()).await?,
        None => queue::local(),
    };
    let follow = Follow::new(stores.read.clone(), queue.notices.clone());
    let intake = guild.map(|guild| intake(config, &stores, &queue, clock.clone(), guild));
    let process = process(roles, clock.as_ref());
    stores.upkeep.beat(&process).await?;
    let id = process.id.clone();
    let tally = Tally::default();
    if rest.is_none() && roles.contains(&Role::Worker) {
        discord::clear_problems(&stores, &id, clock.as_ref()).await;
    }
    let workers = if roles.contains(&Role::Worker) {
        let tools = Tools {
            work: stores.work.clone(),
            upkeep: stores.upkeep.clone(),
            ring: queue.ring.clone(),
            clock: clock.clone(),
            runtime: tokio::runtime::Handle::current(),
            read: stores.read.clone(),
            roles: stores.roles.clone(),
            problems: stores.problems.clone(),
            discord: rest.clone().zip(guild).map(|(rest, guild)| AskGuild { rest, guild }),
            guard: config.guard.guard(),
            completeness: config.guard.completeness,
            pace,
            retention: retention(config),
            process: id.clone(),
            tally: tally.clone(),
            stop: CancellationToken::new(),
        };
        Some(Workers::start(&tools, &queue, config.worker.writers)?)
    } else {
        None
    };
    let entries = Entries::start(
        config,
        roles,
        discord::Parts {
            rest: rest.clone(),
            stores: stores.clone(),
            intake: intake.clone(),
            follow: follow.clone(),
            clock: clock.clone(),
            process: id.clone(),
        },
    )?;
    let beating = tokio::spawn(beat(stores.clone(), process, tally, clock.clone()));
    let parts = Parts {
        stores: stores.clone(),
        intake: intake.clone(),
        follow: follow.clone(),
        depth: queue.depth.clone(),
        rest,
        clock,
        random: random(),
        discord: entries.standing(),
    };
    let http = listener.map(|listener| HttpServer::start(listener, config, parts)).transpose()?;
    let address = http.as_ref().map(|server| server.address);
    let grace = Duration::from_secs(config.shutdown.grace_secs);
    Ok(Running { address, stores, intake, follow, grace, process: id, http, entries, workers, beating, _serving: serving })
}

fn process(roles: &[Role], clock: &dyn Clock) -> Process {
    let host = host();
    let now = clock.now();
    let unique: u32 = rand::random();
    Process {
        id: format!("{host}-{}-{unique:08x}", std::process::id()),
        host,
        roles: roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(","),
        version: env!("CARGO_PKG_VERSION").into(),
        started_at: now,
        seen_at: now,
        jobs: Jobs::default(),
    }
}

async fn beat(stores: Stores, mut process: Process, tally: Tally, clock: Arc<dyn Clock>) {
    let mut interval = tokio::time::interval(BEAT);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        interval.tick().await;
        process.seen_at = clock.now();
        process.jobs = tally.jobs();
        if let Err(error) = stores.upkeep.beat(&process).await {
            tracing::debug!(%error, "this process could not show that it is alive");
        }
    }
}

impl Running {
    /// Waits for a part of the process to end that should not; answers what ended, or never returns.
    pub async fn failed(&mut self) -> anyhow::Error {
        let http = async {
            match &mut self.http {
                Some(server) => server.failed().await,
                None => std::future::pending().await,
            }
        };
        let workers = async {
            match &mut self.workers {
                Some(workers) => workers.failed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = http => error,
            error = self.entries.failed() => error,
            error = workers => error,
        }
    }

    /// Stops in order: no longer ready, no new requests, waiting ones answered, steps in hand finished, actors and connections closed.
    /// Takes no longer than about twice `shutdown.grace_secs`.
    pub async fn stop(self) {
        if let Some(server) = self.http {
            server.stop(self.grace).await;
        }
        self.entries.stop(self.grace).await;
        if let Some(workers) = self.workers {
            workers.stop(self.grace).await;
        }
        self.beating.abort();
        let upkeep = self.stores.upkeep;
        let goodbye = async { upkeep.retire(&self.process).await.and(upkeep.close().await) };
        // Steps that were given up on may hold connections for long.
        match tokio::time::timeout(GOODBYE, goodbye).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the database was not left cleanly"),
            Err(_) => tracing::debug!("the database was not left in time"),
        }
        tracing::info!("stopped");
    }
}
