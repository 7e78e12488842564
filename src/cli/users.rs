//! `guildsync users`: accounts of the website.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{Outcome, ledger};
use crate::config::Config;
use crate::domain::{Clock as _, ConflictKind, StaffAct, SystemClock, check_username, username_key};
use crate::http::CONFLICTS;
use crate::store::{AccountConflict, Claim, ImportRow};

/// How many faults are told one by one.
const SHOWN: usize = 20;
/// Longest e-mail address, in characters (RFC 5321 allows no longer path).
const MAX_EMAIL: usize = 254;
/// Longest text that stands where a Discord id should, in characters.
const MAX_CLAIM: usize = 100;
/// Most lines of one import; it is one transaction.
const MAX_ROWS: usize = 1_000_000;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Users {
    /// Make or update accounts from a CSV file with the columns username, email, `discord_id`
    ///
    /// Accounts are matched by name, whatever its case. Members are linked and unlinked at once. An empty email or `discord_id` keeps what the
    /// account has. All lines are imported, or none. A Discord id that cannot be given to an account without guessing is noted as a conflict, and
    /// the account keeps what it has. Exit status: 0 done, 2 bad input, 3 done but for conflicts, 1 anything else.
    Import {
        /// The file
        file: PathBuf,
    },
    /// List Discord ids that imports claimed and that could not be given, for you to settle
    Conflicts,
}

impl Users {
    pub async fn run(self, config: &Config) -> anyhow::Result<Outcome> {
        match self {
            Self::Import { file } => import(config, &file).await,
            Self::Conflicts => conflicts(config).await,
        }
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
    let done = stores.accounts.import(&rows, SystemClock.now()).await?;
    let detail = format!("{} lines: {} created, {} updated", rows.len(), done.created, done.updated);
    super::staff::note(&stores, StaffAct::ImportUsers, "", &detail).await?;
    println!("Created: {}\nUpdated: {}\nLinked: {}\nUnlinked: {}", done.created, done.updated, done.linked, done.unlinked);
    let outcome = if done.conflicts == 0 { Outcome::Done } else { Outcome::Held };
    if done.conflicts > 0 {
        println!("Conflicts: {}", done.conflicts);
        tell(&stores.accounts.conflicts(LISTED).await?);
        println!("Somebody who may act decides on them: {}{CONFLICTS}", config.public_url());
        println!("Settle them in the file and import it again, or let the people log in with Discord.");
    }
    stores.upkeep.close().await?;
    Ok(outcome)
}

/// How many conflicts are listed.
const LISTED: i64 = 1_000;

async fn conflicts(config: &Config) -> anyhow::Result<Outcome> {
    let stores = ledger(config).await?;
    let conflicts = stores.accounts.conflicts(LISTED).await?;
    stores.upkeep.close().await?;
    if conflicts.is_empty() {
        println!("No conflicts.");
    }
    tell(&conflicts);
    Ok(Outcome::Done)
}

fn tell(conflicts: &[AccountConflict]) {
    for AccountConflict { username, kind, claimed, held_by, .. } in conflicts {
        match (kind, held_by) {
            (ConflictKind::NotAnId, _) => println!("  {username}: {claimed:?} is no Discord id"),
            (ConflictKind::ClaimedTwice, Some(holder)) => println!("  {username}: {holder} has the Discord id {claimed}"),
            (ConflictKind::ClaimedTwice, None) => println!("  {username}: another account claims the Discord id {claimed}, too"),
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
    let mut names = HashMap::new();
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
    if discord_id.chars().count() > MAX_CLAIM || discord_id.chars().any(char::is_control) {
        return Err("the discord_id is no text of a sensible length".into());
    }
    let discord_id = match discord_id {
        "" => Claim::None,
        text => text.parse().map_or_else(|_| Claim::Unreadable(text.to_owned()), Claim::Id),
    };
    Ok(ImportRow { username, email: email.to_owned(), discord_id })
}
