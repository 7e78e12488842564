//! The composition root: the one file that names every room. Turns settings into a running process, and stops it in order.

mod actors;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use poem::listener::TcpAcceptor;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use actors::ActorThread;

use crate::config::{Config, ConfigError};
use crate::domain::{Clock, DiscordId, Random, SystemClock};
use crate::http::{self, AdminState, ApiState};
use crate::intake::{Follow, Intake, IntakeLimits};
use crate::queue::{self, Queue, RedisOptions};
use crate::store::{self, Connect, Process, Retention, ServingLock, Stores};
use crate::worker::{Pace, Tools, Workforce};

/// How often a process shows that it is alive.
const BEAT: Duration = Duration::from_secs(5);
/// After how long without a heartbeat (one every 5 s) a process counts as gone.
pub const GONE_AFTER: TimeDelta = TimeDelta::seconds(20);

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Role {
    /// Serves the API and the pages.
    Http,
    /// Carries runs out.
    Worker,
}

impl Role {
    /// The role's word in settings and in `processes`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Worker => "worker",
        }
    }
}

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
        failed_payloads: TimeDelta::hours(i64::from(config.retention.failed_payload_hours)),
        // Longer than any body may take.
        staged: TimeDelta::seconds(config.api.body_total_secs.cast_signed()) + TimeDelta::minutes(5),
        sessions: TimeDelta::minutes(i64::from(config.login.session_max_mins)),
        processes: TimeDelta::days(1),
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
pub fn intake(config: &Config, stores: &Stores, queue: &Queue, guild: DiscordId) -> Intake {
    let limits = IntakeLimits {
        max_body: config.api.max_body,
        max_members: config.api.max_members,
        batch_members: config.worker.batch_members,
        idle: Duration::from_secs(config.api.body_idle_secs),
        total: Duration::from_secs(config.api.body_total_secs),
        uploads: config.api.max_uploads,
    };
    Intake::new(stores.filing.clone(), queue.ring.clone(), Arc::new(SystemClock), random(), guild, limits)
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
    stopping: Arc<AtomicBool>,
    hurry: CancellationToken,
    http: Option<HttpServer>,
    workers: Option<Workers>,
    beating: JoinHandle<()>,
    _serving: ServingLock,
}

struct HttpServer {
    stop: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

struct Workers {
    workforce: Workforce,
    stop: CancellationToken,
    taking: JoinHandle<()>,
    actors: ActorThread,
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
    let redis = redis_options(config).filter(|_| carrier == Carrier::AsConfigured);
    if redis.is_none() && !roles.contains(&Role::Worker) {
        return Err(ConfigError::Value {
            setting: "redis.url (REDIS_URL)",
            fault: "is not set, so jobs stay in this process, but this process has no worker role".into(),
            remedy: "add the role worker, or set REDIS_URL so that other processes can take the jobs",
        }
        .into());
    }
    let serving = ServingLock::take(&connect(config)).await?;
    let listener = if roles.contains(&Role::Http) { Some(listen(config).await?) } else { None };
    let (stores, guild) = open_ledger(config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let local = redis.is_none();
    let queue = match redis {
        Some(options) => queue::redis(options, clock.clone()).await?,
        None => queue::local(),
    };
    let process = process(roles, clock.as_ref());
    stores.upkeep.beat(&process).await?;
    let id = process.id.clone();
    let beating = tokio::spawn(beat(stores.clone(), process, clock.clone()));
    let workers = if roles.contains(&Role::Worker) {
        let tools = Tools {
            work: stores.work.clone(),
            upkeep: stores.upkeep.clone(),
            ring: queue.ring.clone(),
            clock: clock.clone(),
            runtime: tokio::runtime::Handle::current(),
            guard: config.guard.guard(),
            pace: Pace::new(local),
            retention: retention(config),
            process: id.clone(),
        };
        Some(start_workers(&tools, &queue, config.worker.writers)?)
    } else {
        None
    };
    let stopping = Arc::new(AtomicBool::new(false));
    let hurry = CancellationToken::new();
    let follow = Follow::new(stores.read.clone(), queue.notices.clone());
    let intake = guild.map(|guild| intake(config, &stores, &queue, guild));
    let (address, http) = match listener {
        Some(listener) => {
            let api = ApiState {
                intake: intake.clone(),
                follow: follow.clone(),
                read: stores.read.clone(),
                clock: clock.clone(),
                keys: config.api.keys(),
                wait: Duration::from_secs(config.api.wait_secs),
                wrong_keys: config.api.wrong_keys_per_minute,
                stopping: stopping.clone(),
                hurry: hurry.clone(),
            };
            let admin = AdminState {
                read: stores.read.clone(),
                accounts: stores.accounts.clone(),
                sessions: stores.sessions.clone(),
                clock,
                random: random(),
                login: config.login.clone(),
                public_url: config.public_url().to_owned(),
            };
            let (address, serving) = serve(listener, config, api, admin)?;
            (Some(address), Some(serving))
        }
        None => (None, None),
    };
    let grace = Duration::from_secs(config.shutdown.grace_secs);
    Ok(Running {
        address,
        stores,
        intake,
        follow,
        grace,
        process: id,
        stopping,
        hurry,
        http,
        workers,
        beating,
        _serving: serving,
    })
}

async fn listen(config: &Config) -> anyhow::Result<tokio::net::TcpListener> {
    let bind = config.bind()?;
    tokio::net::TcpListener::bind(bind).await.with_context(|| {
        format!("cannot listen on {bind} (http.bind, HTTP_BIND); is another program using the port, or may only root use it?")
    })
}

fn serve(
    listener: tokio::net::TcpListener,
    config: &Config,
    api: ApiState,
    admin: AdminState,
) -> anyhow::Result<(SocketAddr, HttpServer)> {
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let grace = Duration::from_secs(config.shutdown.grace_secs);
    // A request that waits for its run is silent for that long.
    let idle = Duration::from_secs(config.api.wait_secs) + Duration::from_mins(1);
    let server = poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?).idle_timeout(idle);
    let stopped = stop.clone();
    let routes = http::routes(api, admin);
    let serving =
        tokio::spawn(async move { server.run_with_graceful_shutdown(routes, stopped.cancelled_owned(), Some(grace)).await });
    Ok((address, HttpServer { stop, serving }))
}

fn start_workers(tools: &Tools, queue: &Queue, writers: usize) -> anyhow::Result<Workers> {
    let actors = ActorThread::start()?;
    let workforce = Workforce::start(tools, writers, actors.arbiter());
    let stop = CancellationToken::new();
    let (take, handler, stopped) = (queue.take.clone(), workforce.handler(), stop.clone());
    let taking = tokio::spawn(async move { take.take(Workforce::concurrency(writers), handler, stopped).await });
    Ok(Workers { workforce, stop, taking, actors })
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
    }
}

async fn beat(stores: Stores, mut process: Process, clock: Arc<dyn Clock>) {
    let mut interval = tokio::time::interval(BEAT);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        interval.tick().await;
        process.seen_at = clock.now();
        if let Err(error) = stores.upkeep.beat(&process).await {
            tracing::debug!(%error, "this process could not show that it is alive");
        }
    }
}

impl Running {
    /// Waits for a part of the process to end that should not.
    ///
    /// # Errors
    /// Always, with what ended; or never returns.
    pub async fn failed(&mut self) -> anyhow::Result<()> {
        match &mut self.http {
            Some(server) => {
                (&mut server.serving).await.context("the HTTP server panicked")?.context("the HTTP server failed")?;
                anyhow::bail!("the HTTP server ended of its own accord")
            }
            None => std::future::pending().await,
        }
    }

    /// Stops in order: no longer ready, no new requests, waiting ones answered, steps in hand finished, actors and connections closed.
    /// Takes no longer than about twice `shutdown.grace_secs`.
    pub async fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(server) = self.http {
            server.stop.cancel();
            let (hurry, half) = (self.hurry, self.grace / 2);
            // Runs may end in the first half; the second is for the answers to those whose runs did not.
            let hurrying = tokio::spawn(async move {
                tokio::time::sleep(half).await;
                hurry.cancel();
            });
            if tokio::time::timeout(self.grace + Duration::from_secs(1), server.serving).await.is_err() {
                tracing::warn!("some requests were not answered in time and are cut off");
            }
            hurrying.abort();
        }
        if let Some(workers) = self.workers {
            workers.stop.cancel();
            if tokio::time::timeout(self.grace, workers.taking).await.is_err() {
                tracing::warn!("some steps were not finished in time; others will take them over");
            }
            workers.workforce.stop().await;
            workers.actors.stop();
        }
        self.beating.abort();
        if let Err(error) = self.stores.upkeep.retire(&self.process).await {
            tracing::debug!(%error, "this process could not say that it stops");
        }
        if let Err(error) = self.stores.upkeep.close().await {
            tracing::debug!(%error, "the database was not closed cleanly");
        }
        tracing::info!("stopped");
    }
}
