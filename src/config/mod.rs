//! Settings: `config/default.toml`, then a file, then the environment, then flags, each checked where it enters.
//!
//! Enters: text. Leaves: one [`Config`] whose sections the rooms are given. A section per file where it has rules of its own. Must
//! not import any other room but `domain`.

mod effective;
mod layers;
mod sections;
mod trusted_proxies;

use std::path::PathBuf;

pub use effective::effective;
pub use layers::{Environment, Flags, PLAIN_VARIABLES};
pub use sections::{
    Api, Bot, Config, Database, Discord, GuardSection, GuildSection, Http, Log, LogFormat, Login, Redis, RetentionSection,
    Schedule, Shutdown, Worker,
};

/// The compiled-in defaults, which are also the manual.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// A setting that cannot be used. Names the setting and the remedy, never the value of a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file of `--config` is missing or cannot be read.
    #[error("the settings file {path} cannot be read: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A key that does not exist, or a value of the wrong type.
    #[error("{0}")]
    Layer(String),
    /// A value that is out of its range.
    #[error("the setting {setting} {fault}; {remedy}")]
    Value {
        /// `section.key`, and its plain variable if it has one.
        setting: &'static str,
        /// What is wrong with it.
        fault: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl Config {
    /// Reads the settings: defaults, then the file of `flags`, then `environment`, then the other flags.
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that cannot be used.
    pub fn load(environment: &Environment, flags: &Flags) -> Result<Self, ConfigError> {
        let config = layers::read(environment, flags)?;
        config.check()?;
        Ok(config)
    }
}
