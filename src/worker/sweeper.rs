//! `Sweeper`: finds steps whose job was lost or whose worker died, and rings them again; takes members up into what is searched; applies
//! retention. One process at a time has this duty.

use std::time::Duration;

use actix::prelude::*;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::Tools;
use crate::domain::RunError;
use crate::queue::Job;
use crate::store::{Due, Lease, MAX_CLAIMS, StoreError};

/// The duty's name in `leases`.
const DUTY: &str = "sweeper";
/// Steps rung in one sweep.
const MOST: i64 = 500;
/// Members that are taken up into what is searched in one transaction, which keeps other writers waiting as long as a batch does.
const TAKEN_UP: i64 = 2_000;
/// A sweep goes on with that for so long.
const TAKING_UP: Duration = Duration::from_secs(1);
/// One sweep takes milliseconds; one that hangs is dropped and the next begins.
const LONGEST: Duration = Duration::from_mins(1);

/// Sweeps at its interval for as long as the process lives.
pub(super) struct Sweeper {
    tools: Tools,
    tidied: Option<Instant>,
    /// A sweep is under way.
    busy: bool,
    /// Until when this process has the duty.
    held_until: Option<DateTime<Utc>>,
}

/// The sweep is over.
#[derive(Message, Default)]
#[rtype(result = "()")]
struct Swept {
    /// Retention was applied.
    tidied: bool,
    /// Until when this process has the duty; `None` also if that is not known.
    held_until: Option<DateTime<Utc>>,
}

/// Let go of the duty and end.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Stop;

impl Sweeper {
    pub fn start(tools: &Tools, arbiter: &ArbiterHandle) -> Addr<Self> {
        let tools = tools.clone();
        Self::start_in_arbiter(arbiter, move |_| Self { tools, tidied: None, busy: false, held_until: None })
    }

    fn sweep(&mut self, context: &mut Context<Self>) {
        if self.busy {
            return;
        }
        self.busy = true;
        let tools = self.tools.clone();
        let tidy = self.tidied.is_none_or(|at| at.elapsed() >= tools.pace.tidy);
        let held_until = self.held_until;
        let sweeping = self.tools.runtime.spawn(async move {
            let swept = tokio::time::timeout(LONGEST, sweep(&tools, tidy, held_until)).await;
            match swept {
                Ok(Ok(held_until)) => Swept { tidied: tidy && held_until.is_some(), held_until },
                Ok(Err(error)) => {
                    tracing::warn!(%error, "looking for lost steps failed; the next try follows");
                    Swept::default()
                }
                Err(_) => {
                    tracing::warn!("looking for lost steps took too long; the next try follows");
                    Swept::default()
                }
            }
        });
        let address = context.address();
        context.spawn(async move { address.do_send(sweeping.await.unwrap_or_default()) }.into_actor(self));
    }
}

impl Actor for Sweeper {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        // At once, for what a restart left behind; it waits for the leases of a process that was killed.
        self.sweep(context);
        context.run_interval(self.tools.pace.sweep, Self::sweep);
    }
}

impl Handler<Swept> for Sweeper {
    type Result = ();

    fn handle(&mut self, swept: Swept, _: &mut Self::Context) {
        self.busy = false;
        self.held_until = swept.held_until;
        if swept.tidied {
            self.tidied = Some(Instant::now());
        }
    }
}

impl Handler<Stop> for Sweeper {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, Stop: Stop, _: &mut Self::Context) -> Self::Result {
        let tools = self.tools.clone();
        let dropping = self.tools.runtime.spawn(async move { tools.upkeep.drop_lease(DUTY, &tools.process).await });
        Box::pin(
            async move {
                if let Ok(Err(error)) = dropping.await {
                    tracing::debug!(%error, "the sweeper's duty was not let go of; it will run out");
                }
            }
            .into_actor(self)
            .map(|(), _, context| context.stop()),
        )
    }
}

/// One sweep; answers until when this process has the duty, `None` if another one has it.
async fn sweep(tools: &Tools, tidy: bool, held_until: Option<DateTime<Utc>>) -> Result<Option<DateTime<Utc>>, StoreError> {
    let now = tools.clock.now();
    // Renewed when half of it is gone: after each write SQLite's readers have to read anew what they knew.
    let is_fresh = |until: &DateTime<Utc>| (tools.pace.lease / 2..=tools.pace.lease).contains(&(*until - now));
    let until = held_until.filter(is_fresh).unwrap_or(now + tools.pace.lease);
    let lease = Lease { name: DUTY, holder: &tools.process, until };
    if held_until != Some(until) && !tools.upkeep.take_lease(&lease, now).await? {
        return Ok(None);
    }
    for run in tools.work.exhausted(now).await? {
        tracing::error!(%run, "a step of the run was begun {MAX_CLAIMS} times without an outcome; it is set aside and the run fails");
        let error = RunError {
            code: "set_aside".into(),
            message: format!(
                "A step of this run was begun {MAX_CLAIMS} times and never came to an end; it may be what ended its workers. What had been applied is \
                 kept, nobody was marked as left. Look into the workers' logs, then send the list again."
            ),
        };
        let next = tools.work.set_aside(run, &error, now).await?;
        tools.ring.notify(run).await;
        tools.ring.ring(&next.into_iter().map(Job::Run).collect::<Vec<_>>()).await;
    }
    let due = tools.work.due(now, now - tools.pace.patience, MOST).await?;
    if !due.is_empty() {
        tracing::debug!(steps = due.len(), "ringing steps again that nobody has taken");
        tools.ring.ring(&due.into_iter().map(job).collect::<Vec<_>>()).await;
    }
    let began = Instant::now();
    while tools.upkeep.index_members(TAKEN_UP).await? && began.elapsed() < TAKING_UP {}
    if tidy {
        let swept = tools.upkeep.sweep(&tools.retention, now).await?;
        tracing::debug!(?swept, "retention applied");
    }
    Ok(Some(until))
}

fn job(due: Due) -> Job {
    match due {
        Due::Run(run) => Job::Run(run),
        Due::Batch(run, batch) => Job::Batch(run, batch),
        Due::Finish(run) => Job::Finish(run),
    }
}
