//! Log lines: to standard error, for people or as JSON.
//!
//! Enters: the `[log]` section. Leaves: the process's subscriber. Imports `config` alone.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Log, LogFormat};

/// The log cannot be set up as asked.
#[derive(Debug, thiserror::Error)]
#[error("the setting log.level is {level:?}, which is no log level ({reason}); write error, warn, info, debug or trace")]
pub struct TelemetryError {
    level: String,
    reason: String,
}

/// Directives that `log.level` comes on top of: crates that tell at `info` what nobody needs. What apalis says of its workers, `queue` says in
/// its own words, and what serenity says holds tokens of replies and members' names.
const QUIET: &str = "sqlx=warn,poem=warn,apalis=off,apalis_core=off,apalis_redis=warn,hyper=warn,redis=warn,actix=warn,\
     serenity=off,tungstenite=warn,tokio_tungstenite=warn";

/// Begins to log. Does nothing if somebody else in this process has begun already.
///
/// # Errors
/// If the level is none.
pub fn init(log: &Log) -> Result<(), TelemetryError> {
    let bad = |reason: String| TelemetryError { level: log.level.clone(), reason };
    // To the filter a bare word that is no level is the name of a module, so that a slip of the pen would end the log without a word.
    if let Some(word) =
        log.level.split(',').map(str::trim).find(|word| !word.contains(['=', '[']) && word.parse::<LevelFilter>().is_err())
    {
        return Err(bad(format!("{word:?} is neither a level nor a directive")));
    }
    let (first, _) = log.level.split_once(',').unwrap_or((&log.level, ""));
    // What the operator names comes last and wins.
    let directives = format!("{first},{QUIET},{}", log.level);
    let filter = EnvFilter::builder().parse(directives).map_err(|e| bad(e.to_string()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match log.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
    // An error only means that a subscriber is set already.
    drop(begun);
    Ok(())
}
