//! Takes a ledger and the model through the same steps.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use guildsync::domain::{Member, Mode, RunId, RunState};
use guildsync::store::{RunClaim, StoreError};

use super::desk::{Claim, Claimed, Desk, Verdict};
use super::rules::{GUARD, Model};
use crate::store::hand::{LEASE, List, at, to_apply};
use crate::store::{Ledger, Raw};

/// Whether something is as the model says.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, shall: &T) -> Result<()> {
    ensure!(is == shall, "{what}\n   is    {is:?}\n   shall {shall:?}");
    Ok(())
}

/// A list as it was filed.
#[derive(Clone)]
pub struct Filed {
    pub entries: Vec<Member>,
    pub list: List,
    /// Per batch, whose last entry stands in it.
    pub parts: Vec<Vec<i64>>,
}

pub struct Drive<'a> {
    pub ledger: &'a Ledger,
    pub raw: &'a mut Raw,
    pub model: Model,
    pub desk: Desk,
    pub now: DateTime<Utc>,
    /// When the newest evidence was true.
    pub newest: DateTime<Utc>,
    /// In the order of their filing.
    pub order: Vec<RunId>,
    pub rosters: BTreeMap<RunId, Filed>,
    /// Lists that came with a key.
    pub keyed: Vec<RunId>,
    /// Claims of workers that are not heard of.
    pub lost: Vec<Claimed>,
    /// Small runs that were told to wait.
    pub waiting: BTreeSet<RunId>,
    /// Dry runs during which the world changed: what they foretell is nobody's to say.
    pub unsure: BTreeSet<RunId>,
}

impl<'a> Drive<'a> {
    pub fn new(ledger: &'a Ledger, raw: &'a mut Raw) -> Self {
        Self {
            ledger,
            raw,
            model: Model::default(),
            desk: Desk::default(),
            now: at(100_000),
            newest: at(0),
            order: Vec::new(),
            rosters: BTreeMap::new(),
            keyed: Vec::new(),
            lost: Vec::new(),
            waiting: BTreeSet::new(),
            unsure: BTreeSet::new(),
        }
    }

    pub fn tick(&mut self) {
        self.now += TimeDelta::milliseconds(10);
    }

    /// How a run is called in a failure: by its place in the order of filing.
    pub fn name(&self, run: RunId) -> String {
        self.order.iter().position(|other| *other == run).map_or_else(|| run.to_string(), |place| format!("run {place}"))
    }

    pub fn open(&self) -> Vec<RunId> {
        self.order.iter().copied().filter(|run| !self.model.case(*run).state.has_ended()).collect()
    }

    fn unapplied(&mut self, run: RunId) -> Vec<i32> {
        let batches = self.rosters.get(&run).map_or(0, |filed| filed.list.run.batches_total);
        (0..batches).filter(|batch| !self.desk.slot((run, Some(*batch))).done).collect()
    }

    /// Those that an end lets go on are told, and nobody else.
    pub fn check_next(&self, next: &[RunId], after_small: bool) -> Result<()> {
        let turn = self.model.turn();
        for run in next {
            let Some(case) = self.model.runs.get(run) else { bail!("told to go on: an unknown run") };
            let may = case.state == RunState::Queued && (case.is_small() || turn == Some(*run));
            ensure!(may, "{} is told to go on but may not", self.name(*run));
        }
        // Whoever is claimed by a lost worker is the sweeper's to find.
        let waiting = self.waiting.iter().copied().filter(|run| !self.desk.is_claimed((*run, None)));
        let may_go = waiting.filter(|run| self.model.case(*run).state == RunState::Queued && !self.model.must_wait(*run));
        for run in may_go.chain(turn).filter(|_| !after_small) {
            ensure!(next.contains(&run), "{} may go on and is not told: {next:?}", self.name(run));
        }
        Ok(())
    }

    /// Claims a run's turn.
    pub async fn take_up(&mut self, run: RunId) -> Result<()> {
        self.tick();
        let claim = self.ledger.work.claim_run(run, self.now).await?;
        let case = self.model.case(run);
        let (turn, is_void) = (self.model.turn(), self.model.newer(run).is_some());
        let wrong = format!("{} is claimed and answers {claim:?}", self.name(run));
        if case.state != RunState::Queued {
            ensure!(claim == RunClaim::Nothing, wrong);
        } else if case.is_small() {
            let untouched = !self.desk.slot((run, None)).touched;
            ensure!(claim == RunClaim::Small || (!untouched && claim == RunClaim::Nothing), wrong);
        } else {
            match claim {
                RunClaim::Started { batches } => {
                    ensure!(turn == Some(run) && !is_void, wrong);
                    same("batches", &batches, &self.rosters[&run].list.run.batches_total)?;
                    self.model.take_up(run);
                }
                // What comes too late may be told so before its turn.
                RunClaim::Superseded(next) => {
                    ensure!(is_void, wrong);
                    self.model.supersede(run);
                    self.check_next(&next, false)?;
                }
                RunClaim::NotYet(next) => ensure!(turn != Some(run) && next == turn, wrong),
                RunClaim::Small | RunClaim::Fetch | RunClaim::Nothing => bail!(wrong),
            }
        }
        Ok(())
    }

    pub async fn claim_batch(&mut self, run: RunId, batch: i32) -> Result<Option<Claimed>> {
        self.tick();
        let (now, state) = (self.now, self.model.case(run).state);
        let free = state == RunState::Applying && self.desk.slot((run, Some(batch))).is_free(now);
        let claim = self.ledger.work.claim_batch(run, batch, "tests", now, now + LEASE).await?;
        ensure!(claim.is_some() == free, "batch {batch} of {} free: {free}, claimed: {claim:?}", self.name(run));
        let Some(claim) = claim else { return Ok(None) };
        let attempts = self.desk.slot((run, Some(batch))).attempts;
        let (case, filed) = (self.model.case(run), &self.rosters[&run]);
        same("claim", &(claim.attempt, claim.observed_at, claim.mode), &(attempts + 1, case.observed_at, case.mode))?;
        let ids: Vec<i64> = to_apply(&claim).iter().map(|member| member.id.get()).collect();
        same("the batch", &ids, &filed.parts[usize::try_from(batch)?])?;
        Ok(Some(self.desk.take(Claim::Batch(claim), now)))
    }

    pub async fn claim_finish(&mut self, run: RunId) -> Result<Option<Claimed>> {
        self.tick();
        let (now, case) = (self.now, self.model.case(run));
        let (state, small) = (case.state, case.is_small());
        let ready = match state {
            RunState::Queued => small,
            RunState::Applying => self.unapplied(run).is_empty(),
            other => other == RunState::Finishing,
        };
        let slot = self.desk.slot((run, None));
        let (free, attempts) = (ready && slot.is_free(now), slot.attempts);
        let claim = self.ledger.work.claim_finish(run, now, now + LEASE).await?;
        ensure!(claim.is_some() == free, "the finish of {} free: {free}, claimed: {claim:?}", self.name(run));
        let Some(claim) = claim else { return Ok(None) };
        same("claim", &(claim.attempt, claim.observed_at), &(attempts + 1, self.model.case(run).observed_at))?;
        if !small {
            self.model.is_being_judged(run);
        }
        Ok(Some(self.desk.take(Claim::Finish(claim), now)))
    }

    /// Whether a conclusion is to have an effect, and had none if not.
    fn outcome<T>(&mut self, claimed: &Claimed, answer: Result<T, StoreError>) -> Result<Option<T>> {
        let verdict = self.verdict(claimed);
        match (answer, verdict) {
            (Ok(done), Verdict::Valid | Verdict::Either) => Ok(Some(done)),
            (Err(StoreError::ClaimLost), Verdict::Lost | Verdict::Either) => Ok(None),
            (Ok(_), Verdict::Lost) => bail!("a lost claim is concluded: {claimed:?}"),
            (Err(error), _) => bail!("{verdict:?}: {error}: {claimed:?}"),
        }
    }

    pub fn verdict(&mut self, claimed: &Claimed) -> Verdict {
        let (run, batch) = claimed.step();
        let case = self.model.case(run);
        let at_work = if batch.is_some() { case.state == RunState::Applying } else { !case.state.has_ended() };
        if at_work { self.desk.verdict(claimed) } else { Verdict::Lost }
    }

    pub async fn conclude(&mut self, claimed: &Claimed) -> Result<()> {
        self.tick();
        let (step, now) = (claimed.step(), self.now);
        match &claimed.claim {
            Claim::Batch(claim) => {
                let answer = self.ledger.work.apply_batch(claim, &to_apply(claim), now).await;
                let Some(done) = self.outcome(claimed, answer)? else { return Ok(()) };
                let part = &self.rosters[&claim.run].parts[usize::try_from(claim.batch)?];
                let counts = self.model.hear(claim.run, part, now);
                self.desk.slot(step).done = true;
                let remaining = i64::try_from(self.unapplied(claim.run).len())?;
                same("the batch applied", &(done.counts, done.remaining), &(counts, remaining))
            }
            Claim::Finish(claim) => {
                let answer = self.ledger.work.finish_run(claim, GUARD, now).await;
                let Some(done) = self.outcome(claimed, answer)? else { return Ok(()) };
                let run = claim.run;
                let small = self.model.case(run).is_small();
                if small && self.model.must_wait(run) {
                    self.desk.put_back(step);
                    self.waiting.insert(run);
                    return same("one that waits", &done.state, &RunState::Queued);
                }
                self.desk.slot(step).done = true;
                self.waiting.remove(&run);
                if small {
                    self.model.do_small(run, now);
                } else {
                    self.judge(run).await?;
                }
                let case = self.model.case(run);
                same(&format!("the end of {}", self.name(run)), &(done.state, done.counts), &(case.state, case.counts))?;
                self.check_next(&done.next, small)
            }
        }
    }

    async fn judge(&mut self, run: RunId) -> Result<()> {
        let case = self.model.case(run);
        let disturbed = case.mode == Mode::DryRun && case.seen_version.is_some_and(|seen| seen != self.model.world.version);
        self.model.judge(run, self.now);
        if disturbed {
            self.unsure.insert(run);
            let Some(is) = self.ledger.read.run(run).await? else { bail!("no run") };
            let case = self.model.runs.get_mut(&run).unwrap();
            case.held_reason = is.held_reason;
            case.counts.total_active = is.counts.total_active;
            case.counts.marked_left = is.counts.marked_left;
            case.counts.departures_held = is.counts.departures_held;
            (case.counts.linked, case.counts.unlinked) = (is.counts.linked, is.counts.unlinked);
        }
        Ok(())
    }

    /// Claims the next step of a run; a run that waits for its turn is taken up, and nothing claimed.
    pub async fn claim_next(&mut self, run: RunId, backwards: bool) -> Result<Option<Claimed>> {
        let case = self.model.case(run);
        if case.state == RunState::Queued {
            let small = case.is_small();
            self.take_up(run).await?;
            return if small { self.claim_finish(run).await } else { Ok(None) };
        }
        let mut batches = self.unapplied(run);
        if backwards {
            batches.reverse();
        }
        if batches.is_empty() {
            return self.claim_finish(run).await;
        }
        for batch in batches {
            if let Some(claimed) = self.claim_batch(run, batch).await? {
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    /// One step of a run; answers whether it came on.
    pub async fn advance(&mut self, run: RunId, backwards: bool) -> Result<bool> {
        let before = self.model.case(run).state;
        if before.has_ended() {
            return Ok(false);
        }
        let claimed = self.claim_next(run, backwards).await?;
        if let Some(claimed) = &claimed {
            self.conclude(claimed).await?;
        }
        Ok(self.model.case(run).state != before || claimed.is_some_and(|claimed| claimed.step().1.is_some()))
    }
}
