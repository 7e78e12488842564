//! The model's small runs: what is known of single members, and what people decide of departures.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use guildsync::domain::{Act, Action, Counts, HeldReason, Mode, RunId, RunState, Sighting};

use super::rules::{About, Case, Model};
use super::world::Evidence;

impl Model {
    /// Does all of a small run that need not wait.
    pub fn do_small(&mut self, run: RunId, now: DateTime<Utc>) {
        assert!(!self.must_wait(run));
        let mut case = self.runs.remove(&run).unwrap();
        case.state = RunState::Succeeded;
        match case.about.clone() {
            About::Sightings(sightings) => self.take_in(&mut case, &sightings, now),
            About::Decision { act: Act::UndoDepartures, target, .. } => self.undo(&mut case, target, now),
            About::Decision { act, target, ids } => self.decide(&mut case, act, target, ids, now),
            About::Roster { .. } => panic!("no small run"),
        }
        case.counts.total_active = self.world.active();
        self.runs.insert(run, case);
    }

    fn take_in(&mut self, case: &mut Case, sightings: &[Sighting], now: DateTime<Utc>) {
        let rosters = self.runs.values().filter(|run| run.mode == Mode::Full && run.state == RunState::Succeeded);
        let spoken_for = rosters.map(|run| run.observed_at).max();
        let evidence = Evidence { run: case.id, observed_at: case.observed_at, now };
        for sighting in sightings {
            self.world.see(sighting, spoken_for, evidence, &mut case.counts);
        }
        let about = |number| sightings.iter().any(|sighting| sighting.id().get() == number);
        (case.counts.linked, case.counts.unlinked) = self.world.link(about, Some(case.id), now);
    }

    fn decide(&mut self, case: &mut Case, act: Act, target: RunId, ids: Option<BTreeSet<i64>>, now: DateTime<Utc>) {
        let held = self.runs.get_mut(&target).expect("it was filed");
        if !held.has_open_hold() {
            let code = match (held.state, held.held_reason) {
                (RunState::Superseded, _) => "superseded",
                (RunState::Held, Some(HeldReason::EmptyList)) => "empty_list",
                _ => "nothing_held",
            };
            (case.state, case.error) = (RunState::Failed, Some(code));
            return;
        }
        let asked = ids.unwrap_or_else(|| held.held.clone());
        let chosen: BTreeSet<i64> = asked.intersection(&held.held).copied().collect();
        held.held.retain(|number| !chosen.contains(number));
        let counts: &mut Counts = &mut case.counts;
        if act == Act::DismissDepartures {
            counts.dismissed = i64::try_from(chosen.len()).unwrap();
            counts.deferred = i64::try_from(asked.len()).unwrap() - counts.dismissed;
        } else {
            let evidence = Evidence { run: target, observed_at: held.observed_at, now };
            let row = |number: &i64| &self.world.rows[number];
            let may_go = |number: &i64| row(number).date_left.is_none() && row(number).observed_at <= evidence.observed_at;
            let going: Vec<i64> = chosen.iter().copied().filter(may_go).collect();
            counts.marked_left = i64::try_from(going.len()).unwrap();
            counts.deferred = i64::try_from(asked.len()).unwrap() - counts.marked_left;
            for number in going {
                self.world.mark_left(number, evidence);
            }
        }
        counts.departures_held = i64::try_from(held.held.len()).unwrap();
        held.counts.marked_left += counts.marked_left;
        held.counts.total_active -= counts.marked_left;
        held.counts.dismissed += counts.dismissed;
        held.counts.departures_held = counts.departures_held;
        if held.held.is_empty() {
            (held.state, held.held_reason) = (RunState::Succeeded, None);
        }
    }

    fn undo(&mut self, case: &mut Case, target: RunId, now: DateTime<Utc>) {
        let untouched = |number: &i64| {
            let row = &self.world.rows[number];
            self.world.last_told(*number).is_some_and(|told| {
                let seen = Some(told.observed_at);
                told.action == Action::Left
                    && told.run == Some(target)
                    && row.date_left == seen
                    && row.observed_at == told.observed_at
            })
        };
        let back: Vec<i64> = self.world.rows.keys().copied().filter(untouched).collect();
        case.counts.rejoined = i64::try_from(back.len()).unwrap();
        for number in back {
            self.world.take_back(number, case.id, now);
        }
    }
}
