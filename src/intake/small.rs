//! Files what concerns single members, and what a person decides: small runs, carried out like any other.

use std::collections::BTreeMap;

use super::{Asked, Intake, Refusal};
use crate::domain::{Counts, DiscordId, Mode, RunId, Seen, Sighting, Source};
use crate::queue::Job;
use crate::store::{Cancelled, Decision, NewRun, StagedBatch, StoreError, encode_ids, encode_sightings};

impl Intake {
    /// Files that a member has left, as of now.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed then.
    pub async fn file_leave(&self, id: DiscordId, requested_by: String) -> Result<RunId, Refusal> {
        let sighting = Sighting { observed_at: self.clock.now(), seen: Seen::Gone { id, user: None } };
        self.file_delta(vec![sighting], Source::Push, requested_by).await
    }

    /// Files sightings of single members. Of those of one member the latest counts, of two at one moment the later in the list.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed then.
    pub async fn file_delta(&self, sightings: Vec<Sighting>, source: Source, requested_by: String) -> Result<RunId, Refusal> {
        let now = self.clock.now();
        let received = count(sightings.len());
        let observed_at = sightings.iter().map(|sighting| sighting.observed_at).min().unwrap_or(now);
        let mut latest = BTreeMap::<DiscordId, Sighting>::new();
        for sighting in sightings {
            let outdated = latest.get(&sighting.id()).is_some_and(|known| known.observed_at > sighting.observed_at);
            if !outdated {
                latest.insert(sighting.id(), sighting);
            }
        }
        let latest: Vec<Sighting> = latest.into_values().collect();
        let members = count(latest.len());
        let batch = StagedBatch { batch: 0, members, payload: encode_sightings(&latest)? };
        let run = NewRun {
            observed_at,
            members_total: members,
            batches_total: 1,
            counts: Counts { total_received: received, duplicates: received - members, ..Counts::default() },
            ..self.small(source, requested_by)
        };
        self.file(run, Some(batch)).await
    }

    /// Files what a person decided of a run's departures: of all, or of these.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed then.
    pub async fn file_decision(
        &self,
        decision: Decision,
        ids: Option<&[DiscordId]>,
        asked: impl Into<Asked>,
    ) -> Result<RunId, Refusal> {
        let batch = match ids {
            Some(ids) => Some(StagedBatch { batch: 0, members: count(ids.len()), payload: encode_ids(ids)? }),
            None => None,
        };
        let run = NewRun {
            decision: Some(decision),
            members_total: batch.as_ref().map_or(0, |batch| batch.members),
            batches_total: i32::from(batch.is_some()),
            ..self.small(Source::Push, asked)
        };
        self.file(run, batch).await
    }

    /// Ends a run that has not ended: what it had applied stays, nobody is marked as left. `None` if there is no such run, `false` if it had
    /// ended.
    ///
    /// # Errors
    /// [`StoreError`] if the database cannot be reached.
    pub async fn cancel(&self, run: RunId, asked: impl Into<Asked>) -> Result<Option<bool>, StoreError> {
        let Asked { by: requested_by, note } = asked.into();
        match self.filing.cancel_run(run, &requested_by, note.as_ref(), self.clock.now()).await? {
            Cancelled::Unknown => Ok(None),
            Cancelled::Ended => Ok(Some(false)),
            Cancelled::Done(next) => {
                tracing::info!(%run, requested_by, "cancelled");
                self.ring.notify(run).await;
                self.ring.ring(&next.into_iter().map(Job::Run).collect::<Vec<_>>()).await;
                Ok(Some(true))
            }
        }
    }

    /// A small run of nothing.
    pub(super) fn small(&self, source: Source, asked: impl Into<Asked>) -> NewRun {
        let Asked { by, note } = asked.into();
        let now = self.clock.now();
        NewRun {
            id: RunId::new(now, (self.random)()),
            source,
            mode: Mode::Delta,
            decision: None,
            allow_mass_departure: false,
            idempotency: None,
            reply: None,
            requested_by: by,
            noted: note,
            observed_at: now,
            created_at: now,
            members_total: 0,
            batches_total: 0,
            counts: Counts::default(),
        }
    }

    async fn file(&self, run: NewRun, batch: Option<StagedBatch>) -> Result<RunId, Refusal> {
        let filed = self.filing.file_run(&run, batch.as_slice(), &[]).await;
        match filed {
            Ok(_) => {}
            Err(error) if error.is_transient() => self.after_lost_answer(run.id, error).await?,
            Err(error) => return Err(error.into()),
        }
        self.ring.ring(&[Job::Run(run.id)]).await;
        Ok(run.id)
    }
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
