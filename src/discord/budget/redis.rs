//! The budget of all processes that reach one Redis, kept by its clock.
//!
//! Redis may be slow, empty or away at any time. What an answer of Discord's says is therefore also kept in this process, which goes
//! on alone meanwhile: then several processes may together ask more than Discord allows, and wait as its 429s say.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, RedisResult, Script, ScriptInvocation};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, timeout};

use super::{Budget, GLOBAL_LIMIT, GLOBAL_WINDOW, LONGEST_PAUSE, Limits, LocalBudget, Route, Scope};
use crate::discord::DiscordError;

/// How long a command may take. Half a second, as `redis` has it, would make an outage of each slow moment.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const CONNECT_RETRIES: usize = 2;
const CONNECT_PAUSE: Duration = Duration::from_secs(1);
/// How long Redis is left alone after it failed.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long what is known of a bucket outlives its window.
const IDLE: Duration = Duration::from_mins(10);

static ACQUIRE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("acquire.lua")));
static LEARN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("learn.lua")));
static PAUSE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("pause.lua")));

/// A budget shared by all processes with the same Redis and prefix.
pub struct RedisBudget {
    client: Client,
    manager: Mutex<Option<ConnectionManager>>,
    /// What all keys begin with.
    prefix: String,
    local: LocalBudget,
    /// While Redis is away: when to look for it again.
    away: Mutex<Option<Instant>>,
}

impl RedisBudget {
    /// A budget under keys that begin with `prefix`, in the Redis at `url`, which may hold a password. Connects with the first request.
    ///
    /// # Errors
    /// [`DiscordError::BadAddress`] if the URL is none.
    pub fn new(url: &SecretString, prefix: &str) -> Result<Self, DiscordError> {
        let client = Client::open(url.expose_secret()).map_err(|error| DiscordError::BadAddress {
            setting: "redis.url (REDIS_URL)",
            fault: error.to_string(),
            remedy: "write redis://host:6379",
        })?;
        let prefix = format!("{prefix}:discord");
        Ok(Self { client, manager: Mutex::new(None), prefix, local: LocalBudget::new(), away: Mutex::new(None) })
    }

    fn pause_key(&self, scope: Scope<'_>) -> String {
        match scope {
            Scope::Global => format!("{}:pause", self.prefix),
            Scope::Route(route) => format!("{}:pause:{}", self.prefix, route.name()),
        }
    }

    /// Holds the name of the route's bucket.
    fn bucket_key(&self, route: &Route) -> String {
        format!("{}:bucket:{}", self.prefix, route.name())
    }

    fn window_prefix(&self) -> String {
        format!("{}:window:", self.prefix)
    }

    /// Runs a script; `None` while Redis is away.
    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Option<T> {
        if !self.may_ask() {
            return None;
        }
        let answer = async { call.invoke_async(&mut self.manager()?).await };
        match timeout(ANSWER_LIMIT, answer).await {
            Ok(Ok(answer)) => {
                if self.set_away(None) {
                    tracing::info!("Redis answers again; Discord's rate limits are shared with the other processes");
                }
                Some(answer)
            }
            Ok(Err(error)) => {
                // A manager keeps for ever an answer it got while connecting that is no I/O error, say a wrong password.
                if !error.is_io_error() {
                    *self.manager.lock().unwrap_or_else(PoisonError::into_inner) = None;
                }
                self.lost(&error.to_string());
                None
            }
            Err(_) => {
                self.lost(&format!("no answer within {} s", ANSWER_LIMIT.as_secs()));
                None
            }
        }
    }

    fn manager(&self) -> RedisResult<ConnectionManager> {
        let mut held = self.manager.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(manager) = held.as_ref() {
            return Ok(manager.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWER_LIMIT))
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_number_of_retries(CONNECT_RETRIES)
            .set_max_delay(CONNECT_PAUSE);
        let manager = ConnectionManager::new_lazy_with_config(self.client.clone(), config)?;
        Ok(held.insert(manager).clone())
    }

    /// Whether to ask Redis. While it is away one caller looks now and then, and the others do not wait for what becomes of it.
    fn may_ask(&self) -> bool {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(look) = *away else { return true };
        let now = Instant::now();
        if now >= look {
            *away = Some(now + ANSWER_LIMIT + LOOK_AGAIN);
        }
        now >= look
    }

    fn lost(&self, why: &str) {
        if self.set_away(Some(Instant::now() + LOOK_AGAIN)) {
            tracing::debug!("Redis is still away: {why}");
        } else {
            tracing::warn!("Redis cannot be reached ({why}); until it is back, this process keeps Discord's rate limits alone");
        }
    }

    /// Returns whether Redis was away.
    fn set_away(&self, look: Option<Instant>) -> bool {
        std::mem::replace(&mut *self.away.lock().unwrap_or_else(PoisonError::into_inner), look).is_some()
    }
}

#[async_trait]
impl Budget for RedisBudget {
    async fn acquire(&self, route: &Route) -> Duration {
        // What this process was told holds also if Redis has lost it.
        let blocked = self.local.blocked(route);
        if !blocked.is_zero() {
            return blocked;
        }
        let mut call = ACQUIRE.prepare_invoke();
        call.key(self.pause_key(Scope::Global)).key(format!("{}:recent", self.prefix));
        call.key(self.pause_key(Scope::Route(route))).key(self.bucket_key(route));
        call.arg(self.window_prefix()).arg(route.resource()).arg(i32::from(route.is_global()));
        call.arg(GLOBAL_LIMIT).arg(millis(GLOBAL_WINDOW)).arg(millis(IDLE));
        match self.run::<u64>(&call).await {
            Some(wait) => Duration::from_millis(wait),
            None => self.local.acquire(route).await,
        }
    }

    async fn learn(&self, route: &Route, limits: &Limits) {
        self.local.learn(route, limits).await;
        let mut call = LEARN.prepare_invoke();
        call.key(self.bucket_key(route));
        call.key(format!("{}{}{}", self.window_prefix(), limits.bucket, route.resource()));
        call.arg(&limits.bucket).arg(limits.limit).arg(limits.remaining).arg(millis(limits.reset_after));
        call.arg(millis(IDLE));
        self.run::<()>(&call).await;
    }

    async fn pause(&self, scope: Scope<'_>, length: Duration) {
        self.local.pause(scope, length).await;
        let mut call = PAUSE.prepare_invoke();
        call.key(self.pause_key(scope)).arg(millis(length));
        self.run::<()>(&call).await;
    }
}

/// Whole milliseconds, never fewer than it is, and at least one, which is the least that Redis takes.
fn millis(time: Duration) -> u64 {
    let millis = time.min(LONGEST_PAUSE).as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(u64::MAX).max(1)
}
