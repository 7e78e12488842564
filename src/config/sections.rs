//! The sections of the settings. What each means, and its unit, stands in `config/default.toml`.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::ConfigError;
use crate::domain::{DiscordId, Guard};

/// All settings, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config/default.toml is the manual")]
pub struct Config {
    pub guild: GuildSection,
    pub database: Database,
    pub redis: Redis,
    pub discord: Discord,
    pub bot: Bot,
    pub schedule: Schedule,
    pub http: Http,
    pub api: Api,
    pub worker: Worker,
    pub guard: GuardSection,
    pub login: Login,
    pub retention: RetentionSection,
    pub shutdown: Shutdown,
    pub log: Log,
}

/// Declares a section whose keys are documented in the manual.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident : $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "config/default.toml is the manual")]
        pub struct $name { $(pub $field: $type),* }
    };
}

section! { /// `[guild]`
GuildSection { id: String } }
section! { /// `[database]`
Database { url: SecretString, max_connections: u32, acquire_timeout_secs: u64, statement_timeout_secs: u64 } }
section! { /// `[redis]`
Redis { url: SecretString, prefix: String } }
section! { /// `[discord]`
Discord { token: SecretString, client_id: String, client_secret: SecretString, api_url: String } }
section! { /// `[bot]`
Bot { report_channel: String } }
section! { /// `[schedule]`
Schedule { full_sync: String } }
section! { /// `[http]`
Http { bind: String, public_url: String, live_viewers: u32, trusted_proxies: Vec<String> } }
section! { /// `[api]`
Api {
    key: SecretString,
    max_body: u64,
    max_members: u64,
    wait_secs: u64,
    body_idle_secs: u64,
    body_total_secs: u64,
    max_uploads: usize,
    wrong_keys_per_minute: u32,
} }
section! { /// `[worker]`
Worker { writers: usize, batch_members: usize } }
section! { /// `[guard]`
GuardSection { floor: u32, share: f64, completeness: f64 } }
section! { /// `[login]`
Login {
    session_idle_mins: u32,
    session_max_mins: u32,
    wrong_per_name: u32,
    wrong_per_address: u32,
    require_member: bool,
} }
section! { /// `[retention]`
RetentionSection { runs_days: u32, dry_runs_days: u32, events_days: u32, staff_log_days: u32, daily_counts_days: u32, failed_payload_hours: u32 } }
section! { /// `[shutdown]`
Shutdown { grace_secs: u64 } }
section! { /// `[log]`
Log { level: String, format: LogFormat } }

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The one place that judges a value against its range.
fn require(holds: bool, setting: &'static str, fault: impl FnOnce() -> String, remedy: &'static str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Value { setting, fault: fault(), remedy }) }
}

fn within<T: PartialOrd + std::fmt::Display>(
    value: &T,
    range: std::ops::RangeInclusive<T>,
    setting: &'static str,
) -> Result<(), ConfigError> {
    require(range.contains(value), setting, || format!("is {value}"), "").map_err(|error| match error {
        ConfigError::Value { setting, fault, .. } => {
            ConfigError::Layer(format!("the setting {setting} {fault}; it must be from {} to {}", range.start(), range.end()))
        }
        other => other,
    })
}

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.guild_id()?;
        self.bind()?;
        self.trusted_proxies()?;
        self.check_addresses()?;
        self.check_discord()?;
        within(&self.database.max_connections, 2..=200, "database.max_connections")?;
        within(&self.database.acquire_timeout_secs, 1..=60, "database.acquire_timeout_secs")?;
        within(&self.database.statement_timeout_secs, 1..=3_600, "database.statement_timeout_secs")?;
        within(&self.http.live_viewers, 0..=10_000, "http.live_viewers")?;
        within(&self.api.max_body, 1_024..=(1 << 40), "api.max_body")?;
        within(&self.api.max_members, 1..=10_000_000, "api.max_members")?;
        within(&self.api.wait_secs, 0..=600, "api.wait_secs")?;
        within(&self.api.body_idle_secs, 1..=600, "api.body_idle_secs")?;
        within(&self.api.body_total_secs, 1..=3_600, "api.body_total_secs")?;
        within(&self.api.max_uploads, 1..=64, "api.max_uploads")?;
        within(&self.api.wrong_keys_per_minute, 1..=10_000, "api.wrong_keys_per_minute")?;
        within(&self.worker.writers, 1..=64, "worker.writers")?;
        within(&self.worker.batch_members, 100..=50_000, "worker.batch_members")?;
        within(&self.guard.share, 0.0..=1.0, "guard.share")?;
        within(&self.guard.completeness, 0.0..=1.0, "guard.completeness")?;
        within(&self.login.session_idle_mins, 1..=10_080, "login.session_idle_mins")?;
        within(&self.login.session_max_mins, 1..=43_200, "login.session_max_mins")?;
        within(&self.login.wrong_per_name, 1..=1_000, "login.wrong_per_name")?;
        within(&self.login.wrong_per_address, 1..=10_000, "login.wrong_per_address")?;
        within(&self.retention.runs_days, 1..=3_650, "retention.runs_days")?;
        within(&self.retention.dry_runs_days, 1..=3_650, "retention.dry_runs_days")?;
        within(&self.retention.events_days, 1..=36_500, "retention.events_days")?;
        within(&self.retention.staff_log_days, 1..=36_500, "retention.staff_log_days")?;
        within(&self.retention.daily_counts_days, 31..=36_500, "retention.daily_counts_days")?;
        within(&self.retention.failed_payload_hours, 1..=720, "retention.failed_payload_hours")?;
        within(&self.shutdown.grace_secs, 1..=300, "shutdown.grace_secs")
    }

    fn check_addresses(&self) -> Result<(), ConfigError> {
        let url = self.database.url.expose_secret();
        require(
            ["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme)),
            "database.url (DATABASE_URL)",
            || "names no database we know".into(),
            "write sqlite://FILE or postgres://user:password@host/database",
        )?;
        let redis = self.redis.url.expose_secret();
        require(
            ["", "redis://", "rediss://"]
                .iter()
                .any(|scheme| redis == *scheme || !scheme.is_empty() && redis.starts_with(scheme)),
            "redis.url (REDIS_URL)",
            || "is no Redis address".into(),
            "write redis://host:6379, or leave it out to keep jobs in this process",
        )?;
        let prefix = &self.redis.prefix;
        require(
            !prefix.is_empty() && prefix.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c)),
            "redis.prefix",
            || format!("is {prefix:?}"),
            "use letters, digits, '_', '-' and '.'",
        )?;
        let public = &self.http.public_url;
        require(
            is_site(public),
            "http.public_url (PUBLIC_URL)",
            || format!("is {public:?}"),
            "write it like https://members.example.org",
        )
    }

    fn check_discord(&self) -> Result<(), ConfigError> {
        let Discord { client_id, client_secret, api_url, .. } = &self.discord;
        require(
            is_site(api_url),
            "discord.api_url (DISCORD_API_URL)",
            || format!("is {api_url:?}"),
            "leave it out, or write it like http://127.0.0.1:9000",
        )?;
        let has_secret = !client_secret.expose_secret().is_empty();
        require(
            client_id.is_empty() || client_id.parse::<DiscordId>().is_ok(),
            "discord.client_id (DISCORD_CLIENT_ID)",
            || format!("is {client_id:?}, which is no Discord id"),
            "copy it from the page OAuth2 of your application at https://discord.com/developers/applications",
        )?;
        require(
            client_id.is_empty() != has_secret,
            "discord.client_id (DISCORD_CLIENT_ID)",
            || "and discord.client_secret (DISCORD_CLIENT_SECRET) do not stand together".into(),
            "set both for logins with Discord, or neither",
        )?;
        self.report_channel()?;
        self.full_sync().map(|_| ())
    }

    /// The channel that is told of held departures and failed syncs.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if it is no Discord id.
    pub fn report_channel(&self) -> Result<Option<DiscordId>, ConfigError> {
        let text = &self.bot.report_channel;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| ConfigError::Value {
            setting: "bot.report_channel",
            fault: format!("is {text:?}, which is no Discord id"),
            remedy: "copy it in Discord: right-click the channel's name, then Copy Channel ID",
        })
    }

    /// How often the whole list is fetched from Discord; `None` if it is not.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if it is no such length of time.
    pub fn full_sync(&self) -> Result<Option<Duration>, ConfigError> {
        let text = self.schedule.full_sync.as_str();
        if text == "off" {
            return Ok(None);
        }
        let minutes = match text.split_at_checked(text.len().saturating_sub(1)) {
            Some((number, "h")) => number.parse::<u64>().ok().and_then(|hours| hours.checked_mul(60)),
            Some((number, "m")) => number.parse().ok(),
            _ => None,
        };
        let fits = minutes.filter(|minutes| (10..=44_640).contains(minutes));
        fits.map(|minutes| Some(Duration::from_secs(minutes * 60))).ok_or_else(|| ConfigError::Value {
            setting: "schedule.full_sync",
            fault: format!("is {text:?}"),
            remedy: "write hours or minutes from \"10m\" to \"744h\", such as \"6h\", or \"off\"",
        })
    }

    /// The guild, if one is set.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if it is no Discord id.
    pub fn guild_id(&self) -> Result<Option<DiscordId>, ConfigError> {
        if self.guild.id.is_empty() {
            return Ok(None);
        }
        self.guild.id.parse().map(Some).map_err(|_| ConfigError::Value {
            setting: "guild.id (GUILD_ID)",
            fault: format!("is {:?}, which is no Discord id", self.guild.id),
            remedy: "copy it in Discord: right-click the server's name, then Copy Server ID",
        })
    }

    /// The address to listen on.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if it is no address and port.
    pub fn bind(&self) -> Result<SocketAddr, ConfigError> {
        self.http.bind.parse().map_err(|_| ConfigError::Value {
            setting: "http.bind (HTTP_BIND)",
            fault: format!("is {:?}, which is no address and port", self.http.bind),
            remedy: "write it like 127.0.0.1:8080, or 0.0.0.0:8080 to be reached from other machines",
        })
    }

    /// The address of the pages, without a slash at its end.
    #[must_use]
    pub fn public_url(&self) -> &str {
        self.http.public_url.trim_end_matches('/')
    }
}

/// Whether a text is the address of a site, to which paths can be added.
fn is_site(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && url.fragment().is_none()
    })
}

impl Discord {
    /// The bot's token, if there is one.
    #[must_use]
    pub fn bot_token(&self) -> Option<&SecretString> {
        Some(&self.token).filter(|token| !token.expose_secret().is_empty())
    }

    /// The application's id and secret, if logins with Discord are wanted.
    #[must_use]
    pub fn oauth_client(&self) -> Option<(DiscordId, &SecretString)> {
        self.client_id.parse().ok().map(|id| (id, &self.client_secret))
    }

    /// Where Discord is, without a slash at its end.
    #[must_use]
    pub fn api_url(&self) -> &str {
        self.api_url.trim_end_matches('/')
    }
}

impl Api {
    /// The valid keys; none while the API is not configured.
    #[must_use]
    pub fn keys(&self) -> Vec<SecretString> {
        self.key.expose_secret().split(',').map(str::trim).filter(|key| !key.is_empty()).map(SecretString::from).collect()
    }
}

impl Redis {
    /// The address, if Redis is used.
    #[must_use]
    pub fn address(&self) -> Option<&SecretString> {
        Some(&self.url).filter(|url| !url.expose_secret().is_empty())
    }
}

impl GuardSection {
    /// The thresholds as the guard takes them.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard { floor: self.floor, share: self.share }
    }
}
