//! `guildsync users`: accounts of the website.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{Outcome, ledger};
use crate::config::Config;
use crate::domain::{Clock as _, DiscordId, SystemClock, check_username, username_key};
use crate::store::{Import, ImportRow};

/// How many faults are told one by one.
const SHOWN: usize = 20;
/// Longest e-mail address, in characters (RFC 5321 allows no longer path).
const MAX_EMAIL: usize = 254;
/// Most lines of one import; it is one transaction.
const MAX_ROWS: usize = 1_000_000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Users {
    /// Make or update accounts from a CSV file with the columns username, email, `discord_id`
    ///
    /// Accounts are matched by name, whatever its case. Members are linked and unlinked at once. An empty email or `discord_id` keeps what the
    /// account has. All lines are imported, or none.
    Import {
        /// The file
        file: PathBuf,
    },
}

impl Users {
    pub async fn run(self, config: &Config) -> anyhow::Result<Outcome> {
        let Self::Import { file } = self;
        import(config, &file).await
    }
}

async fn import(config: &Config, file: &Path) -> anyhow::Result<Outcome> {
    let (rows, faults) = match read(file) {
        Ok(read) => read,
        Err(error) => return Ok(refuse(&[format!("cannot read {}: {error}", file.display())])),
    };
    if !faults.is_empty() {
        return Ok(refuse(&faults));
    }
    let stores = ledger(config).await?;
    let import = stores.accounts.import(&rows, SystemClock.now()).await?;
    stores.upkeep.close().await?;
    match import {
        Import::Done(done) => {
            println!(
                "Created: {}\nUpdated: {}\nLinked: {}\nUnlinked: {}",
                done.created, done.updated, done.linked, done.unlinked
            );
            Ok(Outcome::Done)
        }
        Import::Conflicts(conflicts) => {
            let faults: Vec<_> = conflicts
                .iter()
                .map(|c| {
                    format!("{} is to have the Discord id {}, which the account {} has", c.username, c.discord_id, c.held_by)
                })
                .collect();
            Ok(refuse(&faults))
        }
    }
}

fn refuse(faults: &[String]) -> Outcome {
    eprintln!("{} nothing was imported:", super::style("error:"));
    for fault in faults.iter().take(SHOWN) {
        eprintln!("  {fault}");
    }
    if faults.len() > SHOWN {
        eprintln!("  and {} more", faults.len() - SHOWN);
    }
    Outcome::BadInput
}

/// The rows of a file, and what is wrong with it.
fn read(file: &Path) -> Result<(Vec<ImportRow>, Vec<String>), csv::Error> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file)?;
    let headers = reader.headers()?.clone();
    let column = |name: &str| headers.iter().position(|header| header.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name));
    let (Some(username), Some(discord_id)) = (column("username"), column("discord_id")) else {
        let found = headers.iter().collect::<Vec<_>>().join(",");
        return Ok((
            Vec::new(),
            vec![format!(
                "the first line must name the columns (username,email,discord_id; email may be missing), but says {found:?}"
            )],
        ));
    };
    let email = column("email");
    let mut rows = Vec::new();
    let mut faults = Vec::new();
    let (mut names, mut ids) = (HashMap::new(), HashMap::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                faults.push(error.to_string());
                break;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let field = |index: usize| record.get(index).unwrap_or_default();
        match row(field(username), email.map(field).unwrap_or_default(), field(discord_id)) {
            Ok(row) => {
                if let Some(other) = names.insert(username_key(&row.username), line) {
                    faults.push(format!("line {line}: the name {} stands on line {other} already", row.username));
                }
                if let Some(id) = row.discord_id
                    && let Some(other) = ids.insert(id, line)
                {
                    faults.push(format!("line {line}: the Discord id {id} stands on line {other} already"));
                }
                rows.push(row);
            }
            Err(fault) => faults.push(format!("line {line}: {fault}")),
        }
        if rows.len() > MAX_ROWS {
            faults.push(format!("more than {MAX_ROWS} lines; split the file"));
            break;
        }
    }
    Ok((rows, faults))
}

fn row(username: &str, email: &str, discord_id: &str) -> Result<ImportRow, String> {
    let username = check_username(username).map_err(|e| e.to_string())?.to_owned();
    if email.chars().count() > MAX_EMAIL || email.chars().any(char::is_control) || (!email.is_empty() && !email.contains('@')) {
        return Err("the email is no address".into());
    }
    let discord_id: Option<DiscordId> = match discord_id {
        "" => None,
        text => Some(text.parse().map_err(|e| format!("discord_id: {e}"))?),
    };
    Ok(ImportRow { username, email: email.to_owned(), discord_id })
}
