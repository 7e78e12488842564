//! Who has claimed which step until when. It is the workers' business, of which the model knows nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use guildsync::domain::RunId;
use guildsync::store::{BatchClaim, FinishClaim, MAX_CLAIMS};

use crate::store::hand::LEASE;

/// A step of a run: one of its batches, or its finish.
pub type Step = (RunId, Option<i32>);

/// The claims on a step.
#[derive(Debug, Default)]
pub struct Slot {
    /// Claims that had no outcome.
    pub attempts: i32,
    /// It was claimed once.
    pub touched: bool,
    lease_until: Option<DateTime<Utc>>,
    holder: Option<u64>,
    pub done: bool,
}

/// A claim that a worker has in hand.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub claim: Claim,
    serial: u64,
}

#[derive(Debug, Clone)]
pub enum Claim {
    Batch(BatchClaim),
    Finish(FinishClaim),
}

/// What is to come of a claim's conclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Valid,
    Lost,
    /// It was lost, but the number of its attempt is the present one again, because another gave the step back without blame. Nobody
    /// is harmed if it is let through.
    Either,
}

#[derive(Debug, Default)]
pub struct Desk {
    slots: BTreeMap<Step, Slot>,
    serial: u64,
}

impl Claimed {
    pub fn step(&self) -> Step {
        match &self.claim {
            Claim::Batch(claim) => (claim.run, Some(claim.batch)),
            Claim::Finish(claim) => (claim.run, None),
        }
    }

    fn attempt(&self) -> i32 {
        match &self.claim {
            Claim::Batch(claim) => claim.attempt,
            Claim::Finish(claim) => claim.attempt,
        }
    }
}

impl Slot {
    fn lease_ended(&self, now: DateTime<Utc>) -> bool {
        self.lease_until.is_none_or(|until| now > until)
    }

    pub fn is_free(&self, now: DateTime<Utc>) -> bool {
        !self.done && self.attempts < MAX_CLAIMS && self.lease_ended(now)
    }

    pub fn is_spent(&self, now: DateTime<Utc>) -> bool {
        !self.done && self.attempts >= MAX_CLAIMS && self.lease_ended(now)
    }

    pub fn is_held(&self) -> bool {
        self.holder.is_some()
    }
}

impl Desk {
    pub fn slot(&mut self, step: Step) -> &mut Slot {
        self.slots.entry(step).or_default()
    }

    /// Whether a step is claimed, be it by a worker that was lost.
    pub fn is_claimed(&self, step: Step) -> bool {
        self.slots.get(&step).is_some_and(|slot| slot.lease_until.is_some())
    }

    /// Notes that a step was claimed.
    pub fn take(&mut self, claim: Claim, now: DateTime<Utc>) -> Claimed {
        self.serial += 1;
        let claimed = Claimed { claim, serial: self.serial };
        let slot = self.slots.entry(claimed.step()).or_default();
        slot.attempts += 1;
        slot.touched = true;
        (slot.lease_until, slot.holder) = (Some(now + LEASE), Some(claimed.serial));
        claimed
    }

    pub fn verdict(&mut self, claimed: &Claimed) -> Verdict {
        let slot = self.slot(claimed.step());
        if slot.done || slot.attempts != claimed.attempt() {
            Verdict::Lost
        } else if slot.holder == Some(claimed.serial) {
            Verdict::Valid
        } else {
            Verdict::Either
        }
    }

    pub fn renew(&mut self, step: Step, now: DateTime<Utc>) {
        self.slot(step).lease_until = Some(now + LEASE);
    }

    pub fn give_back(&mut self, step: Step, blameless: bool) {
        let slot = self.slot(step);
        slot.attempts -= i32::from(blameless);
        (slot.lease_until, slot.holder) = (None, None);
    }

    /// A small run that must wait is as if this claim had not been made.
    pub fn put_back(&mut self, step: Step) {
        self.give_back(step, true);
    }
}
