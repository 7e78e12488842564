//! `Finisher`: judges departures once all batches are applied, and ends the run. Of a small run it does all.

use actix::prelude::*;
use chrono::{DateTime, Utc};

use super::verification::{Unverified, verify};
use super::{NO_TOKEN, Tools, failing, lease};
use crate::discord::DiscordError;
use crate::domain::{RunError, RunId, RunState};
use crate::queue::Job;
use crate::store::{FinishClaim, Finished, MAX_CLAIMS, StoreError};

/// Finishes runs, one at a time.
pub(super) struct Finisher {
    tools: Tools,
}

/// Finish this run, if its batches are all applied and nobody else does.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Finish(pub RunId);

impl Finisher {
    pub fn new(tools: Tools) -> Self {
        Self { tools }
    }
}

impl Actor for Finisher {
    type Context = Context<Self>;
}

impl Handler<Finish> for Finisher {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Finish(run): Finish, _: &mut Self::Context) -> Self::Result {
        let tools = self.tools.clone();
        Box::pin(async move {
            let working = tools.runtime.spawn(claim_and_finish(tools.clone(), run));
            // A panic has been reported by its task; the lease runs out, and the sweeper sees to it.
            let _ = working.await;
        })
    }
}

async fn claim_and_finish(tools: Tools, run: RunId) {
    let now = tools.clock.now();
    let claim = match tools.work.claim_finish(run, now, now + tools.pace.lease).await {
        Ok(Some(claim)) => claim,
        Ok(None) => return,
        Err(error) => {
            tracing::warn!(%run, %error, "the run could not be finished just now; it will be tried again");
            tools.tally.note_failure();
            return;
        }
    };
    let finished = {
        let (renewing, finishing) = (tools.clone(), tools.clone());
        lease::hold(
            &tools.runtime,
            tools.pace,
            move || {
                let tools = renewing.clone();
                async move { tools.work.renew_finish(&claim, tools.clock.now() + tools.pace.lease).await }
            },
            async move { judge(&finishing, &claim).await },
        )
        .await
    };
    match finished {
        Ok(None) => tracing::info!(%run, "another worker took the finish over, or the run has ended"),
        Ok(Some(Ok(finished))) => conclude(&tools, run, finished).await,
        Ok(Some(Err(Unfinished::Store(error)))) => give_up(&tools, &claim, &error).await,
        Ok(Some(Err(Unfinished::Unverified(Unverified::NoToken(since))))) => leave_to_others(&tools, &claim, since).await,
        Ok(Some(Err(Unfinished::Unverified(Unverified::Stopping)))) => hand_on(&tools, &claim).await,
        Ok(Some(Err(Unfinished::Unverified(Unverified::Discord(error))))) => unverified(&tools, &claim, &error).await,
        Err(panic) => {
            tracing::error!(%run, attempt = claim.attempt, %panic, "finishing the run panicked");
            tools.tally.note_failure();
        }
    }
}

/// Why a finish did not come about.
enum Unfinished {
    Store(StoreError),
    /// It is not known whether the departures are true.
    Unverified(Unverified),
}

impl From<StoreError> for Unfinished {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn judge(tools: &Tools, claim: &FinishClaim) -> Result<Finished, Unfinished> {
    let Some(departing) = tools.work.departing(claim, tools.guard).await? else {
        return Ok(tools.work.finish_run(claim, tools.guard, tools.clock.now()).await?);
    };
    let findings = verify(tools, claim.run, &departing).await.map_err(Unfinished::Unverified)?;
    Ok(tools.work.finish_fetched(claim, tools.guard, &findings, tools.clock.now()).await?)
}

async fn conclude(tools: &Tools, run: RunId, finished: Finished) {
    if finished.state == RunState::Queued {
        tracing::debug!(%run, "waits until the roster at work is done");
        return;
    }
    let counts = &finished.counts;
    tracing::info!(
        %run,
        state = %finished.state,
        received = counts.total_received,
        created = counts.created,
        updated = counts.updated,
        unchanged = counts.unchanged,
        rejoined = counts.rejoined,
        marked_left = counts.marked_left,
        departures_held = counts.departures_held,
        linked = counts.linked,
        unlinked = counts.unlinked,
        active = counts.total_active,
        "run ended"
    );
    tools.ring.notify(run).await;
    tools.ring.ring(&finished.next.into_iter().map(Job::Run).collect::<Vec<_>>()).await;
}

async fn give_up(tools: &Tools, claim: &FinishClaim, error: &StoreError) {
    let run = claim.run;
    if matches!(error, StoreError::ClaimLost) {
        tracing::info!(%run, "another worker took the finish over");
        return;
    }
    tools.tally.note_failure();
    let blameless = error.is_transient() || matches!(error, StoreError::Newer(_));
    let hopeless = matches!(error, StoreError::Unreadable(_)) || claim.attempt >= MAX_CLAIMS;
    let result = if hopeless && !blameless {
        fail(tools, claim, error).await
    } else {
        tracing::warn!(%run, attempt = claim.attempt, %error, "the run could not be finished; it will be tried again");
        tools.work.release_finish(claim, blameless, tools.clock.now()).await
    };
    if let Err(error) = result {
        tracing::warn!(%run, %error, "the finish could not be given back; its lease will run out");
    }
}

/// Gives the finish of a list from Discord back: a worker with a token finds it. If there is none any more, it must not go round for ever.
async fn leave_to_others(tools: &Tools, claim: &FinishClaim, since: DateTime<Utc>) {
    let now = tools.clock.now();
    let result = if now - since < NO_TOKEN {
        tracing::debug!(run = %claim.run, "DISCORD_TOKEN is not set here; another worker may verify the departures");
        tools.work.release_finish(claim, true, now).await
    } else {
        let message = "No worker has a token to ask Discord whether the departures are true. What had been applied is kept, nobody was marked as \
                       left. Set DISCORD_TOKEN for every process with the role worker.";
        fail_with(tools, claim, RunError { code: "no_token".into(), message: message.into() }).await
    };
    if let Err(error) = result {
        tracing::warn!(run = %claim.run, %error, "the finish could not be given back; its lease will run out");
    }
}

/// Gives the finish to another worker, which verifies the departures at once. That this process ends is no fault of the run.
async fn hand_on(tools: &Tools, claim: &FinishClaim) {
    let run = claim.run;
    tracing::info!(%run, "this process stops; another worker verifies the departures");
    match tools.work.release_finish(claim, true, tools.clock.now()).await {
        Ok(()) => tools.ring.ring(&[Job::Finish(run)]).await,
        Err(error) => tracing::warn!(%run, %error, "the finish could not be given back; its lease will run out"),
    }
}

/// Ends a run whose departures Discord would not speak of.
async fn unverified(tools: &Tools, claim: &FinishClaim, error: &DiscordError) {
    tools.tally.note_failure();
    let message = format!(
        "The departures could not be verified: {error}. What had been applied is kept, nobody was marked as left. The next sync from Discord \
         looks at them again."
    );
    let result = fail_with(tools, claim, RunError { code: error.code().into(), message }).await;
    if let Err(error) = result {
        tracing::warn!(run = %claim.run, %error, "the finish could not be given back; its lease will run out");
    }
}

async fn fail(tools: &Tools, claim: &FinishClaim, error: &StoreError) -> Result<(), StoreError> {
    let message = format!(
        "The run could not be finished: {error}. What had been applied is kept, nobody was marked as left. Look into the worker's log, then \
         send the list again."
    );
    fail_with(tools, claim, RunError { code: "finish_failed".into(), message }).await
}

async fn fail_with(tools: &Tools, claim: &FinishClaim, error: RunError) -> Result<(), StoreError> {
    // Only while it is ours: another worker may be able to do what this one cannot.
    if !tools.work.renew_finish(claim, tools.clock.now() + tools.pace.lease).await? {
        return Ok(());
    }
    failing::fail(tools, claim.run, &error).await
}
