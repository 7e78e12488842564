//! The model: the rules of a sync, said plainly. It knows no batches, claims, leases or transactions.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use guildsync::domain::{Act, Action, Counts, Guard, HeldReason, Member, Mode, RunId, RunState, Sighting};
use guildsync::store::{Filed, Idempotency};

use super::world::{Evidence, Told, World, date_left};

/// Small enough to be met from both sides by few members; a quarter is exact in binary.
pub const GUARD: Guard = Guard { floor: 2, share: 0.25 };

/// What a run is about.
#[derive(Debug, Clone)]
pub enum About {
    /// A full list: the last entry of every id.
    Roster {
        listed: BTreeMap<i64, Member>,
        allow: bool,
    },
    Sightings(Vec<Sighting>),
    Decision {
        act: Act,
        target: RunId,
        ids: Option<BTreeSet<i64>>,
    },
}

#[derive(Debug, Clone)]
pub struct Case {
    pub id: RunId,
    pub mode: Mode,
    pub about: About,
    pub state: RunState,
    pub observed_at: DateTime<Utc>,
    pub counts: Counts,
    pub held_reason: Option<HeldReason>,
    pub superseded_by: Option<RunId>,
    pub error: Option<&'static str>,
    /// Departures that nobody has decided about.
    pub held: BTreeSet<i64>,
    /// Who of the list has been heard so far.
    pub heard: BTreeSet<i64>,
    /// Whom it made or brought back.
    pub brought: BTreeSet<i64>,
    /// Of a dry run: what it would do.
    pub planned: BTreeMap<i64, Vec<Told>>,
    /// Of a dry run: the world as it was when the first of it was heard.
    pub seen_version: Option<u64>,
}

#[derive(Debug, Default)]
pub struct Model {
    pub world: World,
    pub runs: BTreeMap<RunId, Case>,
    keys: BTreeMap<String, (RunId, [u8; 32], DateTime<Utc>)>,
}

impl Case {
    pub fn new(id: RunId, mode: Mode, about: About, observed_at: DateTime<Utc>, counts: Counts) -> Self {
        Self {
            id,
            mode,
            about,
            state: RunState::Queued,
            observed_at,
            counts,
            held_reason: None,
            superseded_by: None,
            error: None,
            held: BTreeSet::new(),
            heard: BTreeSet::new(),
            brought: BTreeSet::new(),
            planned: BTreeMap::new(),
            seen_version: None,
        }
    }

    pub fn is_small(&self) -> bool {
        self.mode == Mode::Delta
    }

    fn is_at_work(&self) -> bool {
        matches!(self.state, RunState::Applying | RunState::Finishing) && !self.is_small()
    }

    /// A roster whose departures have been judged, whatever became of them.
    fn is_applied(&self) -> bool {
        let judged = self.state == RunState::Succeeded
            || (self.state == RunState::Held && self.held_reason != Some(HeldReason::EmptyList));
        self.mode == Mode::Full && judged
    }

    pub fn has_open_hold(&self) -> bool {
        self.state == RunState::Held && self.held_reason == Some(HeldReason::MassDeparture)
    }

    fn listed(&self) -> &BTreeMap<i64, Member> {
        let About::Roster { listed, .. } = &self.about else { panic!("no roster") };
        listed
    }

    fn evidence(&self, now: DateTime<Utc>) -> Evidence {
        Evidence { run: self.id, observed_at: self.observed_at, now }
    }
}

impl Model {
    pub fn case(&self, run: RunId) -> &Case {
        &self.runs[&run]
    }

    fn case_mut(&mut self, run: RunId) -> &mut Case {
        self.runs.get_mut(&run).unwrap()
    }

    /// What becomes of a request with this key.
    pub fn find_key(&self, idempotency: &Idempotency, now: DateTime<Utc>) -> Filed {
        match self.keys.get(&idempotency.key) {
            Some((_, _, at)) if now - *at > TimeDelta::days(1) => Filed::New,
            Some((run, hash, _)) if *hash == idempotency.body_hash => Filed::Repeat(*run),
            Some(_) => Filed::KeyReused,
            None => Filed::New,
        }
    }

    pub fn file(&mut self, case: Case, idempotency: Option<&Idempotency>, now: DateTime<Utc>) {
        if let Some(Idempotency { key, body_hash }) = idempotency {
            self.keys.insert(key.clone(), (case.id, *body_hash, now));
        }
        self.runs.insert(case.id, case);
    }

    /// Whether a roster is at work.
    pub fn is_busy(&self) -> bool {
        self.runs.values().any(Case::is_at_work)
    }

    /// The roster whose turn it is.
    pub fn turn(&self) -> Option<RunId> {
        let queued = self.runs.values().filter(|case| case.state == RunState::Queued && !case.is_small());
        let first = queued.min_by_key(|case| (case.observed_at, case.id));
        first.filter(|_| !self.is_busy()).map(|case| case.id)
    }

    /// The applied roster that makes this one void.
    pub fn newer(&self, run: RunId) -> Option<RunId> {
        let newest = self.runs.values().filter(|case| case.is_applied()).max_by_key(|case| (case.observed_at, case.id))?;
        (self.case(run).observed_at < newest.observed_at).then_some(newest.id)
    }

    /// A small run must wait until a roster is done.
    pub fn must_wait(&self, run: RunId) -> bool {
        let small = self.case(run);
        let at_work = self.runs.values().filter(|case| case.is_at_work() && case.mode == Mode::Full);
        let mut matters = at_work.filter(|case| match small.about {
            About::Sightings(_) => case.observed_at >= small.observed_at,
            About::Decision { .. } => true,
            About::Roster { .. } => false,
        });
        matters.next().is_some()
    }

    pub fn take_up(&mut self, run: RunId) {
        self.case_mut(run).state = RunState::Applying;
    }

    /// All of the list has been heard, and someone sets about judging it.
    pub fn is_being_judged(&mut self, run: RunId) {
        self.case_mut(run).state = RunState::Finishing;
    }

    pub fn supersede(&mut self, run: RunId) {
        let newer = self.newer(run);
        let active = self.world.active();
        let case = self.case_mut(run);
        (case.state, case.superseded_by, case.counts.total_active) = (RunState::Superseded, newer, active);
    }

    /// A part of a roster; answers what it did.
    pub fn hear(&mut self, run: RunId, part: &[i64], now: DateTime<Utc>) -> Counts {
        let mut case = self.runs.remove(&run).unwrap();
        let evidence = case.evidence(now);
        let before = self.world.clone();
        let mut counts = Counts::default();
        for number in part {
            assert!(case.heard.insert(*number), "heard once");
            let so_far = (counts.created, counts.rejoined);
            self.world.hear(&case.listed()[number], evidence, &mut counts);
            if (counts.created, counts.rejoined) != so_far {
                case.brought.insert(*number);
            }
        }
        case.counts = plus(case.counts, counts);
        if case.mode == Mode::DryRun {
            case.seen_version.get_or_insert(before.version);
            for (number, told) in news(&before, &self.world, run) {
                case.planned.entry(number).or_default().extend(told);
            }
            self.world = before;
        }
        self.runs.insert(run, case);
        counts
    }

    /// All of a roster has been heard: judges its departures, passes over the links and ends it.
    pub fn judge(&mut self, run: RunId, now: DateTime<Utc>) {
        let mut case = self.runs.remove(&run).unwrap();
        assert_eq!(case.heard.len(), case.listed().len());
        let real = self.world.clone();
        let dry = case.mode == Mode::DryRun;
        let evidence = case.evidence(now);
        if dry {
            // Seen again, and not counted again.
            for listed in case.listed().values() {
                self.world.hear(listed, evidence, &mut Counts::default());
            }
        }
        let heard = self.world.clone();
        self.end_roster(&mut case, now);
        if dry {
            for (number, told) in news(&heard, &self.world, run) {
                case.planned.entry(number).or_default().extend(told);
            }
            for number in std::mem::take(&mut case.held) {
                let held = Told {
                    action: Action::Held,
                    before: Some(date_left(None)),
                    after: Some(date_left(Some(case.observed_at))),
                    run: Some(run),
                    observed_at: case.observed_at,
                    recorded_at: now,
                };
                case.planned.entry(number).or_default().push(held);
            }
            (case.state, self.world) = (RunState::Succeeded, real);
        } else if case.is_applied() {
            for older in self.runs.values_mut().filter(|older| older.has_open_hold()) {
                (older.state, older.superseded_by) = (RunState::Superseded, Some(run));
                older.held.clear();
                older.counts.departures_held = 0;
            }
        }
        self.runs.insert(run, case);
    }

    fn end_roster(&mut self, case: &mut Case, now: DateTime<Utc>) {
        let About::Roster { listed, allow } = &case.about else { panic!("no roster") };
        let departures = self.world.departures(listed, case.observed_at);
        let departing = i64::try_from(departures.len()).unwrap();
        let present = |number: &i64| self.world.rows[number].date_left.is_none();
        let brought = i64::try_from(case.brought.iter().filter(|number| present(number)).count()).unwrap();
        let active = self.world.active() - brought;
        (case.state, case.held_reason) = if listed.is_empty() {
            case.counts.departures_held = self.world.active();
            (RunState::Held, Some(HeldReason::EmptyList))
        } else if departing > (active / 4).max(2) && !allow {
            case.counts.departures_held = departing;
            case.held = departures.into_iter().collect();
            (RunState::Held, Some(HeldReason::MassDeparture))
        } else {
            case.counts.marked_left = departing;
            for number in departures {
                self.world.mark_left(number, case.evidence(now));
            }
            (RunState::Succeeded, None)
        };
        (case.counts.linked, case.counts.unlinked) = self.world.link(|_| true, Some(case.id), now);
        case.counts.total_active = self.world.active();
    }

    /// Ends a run before its time: what was applied stays, whom it made is linked, nobody is marked left.
    pub fn break_off(&mut self, run: RunId, state: RunState, error: Option<&'static str>, now: DateTime<Utc>) {
        let active = self.world.active();
        let made: BTreeSet<i64> = self.world.made.keys().filter(|key| key.0 == run).map(|key| key.1).collect();
        let (linked, unlinked) = self.world.link(|number| made.contains(&number), Some(run), now);
        let case = self.case_mut(run);
        (case.counts.linked, case.counts.unlinked) = (linked, unlinked);
        (case.state, case.error, case.counts.total_active) = (state, error, active);
    }
}

/// What a dry run's imagined world has that the one before has not.
fn news(before: &World, after: &World, run: RunId) -> BTreeMap<i64, Vec<Told>> {
    let mut news = BTreeMap::<i64, Vec<Told>>::new();
    for ((_, number), fields) in after.made.iter().filter(|(key, _)| key.0 == run && !before.made.contains_key(key)) {
        let row = &after.rows[number];
        news.entry(*number).or_default().push(Told {
            action: Action::Created,
            before: None,
            after: Some(fields.clone()),
            run: Some(run),
            observed_at: row.observed_at,
            recorded_at: row.date_created,
        });
    }
    for (number, told) in &after.events {
        let known = before.events.get(number).map_or(0, Vec::len);
        news.entry(*number).or_default().extend(told[known..].iter().cloned());
    }
    news
}

fn plus(one: Counts, other: Counts) -> Counts {
    Counts {
        created: one.created + other.created,
        updated: one.updated + other.updated,
        rejoined: one.rejoined + other.rejoined,
        unchanged: one.unchanged + other.unchanged,
        deferred: one.deferred + other.deferred,
        ..one
    }
}
