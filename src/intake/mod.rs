//! DOOR: from a roster stream to a filed run.
//!
//! Enters: bytes that claim to be a member list. Leaves: a run and its batches in SQL, then a ring of the queue; or a [`Refusal`] and
//! nothing changed. Imports `domain`, `store` (the filing and reading handles) and `queue` (its ring and its notices); never an entry, never
//! `worker`.
//!
//! The list is never held whole. One task reads and inflates the body, a blocking thread parses and checks it as it comes and cuts it into
//! batches, and the batches are staged while more is coming:
//!
//! ```text
//! body -> inflate -> [chunks, 4] -> parse, check, cut, compress -> [batches, 2] -> stage          (until the end)
//!                                                                               -> file the run  (one transaction)
//!                                                                               -> ring
//! ```
//!
//! The channels between are short, so a slow database slows the client down instead of filling memory.

mod batches;
mod body;
mod checks;
mod faults;
mod follow;
mod json;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use faults::{Fault, MAX_FAULTS, Refusal, Rule};
pub use follow::{Follow, FollowError};

use crate::domain::{Clock, Counts, DiscordId, Mode, Random, RunId, Source};
use crate::queue::{Job, Ring};
use crate::store::{Filing, NewRun, StoreError};

/// The bounds of what is taken in.
#[derive(Debug, Clone, Copy)]
pub struct IntakeLimits {
    /// Largest body, inflated. Bytes.
    pub max_body: u64,
    /// Most entries of a list.
    pub max_members: u64,
    /// Members in a batch.
    pub batch_members: usize,
    /// How long a body may stand still.
    pub idle: Duration,
    /// How long a body may take.
    pub total: Duration,
    /// How many bodies are taken in at once.
    pub uploads: usize,
}

/// Who wants a roster applied, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Where the list comes from.
    pub source: Source,
    /// A Discord user id, a staff name, or empty.
    pub requested_by: String,
}

/// Takes lists in and files runs.
#[derive(Clone)]
pub struct Intake {
    filing: Arc<dyn Filing>,
    ring: Arc<dyn Ring>,
    clock: Arc<dyn Clock>,
    random: Random,
    guild: DiscordId,
    limits: IntakeLimits,
    uploads: Arc<Semaphore>,
}

impl Intake {
    /// An intake for the guild's rosters.
    #[must_use]
    pub fn new(
        filing: Arc<dyn Filing>,
        ring: Arc<dyn Ring>,
        clock: Arc<dyn Clock>,
        random: Random,
        guild: DiscordId,
        limits: IntakeLimits,
    ) -> Self {
        let uploads = Arc::new(Semaphore::new(limits.uploads));
        Self { filing, ring, clock, random, guild, limits, uploads }
    }

    /// The guild whose rosters this takes.
    #[must_use]
    pub fn guild(&self) -> DiscordId {
        self.guild
    }

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
        let mut taking = stream::Taking::begin(body, &self.limits, self.parser());
        while taking.next().await.is_some() {}
        taking.end().await.map(drop)
    }

    /// Waits for the right to take a list in.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let turn = tokio::time::timeout(self.limits.idle, self.uploads.clone().acquire_owned()).await;
        turn.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Busy)
    }

    fn parser(&self) -> body::Parser {
        body::Parser { guild: self.guild, max_members: self.limits.max_members, batch_members: self.limits.batch_members }
    }

    async fn take_in(
        &self,
        body: impl AsyncRead + Send + Unpin + 'static,
        wish: Wish,
        begun: chrono::DateTime<chrono::Utc>,
    ) -> Result<RunId, Refusal> {
        let id = RunId::new(begun, (self.random)());
        match self.stage_and_file(id, body, wish, begun).await {
            Ok(()) => {
                self.ring.ring(&[Job::Run(id)]).await;
                Ok(id)
            }
            Err((refusal, staged)) => {
                if staged && let Err(error) = self.filing.discard_staged(id).await {
                    tracing::warn!(run = %id, %error, "a refused list could not be removed at once; the sweeper will do it");
                }
                Err(refusal)
            }
        }
    }

    /// The error says whether anything had been staged.
    async fn stage_and_file(
        &self,
        id: RunId,
        body: impl AsyncRead + Send + Unpin + 'static,
        wish: Wish,
        begun: chrono::DateTime<chrono::Utc>,
    ) -> Result<(), (Refusal, bool)> {
        let mut staged = false;
        let mut taking = stream::Taking::begin(body, &self.limits, self.parser());
        while let Some(batch) = taking.next().await {
            staged = true;
            if let Err(error) = self.filing.stage_batch(id, &batch, self.clock.now()).await {
                // The list's own fault, if it has one, matters less than that it cannot be kept.
                let _ = taking.end().await;
                return Err((error.into(), staged));
            }
        }
        let parsed = taking.end().await.map_err(|refusal| (refusal, staged))?;
        let now = self.clock.now();
        let batches = parsed.batches;
        let run = NewRun {
            id,
            source: wish.source,
            mode: Mode::Full,
            requested_by: wish.requested_by,
            // A clock that runs ahead must not make this roster outrank those that follow.
            observed_at: parsed.observed_at.map_or(begun, |at| at.min(now)),
            created_at: now,
            members_total: batches.distinct,
            batches_total: batches.count,
            counts: Counts { total_received: parsed.received, duplicates: batches.duplicates, ..Counts::default() },
        };
        match self.filing.file_run(&run, batches.last.as_slice(), &batches.dropped).await {
            Ok(()) => Ok(()),
            // Its first batches were swept before its last had come.
            Err(StoreError::Refused(_)) => Err((Refusal::TooSlow, staged)),
            Err(error) if error.is_transient() => self.after_lost_answer(id, error).await,
            Err(error) => Err((error.into(), staged)),
        }
    }

    /// The answer to the filing did not come; the run may be filed all the same, or be just about to be. Nothing is discarded then: what
    /// was staged is swept if it belongs to no run.
    async fn after_lost_answer(&self, id: RunId, error: StoreError) -> Result<(), (Refusal, bool)> {
        match self.filing.is_filed(id).await {
            Ok(true) => Ok(()),
            _ => Err((error.into(), false)),
        }
    }
}
