//! Random sequences of rosters, against a plain model of the rules: every row and every count must be as the model says.
//!
//! The model knows no batches, claims or transactions. It is written from the rules of a sync alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use guildsync::domain::{Counts, Guard, HeldReason, Member, MemberRow, RunState};
use guildsync::store::{Import, ImportRow, Imported, RunClaim};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use super::Ledger;
use super::hand::{List, apply, at, claim_finish, id, member, mishap, read, rows};

/// Small enough to be met from both sides by few members; a quarter is exact in binary.
const GUARD: Guard = Guard { floor: 2, share: 0.25 };
const CASES: u32 = 64;

/// Something that happens.
#[derive(Clone)]
enum Step {
    /// A roster comes in and is carried out.
    Roster { observed: i64, entries: Vec<(i64, u8)>, batch: usize, backwards: bool },
    /// A roster comes in, so many of its batches are applied, and it fails.
    Broken { observed: i64, entries: Vec<(i64, u8)>, batch: usize, applied: usize },
    /// Accounts get these Discord ids.
    Accounts(BTreeMap<u8, i64>),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roster { observed, entries, batch, backwards } => {
                write!(f, "roster of {observed} in batches of {batch}{} {entries:?}", if *backwards { " backwards" } else { "" })
            }
            Self::Broken { observed, entries, batch, applied } => {
                write!(f, "broken roster of {observed}, {applied} batches of {batch} {entries:?}")
            }
            Self::Accounts(ids) => write!(f, "accounts {ids:?}"),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let entries = || vec((1_i64..=9, 0_u8..3), 0..14);
    let roster = (0_i64..8, entries(), 1_usize..6, any::<bool>())
        .prop_map(|(observed, entries, batch, backwards)| Step::Roster { observed, entries, batch, backwards });
    let broken = (0_i64..8, entries(), 1_usize..4, 0_usize..4).prop_map(|(observed, entries, batch, applied)| Step::Broken {
        observed,
        entries,
        batch,
        applied,
    });
    let accounts = btree_map(0_u8..4, 1_i64..=10, 1..4).prop_map(Step::Accounts);
    vec(prop_oneof![6 => roster, 1 => broken, 1 => accounts], 1..10)
}

/// A member as the list states it, in one of three versions.
fn entry((number, version): (i64, u8)) -> Member {
    match version {
        0 => member(number),
        1 => Member { nickname: "other".into(), joined_at: None, ..member(number) },
        _ => Member { roles: ["20", "10"].into_iter().collect(), is_bot: true, ..member(number) },
    }
}

/// The model.
#[derive(Default)]
struct Model {
    rows: BTreeMap<i64, MemberRow>,
    accounts: BTreeMap<u8, i64>,
    applied: Option<DateTime<Utc>>,
}

impl Model {
    fn active(&self) -> i64 {
        self.rows.values().filter(|row| row.date_left.is_none()).count().try_into().unwrap()
    }

    /// One listed member: known or new, evidence newer or not, changed or not.
    fn hear(&mut self, listed: &Member, observed_at: DateTime<Utc>, now: DateTime<Utc>, counts: &mut Counts) {
        let Some(row) = self.rows.get_mut(&listed.id.get()) else {
            counts.created += 1;
            let member = listed.clone();
            let new = MemberRow { member, date_created: now, date_modified: now, date_left: None, observed_at, account: None };
            self.rows.insert(listed.id.get(), new);
            return;
        };
        counts.updated += 1;
        if row.observed_at > observed_at {
            counts.deferred += 1;
        } else if row.date_left.is_none() && row.member == *listed {
            counts.unchanged += 1;
        } else {
            counts.rejoined += i64::from(row.date_left.is_some());
            (row.member, row.date_left) = (listed.clone(), None);
            (row.date_modified, row.observed_at) = (now, observed_at);
        }
    }

    fn link(&mut self) -> (i64, i64) {
        let wanted: HashMap<i64, String> = self.accounts.iter().map(|(account, id)| (*id, name(*account))).collect();
        let (mut linked, mut unlinked) = (0, 0);
        for (number, row) in &mut self.rows {
            let (is, shall) = (row.account.as_ref().map(|(_, name)| name), wanted.get(number));
            if is != shall {
                unlinked += i64::from(is.is_some());
                linked += i64::from(shall.is_some());
                row.account = shall.map(|name| (0, name.clone()));
            }
        }
        (linked, unlinked)
    }

    /// A whole roster; answers how its run ends.
    fn roster(&mut self, observed_at: DateTime<Utc>, entries: &[Member], now: DateTime<Utc>) -> Ended {
        let distinct: BTreeMap<i64, &Member> = entries.iter().map(|member| (member.id.get(), member)).collect();
        let mut counts = received(entries, distinct.len());
        if self.applied.is_some_and(|applied| observed_at < applied) {
            counts.total_active = self.active();
            return (RunState::Superseded, None, counts);
        }
        for listed in distinct.values() {
            self.hear(listed, observed_at, now, &mut counts);
        }
        let departures: Vec<i64> = self
            .rows
            .iter()
            .filter(|(id, row)| row.date_left.is_none() && row.observed_at <= observed_at && !distinct.contains_key(id))
            .map(|(id, _)| *id)
            .collect();
        let departing = i64::try_from(departures.len()).unwrap();
        let before = self.active() - counts.created - counts.rejoined;
        let (state, held) = if distinct.is_empty() {
            counts.departures_held = self.active();
            (RunState::Held, Some(HeldReason::EmptyList))
        } else if departing > (before / 4).max(2) {
            counts.departures_held = departing;
            (RunState::Held, Some(HeldReason::MassDeparture))
        } else {
            counts.marked_left = departing;
            for row in self.rows.iter_mut().filter(|(id, _)| departures.contains(id)).map(|(_, row)| row) {
                (row.date_left, row.date_modified, row.observed_at) = (Some(observed_at), now, observed_at);
            }
            (RunState::Succeeded, None)
        };
        if held != Some(HeldReason::EmptyList) {
            self.applied = self.applied.max(Some(observed_at));
        }
        (counts.linked, counts.unlinked) = self.link();
        counts.total_active = self.active();
        (state, held, counts)
    }
}

/// State, reason and counts of a run that has ended.
type Ended = (RunState, Option<HeldReason>, Counts);

fn received(entries: &[Member], distinct: usize) -> Counts {
    let total_received = i64::try_from(entries.len()).unwrap();
    Counts { total_received, duplicates: total_received - i64::try_from(distinct).unwrap(), ..Counts::default() }
}

fn name(account: u8) -> String {
    format!("account {account}")
}

/// The rows without what only a database gives out: the numbers of accounts.
fn comparable(rows: impl IntoIterator<Item = MemberRow>) -> Vec<MemberRow> {
    rows.into_iter().map(|row| MemberRow { account: row.account.map(|(_, name)| (0, name)), ..row }).collect()
}

async fn carry_out(ledger: &Ledger, list: &List, backwards: bool, now: DateTime<Utc>) -> Ended {
    let run = list.file(ledger).await;
    match ledger.work.claim_run(run, now).await.unwrap() {
        RunClaim::Started { batches } => {
            let order: Vec<i32> = if backwards { (0..batches).rev().collect() } else { (0..batches).collect() };
            for batch in order {
                apply(ledger, run, batch, now).await;
            }
            let finish = claim_finish(ledger, run, now).await;
            let done = ledger.work.finish_run(&finish, GUARD, now).await.unwrap();
            let run = read(ledger, run).await;
            assert_eq!((done.state, done.counts), (run.state, run.counts));
            assert_eq!(run.progress.members_done, run.progress.members_total);
        }
        RunClaim::Superseded(None) => (),
        other => panic!("{other:?}"),
    }
    let run = read(ledger, run).await;
    (run.state, run.held_reason, run.counts)
}

/// Applies the first batches of a list and lets it fail; the model hears only of those.
async fn break_off(ledger: &Ledger, model: &mut Model, list: &List, applied: usize, now: DateTime<Utc>) {
    let run = list.file(ledger).await;
    let mut expected =
        Counts { total_received: list.run.counts.total_received, duplicates: list.run.counts.duplicates, ..Counts::default() };
    if let RunClaim::Started { batches } = ledger.work.claim_run(run, now).await.unwrap() {
        for batch in 0..batches.min(applied.try_into().unwrap()) {
            let claim = super::hand::claim(ledger, run, batch, now).await;
            let members = super::hand::to_apply(&claim);
            for listed in &members {
                model.hear(listed, list.run.observed_at, now, &mut expected);
            }
            ledger.work.apply_batch(&claim, &members, now).await.unwrap();
        }
        ledger.work.fail_run(run, &mishap(), now).await.unwrap();
        expected.total_active = model.active();
        let run = read(ledger, run).await;
        assert_eq!((run.state, run.counts), (RunState::Failed, expected));
    }
}

async fn import(ledger: &Ledger, model: &mut Model, wanted: &BTreeMap<u8, i64>, now: DateTime<Utc>) {
    // Of two that want one id, the first gets it.
    let mut given = BTreeSet::new();
    let wanted: BTreeMap<u8, i64> =
        wanted.iter().filter(|(_, id)| given.insert(**id)).map(|(account, id)| (*account, *id)).collect();
    let lines: Vec<ImportRow> = wanted
        .iter()
        .map(|(account, number)| ImportRow { username: name(*account), email: String::new(), discord_id: Some(id(*number)) })
        .collect();
    let conflict = model.accounts.iter().any(|(account, id)| !wanted.contains_key(account) && given.contains(id));
    let done = ledger.accounts.import(&lines, now).await.unwrap();
    if conflict {
        assert!(matches!(done, Import::Conflicts(_)), "{done:?}");
        return;
    }
    let known = wanted.keys().filter(|account| model.accounts.contains_key(account)).count();
    model.accounts.extend(wanted.iter());
    let (linked, unlinked) = model.link();
    let (created, updated) = ((wanted.len() - known).try_into().unwrap(), known.try_into().unwrap());
    assert_eq!(done, Import::Done(Imported { created, updated, linked, unlinked }));
}

async fn follow(ledger: &Ledger, steps: &[Step]) {
    let empty = "DELETE FROM guild_members; DELETE FROM users; DELETE FROM sync_runs; DELETE FROM sync_batches;";
    ledger.execute(empty).await;
    let mut model = Model::default();
    let mut now = at(1_000);
    for step in steps {
        now += TimeDelta::seconds(1);
        match step {
            Step::Roster { observed, entries, batch, backwards } => {
                let entries: Vec<Member> = entries.iter().copied().map(entry).collect();
                let expected = model.roster(at(*observed), &entries, now);
                let ended = carry_out(ledger, &List::new(at(*observed), &entries, *batch), *backwards, now).await;
                assert_eq!(ended, expected, "{step:?}");
            }
            Step::Broken { observed, entries, batch, applied } => {
                let entries: Vec<Member> = entries.iter().copied().map(entry).collect();
                break_off(ledger, &mut model, &List::new(at(*observed), &entries, *batch), *applied, now).await;
            }
            Step::Accounts(wanted) => import(ledger, &mut model, wanted, now).await,
        }
        assert_eq!(comparable(rows(ledger).await), comparable(model.rows.values().cloned()), "after {step:?}");
    }
}

fn check(open: impl AsyncFnOnce() -> Ledger) {
    let runtime = Runtime::new().unwrap();
    let ledger = runtime.block_on(open());
    let config = Config { cases: CASES, max_shrink_iters: 400, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        runtime.block_on(follow(&ledger, &steps));
        Ok(())
    });
    // Shown as it is: the steps in short lines, and what differed.
    if let Err(failure) = outcome {
        panic!("{failure:#}");
    }
}

#[test]
fn postgres_does_as_the_model_says() {
    check(Ledger::postgres);
}

#[test]
fn sqlite_does_as_the_model_says() {
    check(Ledger::sqlite);
}
