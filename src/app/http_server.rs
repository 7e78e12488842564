//! The HTTP server of a process: from its start to its orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use poem::listener::TcpAcceptor;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::discord::{OAuth, OAuthOptions, Rest};
use crate::domain::{Clock, Random};
use crate::http::{self, ApiState, DISCORD_CALLBACK, PagesState, TrustedProxies};
use crate::intake::{Follow, Intake};
use crate::queue::Depth;
use crate::store::Stores;

/// What the API and the pages are made of.
pub(super) struct Parts {
    pub stores: Stores,
    pub intake: Option<Intake>,
    pub follow: Follow,
    pub depth: Arc<dyn Depth>,
    pub rest: Option<Rest>,
    pub clock: Arc<dyn Clock>,
    pub random: Random,
    /// How the bot of this process stands with Discord.
    pub discord: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

/// A serving HTTP server.
pub(super) struct HttpServer {
    pub address: SocketAddr,
    stop: CancellationToken,
    stopping: Arc<AtomicBool>,
    hurry: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

/// Listens where the settings say.
pub(super) async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let bind = config.bind()?;
    TcpListener::bind(bind).await.with_context(|| {
        format!("cannot listen on {bind} (http.bind, HTTP_BIND); is another program using the port, or may only root use it?")
    })
}

/// The application at Discord, if the settings name one.
fn discord_login(config: &Config) -> anyhow::Result<Option<OAuth>> {
    let Some((client_id, client_secret)) = config.discord.oauth_client() else { return Ok(None) };
    let options = OAuthOptions {
        api_url: config.discord.api_url().to_owned(),
        client_id,
        client_secret: client_secret.clone(),
        redirect_url: format!("{}{DISCORD_CALLBACK}", config.public_url()),
    };
    Ok(Some(OAuth::new(options)?))
}

impl HttpServer {
    /// Begins to serve.
    pub fn start(listener: TcpListener, config: &Config, parts: Parts) -> anyhow::Result<Self> {
        let (stopping, hurry, stop) = (Arc::new(AtomicBool::new(false)), CancellationToken::new(), CancellationToken::new());
        let proxies = TrustedProxies::from(config.trusted_proxies()?);
        let api = ApiState {
            intake: parts.intake.clone(),
            follow: parts.follow.clone(),
            read: parts.stores.read.clone(),
            clock: parts.clock.clone(),
            keys: config.api.keys(),
            discord: parts.discord,
            asks_discord: config.discord.bot_token().is_some(),
            wait: Duration::from_secs(config.api.wait_secs),
            proxies: proxies.clone(),
            wrong_keys: config.api.wrong_keys_per_minute,
            stopping: stopping.clone(),
            hurry: hurry.clone(),
        };
        let pages = PagesState {
            read: parts.stores.read.clone(),
            runs: parts.stores.runs.clone(),
            live_viewers: config.http.live_viewers,
            member_lists: parts.stores.member_lists.clone(),
            accounts: parts.stores.accounts.clone(),
            account_lists: parts.stores.account_lists.clone(),
            account_desk: parts.stores.account_desk.clone(),
            sessions: parts.stores.sessions.clone(),
            staff_log: parts.stores.staff_log.clone(),
            overview: parts.stores.overview.clone(),
            fleet: parts.stores.fleet.clone(),
            queue: parts.depth,
            full_sync: config.full_sync()?,
            intake: parts.intake.clone(),
            has_bot_key: !config.api.keys().is_empty(),
            follow: parts.follow.clone(),
            rest: parts.rest,
            hurry: hurry.clone(),
            clock: parts.clock,
            random: parts.random,
            login: config.login.clone(),
            discord: discord_login(config)?,
            proxies,
            public_url: config.public_url().to_owned(),
        };
        let address = listener.local_addr()?;
        let grace = Duration::from_secs(config.shutdown.grace_secs);
        // A request that waits for its run is silent for that long.
        let idle = Duration::from_secs(config.api.wait_secs) + Duration::from_mins(1);
        let server = poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?).idle_timeout(idle);
        let (routes, stopped) = (http::routes(api, pages), stop.clone());
        let serving =
            tokio::spawn(async move { server.run_with_graceful_shutdown(routes, stopped.cancelled_owned(), Some(grace)).await });
        Ok(Self { address, stop, stopping, hurry, serving })
    }

    /// Waits for the server to end of its own accord, which it should not; answers why it did.
    pub async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.serving).await {
            Ok(Ok(())) => anyhow::anyhow!("the HTTP server ended of its own accord"),
            Ok(Err(error)) => anyhow::Error::new(error).context("the HTTP server failed"),
            Err(panic) => anyhow::Error::new(panic).context("the HTTP server panicked"),
        }
    }

    /// Is no longer ready, takes no new requests, and answers those that wait.
    pub async fn stop(self, grace: Duration) {
        self.stopping.store(true, Ordering::Relaxed);
        self.stop.cancel();
        // Runs may end in the first half; the second is for the answers to those whose runs did not.
        let hurrying = tokio::spawn(async move {
            tokio::time::sleep(grace / 2).await;
            self.hurry.cancel();
        });
        if tokio::time::timeout(grace + Duration::from_secs(1), self.serving).await.is_err() {
            tracing::warn!("some requests were not answered in time and are cut off");
        }
        hurrying.abort();
    }
}
