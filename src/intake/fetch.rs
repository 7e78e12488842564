//! Files the wish for a list from Discord: a run without batches, whose list a worker fetches.

use chrono::{DateTime, Utc};

use super::{Intake, Refusal};
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
    pub async fn file_fetch(&self, requested_by: String, dry_run: bool) -> Result<Fetch, Refusal> {
        let mode = if dry_run { Mode::DryRun } else { Mode::Full };
        self.fetch(NewRun { mode, ..self.small(Source::Discord, requested_by) }).await
    }

    /// As [`file_fetch`](Self::file_fetch) for a command. The reply that it is owed is kept with the run, so that a process which dies over this
    /// has either filed nothing or left what others complete.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed then, and no reply is kept.
    pub async fn file_command(&self, requested_by: String, dry_run: bool, reply: Interaction) -> Result<Fetch, Refusal> {
        let mode = if dry_run { Mode::DryRun } else { Mode::Full };
        self.fetch(NewRun { mode, reply: Some(reply), ..self.small(Source::Discord, requested_by) }).await
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
