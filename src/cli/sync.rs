//! `guildsync sync`: a member list from a file, standard input, or Discord.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use chrono::Utc;
use tokio::io::AsyncRead;

use super::progress::Progress;
use super::{Outcome, bad_input, style};
use crate::app::{self, Carrier, Role};
use crate::config::Config;
use crate::domain::{Clock as _, HeldReason, Mode, Run, RunId, RunState, Source, SystemClock};
use crate::intake::{Fetch, Follow, Intake, Refusal, Wish};
use crate::queue::{self, Job, Queue, Ring};
use crate::store::{GONE_AFTER, ServingLock, Stores};

/// How long a run is followed.
const PATIENCE: Duration = Duration::from_hours(2);

/// Sync a member list from a file, standard input, or Discord
///
/// A list in a file is the body of the bot API: {"members":[{"id":"…","username":"…"}]}. While a service runs on the same database, it applies the list;
/// otherwise this command does. Exit status: 0 done, 2 bad input, 3 departures held, 1 anything else.
#[derive(Debug, clap::Args)]
pub(super) struct Sync {
    /// The file, or - for standard input
    #[arg(value_name = "FILE|-", required_unless_present = "discord")]
    file: Option<PathBuf>,

    /// Fetch the list from Discord instead (`DISCORD_TOKEN`)
    #[arg(long, conflicts_with = "file")]
    discord: bool,

    /// Only see what would come of it: nothing is written but the plan
    #[arg(long)]
    dry_run: bool,

    /// File the run and print its id; a running service applies it
    #[arg(long)]
    no_wait: bool,
}

/// Rings nobody: the service that applies the run finds it within seconds.
struct Silent;

#[async_trait]
impl Ring for Silent {
    async fn ring(&self, _: &[Job]) {}

    async fn notify(&self, _: RunId) {}
}

impl Sync {
    pub async fn run(self, config: &Config) -> anyhow::Result<Outcome> {
        // Opened first, so that a wrong name costs nothing.
        let source = match &self.file {
            Some(file) => match open(file, self.dry_run).await {
                Ok(opened) => List::Opened(opened),
                Err(error) => return Ok(bad_input(&format!("cannot read {}: {error}", file.display()))),
            },
            None if config.discord.bot_token().is_none() => return Ok(bad_input(NO_TOKEN)),
            None => List::Discord { dry_run: self.dry_run },
        };
        if is_served(config).await? {
            return self.beside_a_service(config, source).await;
        }
        if self.no_wait {
            return Ok(bad_input("no service runs on this database, so nobody would apply the list; leave --no-wait out"));
        }
        let running = app::start(config, &[Role::Worker], Carrier::Local).await?;
        let outcome = match &running.intake {
            Some(intake) => file_and_follow(intake, &running.follow, source).await,
            None => Ok(bad_input(NO_GUILD)),
        };
        running.stop().await;
        outcome
    }

    async fn beside_a_service(self, config: &Config, source: List) -> anyhow::Result<Outcome> {
        let (stores, guild) = app::open_ledger(config).await?;
        let Some(guild) = guild else { return Ok(bad_input(NO_GUILD)) };
        let queue = match app::redis_options(config) {
            Some(options) => queue::redis(options, std::sync::Arc::new(SystemClock)).await?,
            None => Queue { ring: std::sync::Arc::new(Silent), ..queue::local() },
        };
        let intake = app::intake(config, &stores, &queue, std::sync::Arc::new(SystemClock), guild);
        let outcome = if self.no_wait {
            Ok(match file(&intake, source, None).await {
                Ok(run) => {
                    println!("{run}");
                    Outcome::Done
                }
                Err(refusal) => refuse(&refusal),
            })
        } else {
            let (progress, begun) = (Progress::reading(source.size()), SystemClock.now());
            let follow = Follow::new(stores.read.clone(), queue.notices.clone());
            match file_shown(&intake, source, &progress).await {
                Ok(id) => {
                    let run = follow_beside(config, &follow, id, &progress).await?;
                    progress.end(&run);
                    Ok(tell(&run, begun))
                }
                Err(outcome) => Ok(outcome),
            }
        };
        stores.upkeep.close().await?;
        outcome
    }
}

/// How often a follower makes sure that somebody still serves the database.
const LOOK: Duration = Duration::from_secs(2);

const CANNOT_FOLLOW: &str = "the run is filed but cannot be followed";

const NO_GUILD: &str = "which guild is this a list of? Set GUILD_ID to the id of your Discord server";

const NO_TOKEN: &str = "Discord cannot be asked without a token; set DISCORD_TOKEN to that of your bot";

/// Where the list comes from.
enum List {
    Opened(Opened),
    /// A worker fetches it.
    Discord {
        dry_run: bool,
    },
}

impl List {
    /// How much of it this process has to read, if that is known. Bytes.
    fn size(&self) -> Option<u64> {
        match self {
            Self::Opened(opened) => opened.size,
            Self::Discord { .. } => None,
        }
    }
}

/// A list that can be read, and what is wanted of it.
struct Opened {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    size: Option<u64>,
    wish: Wish,
}

async fn open(file: &Path, dry_run: bool) -> std::io::Result<Opened> {
    let wish = Wish { dry_run, ..Wish::new(Source::File) };
    if file == Path::new("-") {
        return Ok(Opened { reader: Box::new(tokio::io::stdin()), size: None, wish });
    }
    let opened = tokio::fs::File::open(file).await?;
    let metadata = opened.metadata().await?;
    if metadata.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let size = metadata.is_file().then_some(metadata.len());
    Ok(Opened { reader: Box::new(opened), size, wish })
}

/// Whether a process with the worker role serves this database.
async fn is_served(config: &Config) -> anyhow::Result<bool> {
    if let Some(taken) = ServingLock::is_taken(&app::connect(config))? {
        return Ok(taken);
    }
    let stores: Stores = super::ledger(config).await?;
    let alive = stores.read.processes(SystemClock.now() - GONE_AFTER).await?;
    stores.upkeep.close().await?;
    // A worker that takes its jobs from a queue in its own process still finds this run by sweeping.
    Ok(alive.iter().any(|process| process.has_role(Role::Worker.as_str())))
}

async fn file(intake: &Intake, source: List, progress: Option<&Progress>) -> Result<RunId, Refusal> {
    let Opened { reader, wish, .. } = match source {
        List::Opened(opened) => opened,
        List::Discord { dry_run } => {
            let filed = intake.file_fetch(String::new(), dry_run).await?;
            if matches!(filed, Fetch::Joined(_)) {
                eprintln!("a list is being fetched from Discord already; this is that sync");
            }
            return Ok(filed.run());
        }
    };
    match progress {
        Some(progress) => intake.file_roster(progress.over(reader), wish).await,
        None => intake.file_roster(reader, wish).await,
    }
}

/// Files a list under a progress bar; the refusal has been told.
async fn file_shown(intake: &Intake, source: List, progress: &Progress) -> Result<RunId, Outcome> {
    let filed = file(intake, source, Some(progress)).await;
    filed.inspect(|_| progress.applying()).map_err(|refusal| {
        progress.clear();
        refuse(&refusal)
    })
}

/// Files a list and follows it in a process that applies it itself.
async fn file_and_follow(intake: &Intake, follow: &Follow, source: List) -> anyhow::Result<Outcome> {
    let (progress, begun) = (Progress::reading(source.size()), SystemClock.now());
    let id = match file_shown(intake, source, &progress).await {
        Ok(id) => id,
        Err(outcome) => return Ok(outcome),
    };
    let run = follow.to_end(id, PATIENCE, |run| progress.show(run)).await.context(CANNOT_FOLLOW)?;
    progress.end(&run);
    Ok(tell(&run, begun))
}

/// Follows a run that a service is to apply. Should the service go away, this process takes its place.
async fn follow_beside(config: &Config, follow: &Follow, id: RunId, progress: &Progress) -> anyhow::Result<Run> {
    let end = Instant::now() + PATIENCE;
    loop {
        let run = follow.to_end(id, LOOK, |run| progress.show(run)).await.context(CANNOT_FOLLOW)?;
        if run.state.has_ended() || Instant::now() >= end {
            return Ok(run);
        }
        if !is_served(config).await? {
            let running = app::start(config, &[Role::Worker], Carrier::Local).await?;
            let run = running.follow.to_end(id, PATIENCE, |run| progress.show(run)).await;
            running.stop().await;
            return run.context(CANNOT_FOLLOW);
        }
    }
}

/// Prints why a list was refused.
fn refuse(refusal: &Refusal) -> Outcome {
    eprintln!("{} {refusal}", style("error:"));
    match refusal {
        Refusal::Faulty { faults, count } => {
            for fault in faults {
                eprintln!("  {} {}", if fault.at.is_empty() { "body" } else { &fault.at }, fault.message);
            }
            let more = count.saturating_sub(faults.len() as u64);
            if more > 0 {
                eprintln!("  and {more} more");
            }
            Outcome::BadInput
        }
        Refusal::Malformed { .. } | Refusal::TooLarge(_) | Refusal::BrokenEncoding(_) => Outcome::BadInput,
        _ => Outcome::Problems,
    }
}

fn why_held(reason: HeldReason) -> &'static str {
    match reason {
        HeldReason::EmptyList => "the list is empty, which is never believed",
        HeldReason::IncompleteRoster => "Discord listed fewer members than it says there are (guard.completeness)",
        HeldReason::Verification => "Discord did not list them, but knew one of them when asked",
        HeldReason::MassDeparture => "more members are missing from the list than is believed at once (guard.floor, guard.share)",
    }
}

/// Prints what a run did.
fn tell(run: &Run, begun: chrono::DateTime<Utc>) -> Outcome {
    let counts = &run.counts;
    for (name, count) in [
        ("Created", counts.created),
        ("Updated", counts.updated),
        ("  unchanged", counts.unchanged),
        ("  rejoined", counts.rejoined),
        ("Marked left", counts.marked_left),
        ("Linked", counts.linked),
        ("Unlinked", counts.unlinked),
        ("Duplicates", counts.duplicates),
        ("Skipped", counts.skipped),
        ("Deferred", counts.deferred),
        ("Active", counts.total_active),
    ] {
        println!("{name:<12} {count:>9}");
    }
    let took = (SystemClock.now() - begun).num_milliseconds();
    println!("{:<12} {took:>6} ms, run {}", "Took", run.id);
    match run.state {
        RunState::Succeeded if run.mode == Mode::DryRun => {
            println!("This was a dry run: nothing was changed.");
            if let Some(reason) = run.held_reason {
                println!("The list itself would be held: {} departures; {}.", counts.departures_held, why_held(reason));
            }
            Outcome::Done
        }
        RunState::Succeeded => Outcome::Done,
        RunState::Held => {
            let why = run.held_reason.map_or("a person must decide", why_held);
            println!("Held: {} departures; {why}. Nobody was marked as left.", counts.departures_held);
            Outcome::Held
        }
        RunState::Superseded => {
            println!("Superseded: a newer list had been applied, so this one had no effect.");
            Outcome::Done
        }
        state => {
            let detail = run.error.as_ref().map_or_else(|| format!("it is still {state}"), |error| error.message.clone());
            eprintln!("{} the sync did not end well: {detail}", style("error:"));
            Outcome::Problems
        }
    }
}
