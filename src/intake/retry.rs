//! Files a failed run anew.

use super::{Asked, Fetch, Intake, Refusal};
use crate::domain::{Mode, Run, RunId, Source};
use crate::queue::Job;
use crate::store::{Retried, Retry};

/// Why a run is not filed anew. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRetry {
    /// It has not failed, or is a decision, which is made anew instead.
    NotFailed,
    /// Its list is no longer kept.
    Gone,
}

impl Intake {
    /// Files a failed run anew: from the list that is kept of it, with the same evidence of the same time. A list from Discord is fetched anew.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed then.
    pub async fn retry(&self, failed: &Run, asked: impl Into<Asked> + Send) -> Result<Result<Fetch, NoRetry>, Refusal> {
        if !failed.is_retryable() {
            return Ok(Err(NoRetry::NotFailed));
        }
        if failed.source == Source::Discord {
            return self.file_fetch(asked, failed.mode == Mode::DryRun).await.map(Ok);
        }
        let Asked { by, note } = asked.into();
        let now = self.clock.now();
        let retry = Retry { failed: failed.id, id: RunId::new(now, (self.random)()), requested_by: by, noted: note };
        match self.filing.retry_run(&retry, now).await {
            Ok(Retried::Filed) => {}
            Ok(Retried::NotFailed) => return Ok(Err(NoRetry::NotFailed)),
            Ok(Retried::Gone) => return Ok(Err(NoRetry::Gone)),
            Err(error) if error.is_transient() => self.after_lost_answer(retry.id, error).await?,
            Err(error) => return Err(error.into()),
        }
        self.ring.ring(&[Job::Run(retry.id)]).await;
        Ok(Ok(Fetch::New(retry.id)))
    }
}
