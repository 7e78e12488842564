//! `guildsync serve`: the service.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use crate::app::{self, Carrier, Role};
use crate::config::Config;

/// Serve the API and the pages, and carry runs out
///
/// With nothing configured this is one process on an SQLite file. With PostgreSQL and Redis (the variables `DATABASE_URL` and `REDIS_URL`), any
/// number of processes on any number of machines share the work.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// What this process does; all that is configured by default
    #[arg(long, value_delimiter = ',', value_name = "ROLE")]
    role: Vec<Role>,

    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<String>,
}

impl Serve {
    /// The settings that this command's flags stand for.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        self.bind.iter().map(|bind| ("http.bind", bind.clone())).collect()
    }

    pub async fn run(self, config: &Config) -> anyhow::Result<Outcome> {
        let mut roles = if self.role.is_empty() { Role::configured(config)? } else { self.role };
        let mut seen = std::collections::HashSet::new();
        roles.retain(|role| seen.insert(*role));
        // Before the start, so that a stop during it is not lost.
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut running = app::start(config, &roles, Carrier::AsConfigured).await?;
        warn_of_gaps(config, &running);
        let words = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",");
        if let Some(address) = running.address {
            tracing::info!(roles = words, "serving on http://{address}");
        } else {
            tracing::info!(roles = words, "serving");
        }
        let ended = tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
            failed = running.failed() => Err(failed),
        };
        tracing::info!("stopping");
        running.stop().await;
        ended.map(|()| Outcome::Done)
    }
}

/// What is not set and will be missed.
fn warn_of_gaps(config: &Config, running: &app::Running) {
    if running.address.is_none() {
        return;
    }
    if running.intake.is_none() {
        tracing::warn!("GUILD_ID is not set: the bot API answers 503 until it is");
    }
    if config.api.keys().is_empty() {
        tracing::warn!("DBOT_AUTH_KEY is not set: the bot API answers 503 until it is");
    }
}
