//! The command line: a file per command.
//!
//! Enters: arguments and the environment. Leaves: what a person reads on standard output, log lines on standard error, an exit status. May
//! import everything below it.

mod check;
mod check_discord;
mod config;
mod demo;
mod migrate;
mod progress;
mod serve;
mod staff;
mod sync;
mod users;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, Environment, Flags};
use crate::{app, telemetry};

/// Keeps a website's members in step with its Discord server.
///
/// Who is there, who left, who has an account. Try `guildsync demo`: it needs nothing and invents a guild to look at.
#[derive(Debug, Parser)]
#[command(name = "guildsync", version, propagate_version = true, max_term_width = 100)]
struct Arguments {
    /// A settings file (TOML); `guildsync config` prints every setting
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    // These three say what they do where their flags stand; a line here would hide it.
    Demo(demo::Demo),
    Serve(serve::Serve),
    Sync(sync::Sync),
    /// Make and list staff accounts, change their passwords
    #[command(subcommand)]
    Staff(staff::Staff),
    /// Bring in accounts of an existing website
    #[command(subcommand)]
    Users(users::Users),
    /// Bring the database's schema up to date
    Migrate,
    /// Look for problems and say how to mend each
    Check,
    /// Print the settings in effect, with secrets masked
    Config,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All done.
    Done,
    /// It did its work and something is wrong.
    Problems,
    /// What was given to it is not right; nothing was changed.
    BadInput,
    /// All done but what is kept back for a person: held departures, conflicting accounts.
    Held,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Problems => 1,
            Outcome::BadInput => 2,
            Outcome::Held => 3,
        })
    }
}

/// Runs a command and answers the status to exit with.
pub fn main(arguments: impl Iterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are errors to clap; printing fails only if nobody listens.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(arguments, environment) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("{} {}", style("error:"), sentences(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, environment: &Environment) -> anyhow::Result<Outcome> {
    let mut flags = Flags { file: arguments.config, values: Vec::new() };
    if let Command::Serve(serve) = &arguments.command {
        flags.values = serve.settings();
    }
    if matches!(arguments.command, Command::Config) {
        return config::run(environment, &flags);
    }
    let environment = if matches!(arguments.command, Command::Demo(_)) { &demo::apart(environment) } else { environment };
    let config = Config::load(environment, &flags)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Demo(demo) => {
                telemetry::init(&quiet(&config))?;
                demo.run(environment, flags.file).await
            }
            Command::Serve(serve) => {
                telemetry::init(&config.log)?;
                serve.run(&config).await
            }
            command => {
                telemetry::init(&quiet(&config))?;
                match command {
                    Command::Sync(sync) => sync.run(&config).await,
                    Command::Staff(staff) => staff.run(&config).await,
                    Command::Users(users) => users.run(&config).await,
                    Command::Migrate => migrate::run(&config).await,
                    _ => check::run(&config).await,
                }
            }
        }
    });
    // Whatever still runs (a name look-up, say) must not hold the exit up.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}

/// The log of commands that talk to a person: warnings only, unless the settings ask for more.
fn quiet(config: &Config) -> crate::config::Log {
    let mut log = config.log.clone();
    if log.level == "info" {
        log.level = "warn".into();
    }
    log
}

/// An error with its causes, as one line.
fn sentences(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Says what is wrong with what a command was given.
fn bad_input(fault: &str) -> Outcome {
    eprintln!("{} {fault}", style("error:"));
    Outcome::BadInput
}

/// Emphasis on a terminal, plain text elsewhere.
fn style(text: &str) -> String {
    if std::io::stderr().is_terminal() { console::style(text).bold().red().to_string() } else { text.to_owned() }
}

/// The database, opened and up to date, for commands that work beside a serving process.
async fn ledger(config: &Config) -> anyhow::Result<crate::store::Stores> {
    Ok(app::open_ledger(config).await?.0)
}
