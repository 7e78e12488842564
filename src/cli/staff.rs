//! `guildsync staff`: the people who may enter the admin.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Outcome, bad_input, ledger};
use crate::config::Config;
use crate::domain::{Clock as _, StaffAct, SystemClock, check_username};
use crate::password;
use crate::store::{NewStaff, NewStaffEntry, Stores};

/// Shortest password, in characters.
const SHORTEST: usize = 10;
/// Longest password, in bytes: nobody types more, and hashing is not free.
const LONGEST: usize = 1_024;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Staff {
    /// Make a staff account; asks for its password
    Create {
        /// The name to log in with
        name: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
        /// May look at everything but change nothing
        #[arg(long)]
        read_only: bool,
    },
    /// List the staff accounts
    List,
    /// Give a staff account another password and end its sessions
    Passwd {
        /// The account's name
        name: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

impl Staff {
    pub async fn run(self, config: &Config) -> anyhow::Result<Outcome> {
        match self {
            Self::Create { name, password_stdin, read_only } => create(config, &name, password_stdin, read_only).await,
            Self::List => list(config).await,
            Self::Passwd { name, password_stdin } => passwd(config, &name, password_stdin).await,
        }
    }
}

async fn create(config: &Config, name: &str, stdin: bool, read_only: bool) -> anyhow::Result<Outcome> {
    let name = match check_username(name) {
        Ok(name) => name,
        Err(error) => return Ok(bad_input(&error.to_string())),
    };
    let password = match read_password(stdin)? {
        Ok(password) => password,
        Err(fault) => return Ok(bad_input(&fault)),
    };
    let stores = ledger(config).await?;
    let staff = NewStaff { username: name.to_owned(), password_hash: hash(&password)?, is_superuser: !read_only };
    let made = stores.accounts.create_staff(&staff, SystemClock.now()).await?;
    if let Some(account) = &made {
        note(&stores, StaffAct::CreateStaff, &account.id.to_string(), name).await?;
    }
    stores.upkeep.close().await?;
    if made.is_none() {
        return Ok(bad_input(&format!(
            "there is an account named {name} already; choose another name, or, if it is one of `guildsync staff list`, give it another \
             password with `guildsync staff passwd {name}`"
        )));
    }
    println!("Staff account {name} made. Log in at {}/admin/login/", config.public_url());
    Ok(Outcome::Done)
}

async fn list(config: &Config) -> anyhow::Result<Outcome> {
    let stores = ledger(config).await?;
    let staff = stores.accounts.staff().await?;
    if staff.is_empty() {
        println!("There is no staff account yet; make one with `guildsync staff create NAME`.");
    }
    for account in staff {
        let may = if account.is_superuser { "may act" } else { "may look" };
        let active = if account.is_active { "" } else { ", deactivated" };
        let login = account
            .last_login
            .map_or_else(|| "never logged in".into(), |at| format!("last login {}", at.format("%Y-%m-%d %H:%M UTC")));
        println!("{:<24} {may}{active}, {login}", account.username);
    }
    stores.upkeep.close().await?;
    Ok(Outcome::Done)
}

async fn passwd(config: &Config, name: &str, stdin: bool) -> anyhow::Result<Outcome> {
    let password = match read_password(stdin)? {
        Ok(password) => password,
        Err(fault) => return Ok(bad_input(&fault)),
    };
    let stores = ledger(config).await?;
    let changed = stores.accounts.set_password(name, &hash(&password)?).await?;
    if changed {
        note(&stores, StaffAct::SetPassword, "", name).await?;
    }
    stores.upkeep.close().await?;
    if !changed {
        return Ok(bad_input(&format!("there is no staff account named {name}; `guildsync staff list` shows who there is")));
    }
    println!("The password of {name} is changed; its sessions have ended.");
    Ok(Outcome::Done)
}

/// Notes in the log of staff what was done on the command line.
pub(super) async fn note(stores: &Stores, act: StaffAct, target: &str, detail: &str) -> anyhow::Result<()> {
    let entry = NewStaffEntry { account: None, name: "command line", act, target, detail };
    Ok(stores.staff_log.note_act(entry, SystemClock.now()).await?)
}

/// Hashes a password with salt of its own.
pub(super) fn hash(password: &SecretString) -> anyhow::Result<SecretString> {
    Ok(password::hash(password, rand::random())?)
}

/// Reads a password; the inner error is the person's to mend.
fn read_password(stdin: bool) -> anyhow::Result<Result<SecretString, String>> {
    let password = if stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("cannot read the password")?;
        SecretString::from(line.trim_end_matches(['\r', '\n']))
    } else {
        if !std::io::stdin().is_terminal() {
            return Ok(Err(
                "there is no terminal to ask for the password; write it to standard input and add --password-stdin".into()
            ));
        }
        let terminal = console::Term::stderr();
        let ask = |prompt: &str| -> anyhow::Result<SecretString> {
            terminal.write_str(prompt)?;
            Ok(SecretString::from(terminal.read_secure_line()?))
        };
        let first = ask("Password: ")?;
        if first.expose_secret() != ask("Once more: ")?.expose_secret() {
            return Ok(Err("the two passwords differ; nothing was changed".into()));
        }
        first
    };
    let text = password.expose_secret();
    if text.chars().count() < SHORTEST || text.len() > LONGEST {
        return Ok(Err(format!(
            "a password has at least {SHORTEST} characters and at most {LONGEST} bytes; nothing was changed"
        )));
    }
    Ok(Ok(password))
}
