//! Takes a full roster in: staged while it comes, filed when it has come whole.

use chrono::{DateTime, Utc};
use tokio::io::AsyncRead;
use tokio::sync::OwnedSemaphorePermit;

use super::stream::{Taken, Taking};
use super::{Fault, Intake, Refusal, Rule, Wish};
use crate::domain::{Counts, Mode, RunId};
use crate::queue::Job;
use crate::store::{Filed, Idempotency, NewRun, StoreError};

impl Intake {
    /// Files a run of the full roster that `body` holds as JSON (see design 3.3). Once this has answered, the run will be carried
    /// out whatever happens. If the caller goes away meanwhile, the body ends and nothing is filed.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed then.
    pub async fn file_roster(&self, body: impl AsyncRead + Send + Unpin + 'static, wish: Wish) -> Result<RunId, Refusal> {
        // Waiting for a turn makes a list no newer.
        let begun = self.clock.now();
        let permit = self.turn().await?;
        let intake = self.clone();
        // A task of its own: a caller that is dropped must not leave half a list staged.
        let filed = tokio::spawn(async move {
            let _permit = permit;
            intake.take_in(body, wish, begun).await
        });
        filed.await.unwrap_or_else(|e| Err(Refusal::Internal(e.to_string())))
    }

    /// Reads a list that will not be filed whatever it holds, for what is wrong with it.
    ///
    /// # Errors
    /// A [`Refusal`], as [`file_roster`](Self::file_roster) would give.
    pub async fn check_roster(&self, body: impl AsyncRead + Send + Unpin + 'static) -> Result<(), Refusal> {
        let _permit = self.turn().await?;
        let mut taking = Taking::begin(body, &self.limits, self.guild, false);
        while taking.next().await.is_some() {}
        taking.end().await.map(drop)
    }

    /// Waits for the right to take a list in.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let turn = tokio::time::timeout(self.limits.idle, self.uploads.clone().acquire_owned()).await;
        turn.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Busy)
    }

    async fn take_in(
        &self,
        body: impl AsyncRead + Send + Unpin + 'static,
        wish: Wish,
        begun: DateTime<Utc>,
    ) -> Result<RunId, Refusal> {
        let id = RunId::new(begun, (self.random)());
        let (result, staged) = match self.stage_and_file(id, body, wish, begun).await {
            Ok((Filed::New, _)) => {
                self.ring.ring(&[Job::Run(id)]).await;
                return Ok(id);
            }
            Ok((Filed::Repeat(run) | Filed::Joined(run), staged)) => (Ok(run), staged),
            Ok((Filed::KeyReused, staged)) => (Err(key_reused()), staged),
            Err((refusal, staged)) => (Err(refusal), staged),
        };
        if staged && let Err(error) = self.filing.discard_staged(id).await {
            tracing::warn!(run = %id, %error, "a list that is not filed could not be removed at once; the sweeper will do it");
        }
        result
    }

    /// The flag of either outcome says whether anything had been staged.
    async fn stage_and_file(
        &self,
        id: RunId,
        body: impl AsyncRead + Send + Unpin + 'static,
        wish: Wish,
        begun: DateTime<Utc>,
    ) -> Result<(Filed, bool), (Refusal, bool)> {
        let mut staged = false;
        let mut taking = Taking::begin(body, &self.limits, self.guild, wish.idempotency_key.is_some());
        while let Some(batch) = taking.next().await {
            staged = true;
            if let Err(error) = self.filing.stage_batch(id, &batch, self.clock.now()).await {
                // The list's own fault, if it has one, matters less than that it cannot be kept.
                let _ = taking.end().await;
                return Err((error.into(), staged));
            }
        }
        let taken = taking.end().await.map_err(|refusal| (refusal, staged))?;
        let run = self.new_run(id, &taken, wish, begun);
        match self.filing.file_run(&run, taken.last.as_slice(), &taken.total.dropped).await {
            Ok(filed) => Ok((filed, staged)),
            // Its first batches were swept before its last had come.
            Err(StoreError::Refused(_)) => Err((Refusal::TooSlow, staged)),
            // Nothing is discarded then: what was staged is swept if it belongs to no run.
            Err(error) if error.is_transient() => match self.after_lost_answer(id, error).await {
                Ok(()) => Ok((Filed::New, false)),
                Err(refusal) => Err((refusal, false)),
            },
            Err(error) => Err((error.into(), staged)),
        }
    }

    fn new_run(&self, id: RunId, taken: &Taken, wish: Wish, begun: DateTime<Utc>) -> NewRun {
        let now = self.clock.now();
        NewRun {
            id,
            source: wish.source,
            mode: if wish.dry_run || taken.dry_run { Mode::DryRun } else { Mode::Full },
            decision: None,
            allow_mass_departure: wish.allow_mass_departure || taken.allow_mass_departure,
            idempotency: wish.idempotency_key.zip(taken.body_hash).map(|(key, body_hash)| Idempotency { key, body_hash }),
            reply: None,
            requested_by: wish.asked.by,
            noted: wish.asked.note,
            // A clock that runs ahead must not make this roster outrank those that follow.
            observed_at: taken.observed_at.map_or(begun, |at| at.min(now)),
            created_at: now,
            members_total: taken.total.distinct,
            batches_total: taken.batches,
            counts: Counts {
                total_received: taken.received.cast_signed(),
                duplicates: taken.total.duplicates,
                ..Counts::default()
            },
        }
    }

    /// The answer to a filing did not come; the run may be filed all the same, or be just about to be.
    pub(super) async fn after_lost_answer(&self, id: RunId, error: StoreError) -> Result<(), Refusal> {
        match self.filing.is_filed(id).await {
            Ok(true) => Ok(()),
            _ => Err(error.into()),
        }
    }
}

fn key_reused() -> Refusal {
    let message = "came with another body before; take a new key for a new request".to_owned();
    let fault = Fault { at: "Idempotency-Key".to_owned(), rule: Rule::Reused, message };
    Refusal::Faulty { faults: vec![fault], count: 1 }
}
