//! Files the wish for a list from Discord: a run without batches, whose list a worker fetches.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::timeout;

use super::{Asked, Intake, Refusal};
use crate::domain::{Mode, RunId, Source};
use crate::queue::Job;
use crate::store::{Filed, Idempotency, Interaction, NewRun, StoreError};

/// What became of a wish for a list from Discord.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// It is a run.
    New(RunId),
    /// Such a list is being fetched already, or is about to be; this is the run that the wish has joined.
    Joined(RunId),
}

/// What became of a command's wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commanded {
    /// It is filed.
    Filed(Fetch),
    /// It is filed, which the database said so late that the reply may have been completed meanwhile.
    Late(RunId),
    /// The database does not say. If it is filed, its reply is kept with it.
    Unknown,
}

impl Fetch {
    /// The run that fulfils the wish.
    #[must_use]
    pub fn run(self) -> RunId {
        match self {
            Self::New(run) | Self::Joined(run) => run,
        }
    }
}

impl Intake {
    /// Files a full sync from Discord, or joins the one that waits or is at work. A dry run joins a dry run only.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed then.
    pub async fn file_fetch(&self, asked: impl Into<Asked>, dry_run: bool) -> Result<Fetch, Refusal> {
        let mode = if dry_run { Mode::DryRun } else { Mode::Full };
        self.fetch(NewRun { mode, ..self.small(Source::Discord, asked) }).await
    }

    /// As [`file_fetch`](Self::file_fetch) for a command. The reply that it is owed is kept with the run, so that a process which dies over this
    /// has either filed nothing or left what others complete. Waits for the database no longer than `patience`, and once more as long to ask
    /// whether the wish is filed: what was written may be so although the answer has not come.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed then, and no reply is kept.
    pub async fn file_command(
        &self,
        requested_by: String,
        dry_run: bool,
        reply: Interaction,
        patience: Duration,
    ) -> Result<Commanded, Refusal> {
        let mode = if dry_run { Mode::DryRun } else { Mode::Full };
        let wish = NewRun { mode, reply: Some(reply), ..self.small(Source::Discord, requested_by) };
        let run = wish.id;
        if let Ok(filed) = timeout(patience, self.fetch(wish)).await {
            return filed.map(Commanded::Filed);
        }
        match timeout(patience, self.filing.is_filed(run)).await {
            Ok(Ok(true)) => {
                self.ring.ring(&[Job::Run(run)]).await;
                Ok(Commanded::Late(run))
            }
            Ok(Ok(false) | Err(_)) | Err(_) => Ok(Commanded::Unknown),
        }
    }

    /// As [`file_fetch`](Self::file_fetch) for the schedule: however many processes have the same tick, it is one run.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed then.
    pub async fn file_tick(&self, tick: DateTime<Utc>) -> Result<Fetch, Refusal> {
        // No key of a request has a space in it.
        let key = format!("schedule {}", tick.timestamp());
        let idempotency = Some(Idempotency { key, body_hash: [0; 32] });
        self.fetch(NewRun { mode: Mode::Full, idempotency, ..self.small(Source::Discord, "schedule".to_owned()) }).await
    }

    async fn fetch(&self, run: NewRun) -> Result<Fetch, Refusal> {
        let mut filed = self.filing.file_run(&run, &[], &[]).await;
        if matches!(filed, Err(StoreError::JustEnded)) {
            // Once more: whatever it would have joined has made room.
            filed = self.filing.file_run(&run, &[], &[]).await;
        }
        let filed = match filed {
            Err(error) if error.is_transient() => self.after_lost_answer(run.id, error).await.map(|()| Filed::New)?,
            filed => filed?,
        };
        match filed {
            // A key of the schedule always comes with the same body.
            Filed::New | Filed::KeyReused => {
                self.ring.ring(&[Job::Run(run.id)]).await;
                Ok(Fetch::New(run.id))
            }
            Filed::Repeat(run) | Filed::Joined(run) => Ok(Fetch::Joined(run)),
        }
    }
}
