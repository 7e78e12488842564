//! Where settings come from, one layer over another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use figment::providers::{Format, Serialized, Toml};
use figment::value::Value;
use figment::{Figment, Profile};

use super::{Config, ConfigError, DEFAULTS};

/// The plain variables and the settings they stand for.
pub const PLAIN_VARIABLES: [(&str, &str); 10] = [
    ("GUILD_ID", "guild.id"),
    ("DBOT_AUTH_KEY", "api.key"),
    ("DATABASE_URL", "database.url"),
    ("REDIS_URL", "redis.url"),
    ("DISCORD_TOKEN", "discord.token"),
    ("DISCORD_CLIENT_ID", "discord.client_id"),
    ("DISCORD_CLIENT_SECRET", "discord.client_secret"),
    ("DISCORD_API_URL", "discord.api_url"),
    ("HTTP_BIND", "http.bind"),
    ("PUBLIC_URL", "http.public_url"),
];

const PREFIX: &str = "GUILDSYNC__";

/// Environment variables, passed in.
pub type Environment = BTreeMap<String, String>;

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// `section.key` and value.
    pub values: Vec<(&'static str, String)>,
}

pub(super) fn read(environment: &Environment, flags: &Flags) -> Result<Config, ConfigError> {
    merge(environment, flags)?.extract().map_err(|e| ConfigError::Layer(explain(&e)))
}

/// All layers, one over another, not yet checked.
pub(super) fn merge(environment: &Environment, flags: &Flags) -> Result<Figment, ConfigError> {
    let defaults = Figment::from(Toml::string(DEFAULTS));
    let mut settings = defaults.clone();
    if let Some(path) = &flags.file {
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError::File { path: path.clone(), reason: e.to_string() })?;
        settings = settings.merge(Toml::string(&text));
        // Here, because later on nobody could say which of the layers the fault came from.
        settings.extract::<Config>().map_err(|e| ConfigError::Layer(format!("in {}: {}", path.display(), explain(&e))))?;
    }
    let near_miss = environment.keys().find(|name| name.starts_with("GUILDSYNC_") && !name.starts_with(PREFIX));
    if let Some(name) = near_miss {
        return Err(ConfigError::Layer(format!(
            "{name} is no setting: write it with two underscores, like GUILDSYNC__GUARD__FLOOR"
        )));
    }
    let long = environment
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), name.strip_prefix(PREFIX)?.to_lowercase().replace("__", "."), value)));
    let plain =
        PLAIN_VARIABLES.iter().filter_map(|(name, setting)| Some((*name, (*setting).to_owned(), environment.get(*name)?)));
    let flags = flags.values.iter().map(|(setting, value)| ("the command line", (*setting).to_owned(), value));
    for (origin, setting, text) in long.chain(plain).chain(flags) {
        let value = typed(&defaults, origin, &setting, text)?;
        settings = settings.merge(Serialized::from(Nested::new(&setting, value), Profile::Default));
    }
    Ok(settings)
}

/// Reads text as the type that the setting's default has.
fn typed(defaults: &Figment, origin: &str, setting: &str, text: &str) -> Result<Value, ConfigError> {
    let unknown =
        || ConfigError::Layer(format!("{origin} names the setting {setting}, which does not exist; see `guildsync config`"));
    let wrong = |wanted| ConfigError::Layer(format!("the setting {setting} (from {origin}) must be {wanted}"));
    let text = text.trim();
    match defaults.find_value(setting).map_err(|_| unknown())? {
        Value::Num(_, figment::value::Num::F64(_)) => text.parse::<f64>().map(Value::from).map_err(|_| wrong("a number")),
        Value::Num(..) => text.replace('_', "").parse::<u64>().map(Value::from).map_err(|_| wrong("a whole number")),
        Value::Bool(..) => text.parse::<bool>().map(Value::from).map_err(|_| wrong("true or false")),
        Value::String(..) => Ok(Value::from(text)),
        Value::Array(..) => {
            Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>().into())
        }
        _ => Err(unknown()),
    }
}

/// `{section: {key: value}}`.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct Nested(BTreeMap<String, BTreeMap<String, Value>>);

impl Nested {
    fn new(setting: &str, value: Value) -> Self {
        let (section, key) = setting.split_once('.').unwrap_or(("", setting));
        Self(BTreeMap::from([(section.to_owned(), BTreeMap::from([(key.to_owned(), value)]))]))
    }
}

/// figment's error in our words; it never quotes a secret, because those are texts and any text is a text.
fn explain(error: &figment::Error) -> String {
    use figment::error::Kind;
    let path = error.path.join(".");
    match &error.kind {
        Kind::UnknownField(key, known) => {
            // figment's path may or may not end in the key itself.
            let section = path.strip_suffix(key.as_str()).unwrap_or(&path).trim_end_matches('.');
            let (at, there) = match section {
                "" => (format!("[{key}]"), "sections are"),
                section => (format!("{section}.{key}"), "this section has"),
            };
            format!("the setting {at} does not exist; {there}: {}", known.join(", "))
        }
        Kind::InvalidType(_, wanted) => format!("the setting {path} must be {wanted}"),
        Kind::Message(text) if path.is_empty() => format!("the settings file is not valid TOML: {text}"),
        other => format!("the setting {path} cannot be used: {other}"),
    }
}
