//! `BatchWriter`: claims, decodes and applies one batch at a time.

use actix::prelude::*;

use super::{Tools, failing, lease};
use crate::domain::{Member, RunError, RunId};
use crate::store::{BatchClaim, MAX_CLAIMS, StoreError, decode_payload};

/// Applies batches, one at a time.
pub(super) struct BatchWriter {
    tools: Tools,
}

/// Apply this batch, if it can be claimed. Answers how many batches of the run are left, if it was applied here.
#[derive(Message)]
#[rtype(result = "Option<i64>")]
pub(super) struct ApplyBatch {
    pub run: RunId,
    pub batch: i32,
}

impl BatchWriter {
    pub fn new(tools: Tools) -> Self {
        Self { tools }
    }
}

impl Actor for BatchWriter {
    type Context = Context<Self>;
}

impl Handler<ApplyBatch> for BatchWriter {
    type Result = ResponseFuture<Option<i64>>;

    fn handle(&mut self, message: ApplyBatch, _: &mut Self::Context) -> Self::Result {
        let tools = self.tools.clone();
        Box::pin(async move {
            let working = tools.runtime.spawn(claim_and_apply(tools.clone(), message.run, message.batch));
            // A panic has been reported by its task; the lease runs out, and the sweeper sees to it.
            working.await.unwrap_or_default()
        })
    }
}

async fn claim_and_apply(tools: Tools, run: RunId, batch: i32) -> Option<i64> {
    let now = tools.clock.now();
    let claim = match tools.work.claim_batch(run, batch, &tools.process, now, now + tools.pace.lease).await {
        Ok(claim) => claim?,
        Err(error) => {
            tracing::warn!(%run, batch, %error, "the batch could not be claimed; it will be tried again");
            tools.tally.note_failure();
            return None;
        }
    };
    let applied = {
        let (renewing, renewed) = (tools.clone(), claim.clone());
        let (applying, applied) = (tools.clone(), claim.clone());
        lease::hold(
            &tools.runtime,
            tools.pace,
            move || {
                let (tools, claim) = (renewing.clone(), renewed.clone());
                async move { tools.work.renew_batch(&claim, tools.clock.now() + tools.pace.lease).await }
            },
            async move {
                let (members, applied) = decode(applied).await?;
                applying.work.apply_batch(&applied, &members, applying.clock.now()).await
            },
        )
        .await
    };
    match applied {
        Ok(None) => {
            tracing::info!(%run, batch, "another worker took the batch over, or its run has ended");
            None
        }
        Ok(Some(Ok(done))) => {
            tracing::debug!(%run, batch, remaining = done.remaining, "batch applied");
            tools.ring.notify(run).await;
            Some(done.remaining)
        }
        Ok(Some(Err(error))) => {
            give_up(&tools, &claim, &error).await;
            None
        }
        Err(panic) => {
            tracing::error!(%run, batch, attempt = claim.attempt, %panic, "applying the batch panicked");
            tools.tally.note_failure();
            None
        }
    }
}

/// Decodes a batch where computing holds nobody up.
async fn decode(claim: BatchClaim) -> Result<(Vec<Member>, BatchClaim), StoreError> {
    let decoding = tokio::task::spawn_blocking(move || members(&claim).map(|members| (members, claim)));
    decoding.await.unwrap_or_else(|panic| Err(StoreError::Unreadable(format!("a batch payload ({panic})"))))
}

/// The members of a batch, less those that a later batch replaces.
fn members(claim: &BatchClaim) -> Result<Vec<Member>, StoreError> {
    let mut members = decode_payload(&claim.payload)?;
    if !claim.dropped.is_empty() {
        let dropped: std::collections::HashSet<i64> = claim.dropped.iter().copied().collect();
        members.retain(|member| !dropped.contains(&member.id.get()));
    }
    Ok(members)
}

/// Gives the batch back after an error: to be tried again when the sweeper rings it, or, after the last try, not.
async fn give_up(tools: &Tools, claim: &BatchClaim, error: &StoreError) {
    let (run, batch, now) = (claim.run, claim.batch, tools.clock.now());
    if matches!(error, StoreError::ClaimLost) {
        tracing::info!(%run, batch, "another worker took the batch over");
        return;
    }
    tools.tally.note_failure();
    let why = error.to_string();
    let result = match error {
        transient if transient.is_transient() => {
            tracing::warn!(%run, batch, %error, "the batch could not be applied just now; it will be tried again");
            tools.work.release_batch(claim, &why, true, now).await
        }
        StoreError::Newer(_) => {
            tracing::warn!(%run, batch, %error, "the batch is left to a newer worker; upgrade this one, or cancel the run");
            tools.work.release_batch(claim, &why, true, now).await
        }
        StoreError::Unreadable(_) => fail(tools, claim, error).await,
        _ if claim.attempt >= MAX_CLAIMS => fail(tools, claim, error).await,
        _ => {
            tracing::warn!(%run, batch, attempt = claim.attempt, %error, "the batch could not be applied; it will be tried again");
            tools.work.release_batch(claim, &why, false, now).await
        }
    };
    if let Err(error) = result {
        tracing::warn!(%run, batch, %error, "the batch could not be given back; its lease will run out");
    }
}

async fn fail(tools: &Tools, claim: &BatchClaim, error: &StoreError) -> Result<(), StoreError> {
    // Only while it is ours: another worker may be able to do what this one cannot.
    if !tools.work.blame_batch(claim, &error.to_string(), tools.clock.now() + tools.pace.lease).await? {
        return Ok(());
    }
    let error = RunError {
        code: "batch_failed".into(),
        message: format!(
            "batch {} could not be applied: {error}. What other batches had applied is kept, nobody was marked as left. Look into the worker's \
             log, then send the list again.",
            claim.batch
        ),
    };
    failing::fail(tools, claim.run, &error).await
}
