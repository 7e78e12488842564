//! What a process does.

use crate::config::{Config, ConfigError};

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Role {
    /// Serves the API and the pages.
    Http,
    /// Carries runs out.
    Worker,
    /// Keeps in touch with Discord: the commands, and what members do.
    Bot,
    /// Asks for the whole list from Discord now and then.
    Cron,
}

impl Role {
    /// The role's word in settings and in `processes`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Worker => "worker",
            Self::Bot => "bot",
            Self::Cron => "cron",
        }
    }

    /// All roles that these settings allow.
    ///
    /// # Errors
    /// If a setting cannot be read.
    pub fn configured(config: &Config) -> Result<Vec<Self>, ConfigError> {
        let mut roles = vec![Self::Http, Self::Worker];
        if config.discord.bot_token().is_some() && config.guild_id()?.is_some() {
            roles.push(Self::Bot);
            if config.full_sync()?.is_some() {
                roles.push(Self::Cron);
            }
        }
        Ok(roles)
    }

    /// Refuses a role that these settings do not allow.
    ///
    /// # Errors
    /// [`ConfigError::Value`] that names the setting.
    pub fn check(self, config: &Config) -> Result<(), ConfigError> {
        let (setting, fault, remedy) = match self {
            Self::Bot | Self::Cron if config.discord.bot_token().is_none() => (
                "discord.token (DISCORD_TOKEN)",
                format!("is not set, so the role {} has nothing to ask Discord with", self.as_str()),
                "set it, or leave the role out",
            ),
            Self::Bot | Self::Cron if config.guild_id()?.is_none() => (
                "guild.id (GUILD_ID)",
                format!("is not set, so the role {} does not know which guild it is about", self.as_str()),
                "set it, or leave the role out",
            ),
            Self::Cron if config.full_sync()?.is_none() => {
                ("schedule.full_sync", "is off, so the role cron has nothing to do".to_owned(), "set it, or leave the role out")
            }
            _ => return Ok(()),
        };
        Err(ConfigError::Value { setting, fault, remedy })
    }
}
