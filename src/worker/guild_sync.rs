//! `GuildSync`: drives one run from the queue to its batches, and a small one to its end.

use actix::prelude::*;
use tokio::sync::oneshot;

use super::crew::Crew;
use crate::domain::RunId;
use crate::queue::Job;
use crate::store::{RunClaim, StoreError};

/// Drives one run; there is one for each `Job::Run` in hand.
///
/// ```text
/// Claiming --one batch--> Applying --applied--> Finishing --> stopped
///          --no batch-------------------------> Finishing
///          --from Discord--> its fetch, whose pages are rung as they come --> stopped
///          --small---> its finish, which is all of it --> stopped
///          --many: rung--> stopped      --not its turn, superseded, nothing to do--> stopped
/// ```
pub(super) struct GuildSync {
    run: RunId,
    crew: Crew,
    /// Told when this actor stops.
    stopped: Option<oneshot::Sender<()>>,
}

/// The outcome of the claim.
#[derive(Message)]
#[rtype(result = "()")]
struct Claimed(Result<RunClaim, StoreError>);

/// The run's only batch was worked on; how many batches are left, if it was applied here.
#[derive(Message)]
#[rtype(result = "()")]
struct Applied(Option<i64>);

/// There is nothing more to do here.
#[derive(Message)]
#[rtype(result = "()")]
struct Over;

impl GuildSync {
    /// Drives `run` as far as it goes in one job.
    pub async fn drive(run: RunId, crew: Crew) {
        let (stopped, over) = oneshot::channel();
        let arbiter = crew.arbiter.clone();
        Self::start_in_arbiter(&arbiter, move |_| Self { run, crew, stopped: Some(stopped) });
        // An actor that ends drops its sender, which is an answer, too.
        let _ = over.await;
    }

    /// Does `work` on the main runtime and sends this actor the message it ends with; an actor whose work panicked stops.
    fn then<M>(&self, context: &mut Context<Self>, work: impl Future<Output = M> + Send + 'static)
    where
        M: Message<Result = ()> + Send + 'static,
        Self: Handler<M>,
    {
        let doing = self.crew.tools.runtime.spawn(work);
        context.spawn(doing.into_actor(self).map(|done, _, context| match done {
            Ok(message) => context.notify(message),
            Err(_) => context.stop(),
        }));
    }

    fn finish(&self, context: &mut Context<Self>) {
        let (crew, run) = (self.crew.clone(), self.run);
        self.then(context, async move {
            crew.finish(run).await;
            Over
        });
    }

    fn ring(&self, context: &mut Context<Self>, jobs: Vec<Job>) {
        let (ring, run) = (self.crew.tools.ring.clone(), self.run);
        self.then(context, async move {
            ring.ring(&jobs).await;
            ring.notify(run).await;
            Over
        });
    }
}

impl Actor for GuildSync {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let (work, run, now) = (self.crew.tools.work.clone(), self.run, self.crew.tools.clock.now());
        self.then(context, async move { Claimed(work.claim_run(run, now).await) });
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(stopped) = self.stopped.take() {
            // Nobody listens when the process is stopping.
            let _ = stopped.send(());
        }
    }
}

impl Handler<Claimed> for GuildSync {
    type Result = ();

    fn handle(&mut self, Claimed(claim): Claimed, context: &mut Self::Context) {
        let run = self.run;
        match claim {
            Ok(RunClaim::Small) => {
                let crew = self.crew.clone();
                self.then(context, async move {
                    crew.finish_small(run).await;
                    Over
                });
            }
            Ok(RunClaim::Fetch) => {
                let crew = self.crew.clone();
                self.then(context, async move {
                    crew.fetch(run).await;
                    Over
                });
            }
            Ok(RunClaim::Started { batches: 0 }) => self.finish(context),
            Ok(RunClaim::Started { batches: 1 }) => {
                let crew = self.crew.clone();
                self.then(context, async move { Applied(crew.apply(run, 0).await) });
            }
            Ok(RunClaim::Started { batches }) => {
                tracing::info!(%run, batches, "taken up");
                self.ring(context, (0..batches).map(|batch| Job::Batch(run, batch)).collect());
            }
            Ok(RunClaim::NotYet(next)) => self.ring(context, next.map(Job::Run).into_iter().collect()),
            Ok(RunClaim::Superseded(next)) => {
                tracing::info!(%run, "superseded: a newer roster has been applied");
                self.ring(context, next.into_iter().map(Job::Run).collect());
            }
            Ok(RunClaim::Nothing) => context.stop(),
            Err(error) => {
                tracing::warn!(%run, %error, "the run could not be taken up; it will be tried again");
                self.crew.tools.tally.note_failure();
                context.stop();
            }
        }
    }
}

impl Handler<Applied> for GuildSync {
    type Result = ();

    fn handle(&mut self, Applied(left): Applied, context: &mut Self::Context) {
        if left == Some(0) { self.finish(context) } else { context.stop() }
    }
}

impl Handler<Over> for GuildSync {
    type Result = ();

    fn handle(&mut self, Over: Over, context: &mut Self::Context) {
        context.stop();
    }
}
