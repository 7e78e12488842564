//! The settings in effect, printed as a settings file, with secrets masked.

use std::fmt::Write as _;

use figment::value::{Num, Value};

use super::{Config, ConfigError, DEFAULTS, Environment, Flags, layers};

/// Settings that are a secret as a whole.
const SECRETS: [&str; 3] = ["api.key", "discord.token", "discord.client_secret"];
/// Settings that are an address which may hold a password.
const ADDRESSES: [&str; 2] = ["database.url", "redis.url"];
/// What stands for a secret.
const MASK: &str = "********";

/// The settings in effect as TOML, in the order of the manual; those that differ from their default say so.
///
/// # Errors
/// [`ConfigError`] if they cannot be used.
pub fn effective(environment: &Environment, flags: &Flags) -> Result<String, ConfigError> {
    Config::load(environment, flags)?;
    let settings = layers::merge(environment, flags)?;
    let mut text = String::new();
    let mut section = String::new();
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}[{section}]");
        } else if let Some((key, default)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            let setting = format!("{section}.{key}");
            let shown = settings.find_value(&setting).map(|value| show(&setting, &value)).unwrap_or_default();
            // The manual writes large numbers in groups.
            let same = shown == default
                || shown == default.replace('_', "")
                || shown.parse::<f64>().ok() == default.parse::<f64>().ok() && shown.parse::<f64>().is_ok();
            let note = if same { String::new() } else { format!("  # default: {default}") };
            let _ = writeln!(text, "{key} = {shown}{note}");
        }
    }
    Ok(text)
}

fn show(setting: &str, value: &Value) -> String {
    match value {
        Value::String(_, text) if text.is_empty() => "\"\"".into(),
        Value::String(..) if SECRETS.contains(&setting) => format!("{MASK:?}"),
        Value::String(_, text) if ADDRESSES.contains(&setting) => quote(&mask_password(text)),
        Value::String(_, text) => quote(text),
        Value::Num(_, Num::F64(number)) => format!("{number:?}"),
        Value::Num(_, number) => {
            number.to_i128().map_or_else(|| number.to_u128().unwrap_or_default().to_string(), |n| n.to_string())
        }
        Value::Array(_, values) => {
            let shown = values.iter().map(|value| show(setting, value)).collect::<Vec<_>>();
            format!("[{}]", shown.join(", "))
        }
        Value::Bool(_, flag) => flag.to_string(),
        _ => String::new(),
    }
}

fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// An address without its password. One that cannot be taken apart is masked as a whole.
fn mask_password(address: &str) -> String {
    let Ok(mut url) = url::Url::parse(address) else { return MASK.into() };
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return MASK.into();
    }
    // PostgreSQL also takes it as a parameter.
    if url.query_pairs().any(|(name, _)| name.contains("pass")) {
        url.set_query(Some(MASK));
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn secrets_are_masked_and_changes_are_marked() {
        let environment = environment(&[
            ("DBOT_AUTH_KEY", "geheim-1234,alt-5678"),
            ("DATABASE_URL", "postgres://anna:hunter2@db.example.org/members?sslpassword=hunter3"),
            ("REDIS_URL", "redis://:hunter4@cache"),
            ("GUILDSYNC__GUARD__FLOOR", "10"),
        ]);
        let text = effective(&environment, &Flags::default()).unwrap();
        for secret in ["geheim", "alt-5678", "hunter"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("floor = 10  # default: 25"), "{text}");
        assert!(text.contains("share = 0.2\n"), "{text}");
        assert!(text.contains("max_body = 536870912\n"), "{text}");
        assert!(text.contains("postgres://anna:********@db.example.org/members?********"), "{text}");
    }

    #[test]
    fn the_defaults_print_as_themselves() {
        let text = effective(&Environment::new(), &Flags::default()).unwrap();
        assert!(!text.contains("# default"), "{text}");
        let again = std::env::temp_dir().join(format!("guildsync-effective-{}.toml", std::process::id()));
        std::fs::write(&again, &text).unwrap();
        let flags = Flags { file: Some(again.clone()), values: Vec::new() };
        assert_eq!(effective(&Environment::new(), &flags).unwrap(), text);
        std::fs::remove_file(again).unwrap();
    }
}
