//! WORK: carries runs out. The only room that writes `guild_members`.
//!
//! Enters: jobs, which name a step of a run. Leaves: rows, counts and ends of runs in SQL; rings for the next step; notices. Imports
//! `domain`, `discord`, `store` (the working handle, upkeep, and what a list from Discord brings) and `queue`; never an entry.
//!
//! The actors are small state machines with typed messages. They hold no state that matters: SQL says what is to be done, so any of them may
//! die at any time, and any other worker on any machine goes on. Their I/O and their computing run on the main runtime; a panic there ends one
//! task and lets one lease run out.
//!
//! ```text
//! Job::Run    -> GuildSync    takes the run up: one batch, or a small run, is done on the spot; more are rung for all workers
//! Job::Batch  -> BatchWriter  claims, decodes and applies one batch; whoever applied the last one has the run finished
//! Job::Run    -> RosterFetcher, if the run's list is to come from Discord: pages become batches while more come
//! Job::Finish -> Finisher     judges departures, passes over the links, ends the run, rings the next in turn
//! every 2 s      Sweeper      rings steps whose job was lost or whose worker died; fails runs whose step kills workers
//! ```

mod batch_writer;
mod crew;
mod failing;
mod finisher;
mod guild_sync;
mod lease;
mod roster_fetcher;
mod sweeper;
mod tally;
mod verification;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::discord::Rest;
use crate::domain::{Clock, DiscordId, Guard};
use crate::queue::{Handler, Job, Places, Ring};
use crate::store::{Problems, Read, Retention, Roles, Upkeep, Work};

use crew::Crew;
pub use tally::Tally;

/// The rhythm of claims and rings. The defaults are those of design rule 10.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a claim lasts without renewal.
    pub lease: TimeDelta,
    /// How often a claim is renewed.
    pub renew: Duration,
    /// How often lost steps are looked for.
    pub sweep: Duration,
    /// How long a rung step may go unclaimed before it is rung again.
    pub patience: TimeDelta,
    /// How often retention is applied.
    pub tidy: Duration,
}

impl Pace {
    /// The rhythm with Redis, or with the queue in this process, where a ring is either heard at once or lost with the process.
    #[must_use]
    pub fn new(local_queue: bool) -> Self {
        Self {
            lease: TimeDelta::seconds(6),
            renew: Duration::from_secs(2),
            sweep: Duration::from_secs(if local_queue { 1 } else { 2 }),
            patience: TimeDelta::seconds(if local_queue { 1 } else { 5 }),
            tidy: Duration::from_mins(1),
        }
    }
}

/// How long a step that only a worker with a token can do waits for one; all other syncs wait with it.
const NO_TOKEN: TimeDelta = TimeDelta::minutes(15);

/// Asks Discord about the guild.
#[derive(Clone)]
pub struct AskGuild {
    /// Discord's REST API.
    pub rest: Rest,
    /// The guild.
    pub guild: DiscordId,
}

/// What the workers work with.
#[derive(Clone)]
pub struct Tools {
    /// Claims and concludes steps.
    pub work: Arc<dyn Work>,
    /// Duties and retention.
    pub upkeep: Arc<dyn Upkeep>,
    /// Rings the next step.
    pub ring: Arc<dyn Ring>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The main runtime, for all I/O.
    pub runtime: tokio::runtime::Handle,
    /// Reads runs.
    pub read: Arc<dyn Read>,
    /// Keeps the names of roles.
    pub roles: Arc<dyn Roles>,
    /// Keeps standing problems.
    pub problems: Arc<dyn Problems>,
    /// Asks Discord about the guild; `None` without a token.
    pub discord: Option<AskGuild>,
    /// When departures are believed.
    pub guard: Guard,
    /// A list from Discord with a smaller share of its members is not whole. 0 to 1.
    pub completeness: f64,
    /// The rhythm.
    pub pace: Pace,
    /// How long things are kept.
    pub retention: Retention,
    /// This process, as it shows itself in `processes`.
    pub process: String,
    /// Counts the jobs.
    pub tally: Tally,
    /// Cancelled when this process is to end: no more jobs are taken, and what waits for Discord is handed to other workers.
    pub stop: CancellationToken,
}

/// The actors of this process.
pub struct Workforce {
    crew: Crew,
    sweeper: Addr<sweeper::Sweeper>,
}

impl Workforce {
    /// Starts the actors in `arbiter`: `writers` batch writers and one of each of the others.
    #[must_use]
    pub fn start(tools: &Tools, writers: usize, arbiter: &ArbiterHandle) -> Self {
        let crew = Crew::start(tools, writers, arbiter);
        let sweeper = sweeper::Sweeper::start(tools, arbiter);
        Self { crew, sweeper }
    }

    /// How many jobs to take at once: a batch for each writer, and the next one; and runs that are taken up, fetched and finished meanwhile, large
    /// and small.
    #[must_use]
    pub fn places(writers: usize) -> Places {
        Places { batches: writers + 1, runs: 5 }
    }

    /// Carries out jobs from the queue.
    #[must_use]
    pub fn handler(&self) -> Handler {
        let crew = self.crew.clone();
        Arc::new(move |job| {
            let crew = crew.clone();
            let in_hand = crew.tools.tally.begin();
            Box::pin(async move {
                carry_out(crew, job).await;
                in_hand.over();
            })
        })
    }

    /// Lets go of the sweeper's duty, so that another process has it at once. Steps in hand end with the queue's `take`.
    pub async fn stop(&self) {
        // A sweeper that is gone has nothing to let go of.
        let _ = self.sweeper.send(sweeper::Stop).await;
    }
}

/// Carries a job out, as far as it can be: what is left over stands in SQL, and the sweeper rings it again.
async fn carry_out(crew: Crew, job: Job) {
    match job {
        Job::Run(run) => guild_sync::GuildSync::drive(run, crew).await,
        Job::Batch(run, batch) => {
            if crew.apply(run, batch).await == Some(0) {
                crew.finish(run).await;
            }
        }
        Job::Finish(run) => crew.finish(run).await,
    }
}
