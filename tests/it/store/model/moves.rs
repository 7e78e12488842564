//! What each step does.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use guildsync::domain::{Act, Counts, Member, Mode, RunId, RunState, Seen, Sighting, Source};
use guildsync::store::{
    Cancelled, Claim as Claimed, Decision, DiscordLogin, Due, Filed as Answer, Idempotency, ImportRow, NewRun, StagedBatch,
    encode_ids, encode_sightings,
};

use super::desk::{Claim, Verdict};
use super::driver::{Drive, Filed, same};
use super::rules::{About, Case};
use super::steps::{Claims, Late, Look, Roster, Step, version};
use crate::store::hand::{LEASE, List, id, mishap, run_id};

const NAMES: [&str; 5] = ["anna", "Bea", "cleo", "Dörte", "anna2"];

fn pick<T: Copy>(from: &[T], place: usize) -> Option<T> {
    (!from.is_empty()).then(|| from[place % from.len()])
}

impl Drive<'_> {
    pub async fn step(&mut self, step: &Step) -> Result<()> {
        self.now += TimeDelta::seconds(1);
        match step {
            Step::File(roster) => drop(self.file_roster(roster).await?),
            Step::Sync(roster) => {
                if let Some(run) = self.file_roster(roster).await? {
                    while self.advance(run, false).await? {}
                }
            }
            Step::See { now, seen } => {
                let run = self.file_sightings(seen).await?;
                if *now {
                    self.advance(run, false).await?;
                }
            }
            Step::Decide { now, act, run, ids } => {
                if let Some(run) = self.file_decision(*act, *run, ids.as_deref()).await?
                    && *now
                {
                    self.advance(run, false).await?;
                }
            }
            Step::Advance { run, by, backwards } => {
                if let Some(run) = pick(&self.open(), *run) {
                    for _ in 0..*by {
                        self.advance(run, *backwards).await?;
                    }
                }
            }
            Step::CarryOut => self.carry_out().await?,
            Step::Lose(run) => {
                if let Some(run) = pick(&self.open(), *run) {
                    let claimed = self.claim_next(run, false).await?;
                    self.lost.extend(claimed);
                }
            }
            Step::Return(which, late) => self.come_back(*which, *late).await?,
            Step::Wait(seconds) => self.now += TimeDelta::seconds(*seconds),
            Step::SetAside => self.set_aside().await?,
            Step::Cancel(run) => self.cancel(*run).await?,
            Step::Fail(run) => self.fail(*run).await?,
            Step::Again(run) => self.again(*run).await?,
            Step::Resend { which, same } => self.resend(*which, *same).await?,
            Step::Import(lines) => self.import(lines).await?,
            Step::LogIn { name, id: number, email } => {
                let email = email.then(|| format!("{number}@discord.example"));
                let login = DiscordLogin { id: id(*number), username: NAMES[usize::from(*name)].into(), email };
                let account = self.ledger.accounts.log_in_with_discord(&login, self.now).await?;
                let key = self.model.world.log_in(&login, self.now);
                let site = &self.model.world.sites[&key];
                same("who logs in", &(account.username, account.last_login), &(site.username.clone(), site.last_login))?;
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self) -> Result<()> {
        loop {
            let mut came_on = false;
            for run in self.open() {
                while self.advance(run, false).await? {
                    came_on = true;
                }
            }
            if !came_on {
                return Ok(());
            }
        }
    }

    async fn file(&mut self, run: NewRun, batches: &[StagedBatch], filed: Option<Filed>, about: About) -> Result<Option<RunId>> {
        let (key, now) = (run.idempotency.as_ref(), self.now);
        let expected = key.map_or(Answer::New, |key| self.model.find_key(key, now));
        let (first, last) = batches.split_at(batches.len().saturating_sub(1));
        for batch in first {
            self.ledger.filing.stage_batch(run.id, batch, now).await?;
        }
        let dropped = filed.as_ref().map_or(&[][..], |filed| &filed.list.dropped);
        same("the filing", &self.ledger.filing.file_run(&run, last, dropped).await?, &expected)?;
        if expected != Answer::New {
            self.ledger.filing.discard_staged(run.id).await?;
            return Ok(None);
        }
        let case = Case::new(run.id, run.mode, about, run.observed_at, run.counts);
        self.model.file(case, key, now);
        self.order.push(run.id);
        self.keyed.extend(key.map(|_| run.id));
        self.rosters.extend(filed.map(|filed| (run.id, filed)));
        Ok(Some(run.id))
    }

    async fn file_roster(&mut self, roster: &Roster) -> Result<Option<RunId>> {
        let observed_at = self.newest + TimeDelta::seconds(roster.ahead);
        self.newest = self.newest.max(observed_at);
        let mut hasher = DefaultHasher::new();
        (roster, observed_at).hash(&mut hasher);
        let mut body_hash = [0; 32];
        body_hash[..8].copy_from_slice(&hasher.finish().to_be_bytes());
        let entries: Vec<Member> = roster.entries.iter().map(|(number, kind)| version(*number, *kind)).collect();
        let mut list = List::new(observed_at, &entries, roster.size);
        list.run.mode = if roster.dry { Mode::DryRun } else { Mode::Full };
        list.run.allow_mass_departure = roster.allow;
        list.run.idempotency = roster.key.map(|key| Idempotency { key: format!("key {key}"), body_hash });
        let places: BTreeMap<i64, usize> = entries.iter().enumerate().map(|(place, member)| (member.id.get(), place)).collect();
        let part = |batch: usize| {
            let stands = places.iter().filter(|(_, place)| **place / roster.size == batch);
            stands.map(|(number, _)| *number).collect()
        };
        let parts = (0..list.batches.len()).map(part).collect();
        self.file_list(Filed { entries, list, parts }).await
    }

    async fn file_list(&mut self, mut filed: Filed) -> Result<Option<RunId>> {
        filed.list.run.id = run_id(self.now);
        filed.list.run.created_at = self.now;
        let listed = filed.entries.iter().map(|member| (member.id.get(), member.clone())).collect();
        let about = About::Roster { listed, allow: filed.list.run.allow_mass_departure };
        let (run, batches) = (filed.list.run.clone(), filed.list.batches.clone());
        self.file(run, &batches, Some(filed), about).await
    }

    fn small(&self, observed_at: DateTime<Utc>, members_total: i64, batches_total: i32) -> NewRun {
        NewRun {
            id: run_id(self.now),
            source: Source::Push,
            mode: Mode::Delta,
            decision: None,
            allow_mass_departure: false,
            idempotency: None,
            reply: None,
            noted: None,
            requested_by: String::new(),
            observed_at,
            created_at: self.now,
            members_total,
            batches_total,
            counts: Counts::default(),
        }
    }

    async fn file_sightings(&mut self, seen: &[(i64, i64, Look)]) -> Result<RunId> {
        let sighting = |(number, ahead, look): &(i64, i64, Look)| Sighting {
            observed_at: self.newest + TimeDelta::seconds(*ahead),
            seen: match look {
                Look::Here(kind) => Seen::Present(version(*number, *kind)),
                Look::Gone => Seen::Gone { id: id(*number), user: None },
                Look::GoneUser => Seen::Gone { id: id(*number), user: Some(version(*number, 1)) },
            },
        };
        let sightings: Vec<Sighting> = seen.iter().map(sighting).collect();
        let times = || sightings.iter().map(|sighting| sighting.observed_at);
        let (earliest, latest) = (times().min().unwrap(), times().max().unwrap());
        self.newest = self.newest.max(latest);
        let members = i64::try_from(sightings.len())?;
        // Two more entries came and were replaced by later ones.
        let counts = Counts { total_received: members + 2, duplicates: 2, ..Counts::default() };
        let run = NewRun { counts, ..self.small(earliest, members, 1) };
        let batch = StagedBatch { batch: 0, members, payload: encode_sightings(&sightings)? };
        let filed = self.file(run, &[batch], None, About::Sightings(sightings)).await?;
        filed.ok_or_else(|| anyhow::anyhow!("no key, and yet not filed"))
    }

    /// The run that holds departures or the one at that place from the end; of those that are no small ones.
    async fn file_decision(&mut self, act: Act, place: usize, ids: Option<&[i64]>) -> Result<Option<RunId>> {
        let holding = self.order.iter().copied().find(|run| self.model.case(*run).has_open_hold());
        let lists: Vec<RunId> = self.order.iter().rev().copied().filter(|run| !self.model.case(*run).is_small()).collect();
        let holding = holding.filter(|_| act != Act::UndoDepartures && place < 4);
        let Some(target) = holding.or_else(|| pick(&lists, place)) else { return Ok(None) };
        let batch = ids.map(|ids| {
            let ids: Vec<_> = ids.iter().map(|number| id(*number)).collect();
            anyhow::Ok(StagedBatch { batch: 0, members: i64::try_from(ids.len())?, payload: encode_ids(&ids)? })
        });
        let batch = batch.transpose()?;
        let named = batch.as_ref().map_or(0, |batch| batch.members);
        let run = NewRun { decision: Some(Decision { act, target }), ..self.small(self.now, named, i32::from(named > 0)) };
        let about = About::Decision { act, target, ids: ids.map(|ids| ids.iter().copied().collect()) };
        self.file(run, batch.as_slice(), None, about).await
    }

    async fn resend(&mut self, which: usize, same: bool) -> Result<()> {
        let Some(run) = pick(&self.keyed, which) else { return Ok(()) };
        let mut filed = self.rosters[&run].clone();
        if let Some(key) = filed.list.run.idempotency.as_mut().filter(|_| !same) {
            key.body_hash[31] ^= 1;
        }
        self.file_list(filed).await.map(drop)
    }

    async fn come_back(&mut self, which: usize, late: Late) -> Result<()> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let place = which % self.lost.len();
        if late == Late::Renews {
            let claimed = self.lost[place].clone();
            let until = self.now + LEASE;
            let kept = match &claimed.claim {
                Claim::Batch(claim) => self.ledger.work.renew_batch(claim, until).await?,
                Claim::Finish(claim) => self.ledger.work.renew_finish(claim, until).await?,
            };
            let verdict = self.verdict(&claimed);
            ensure!(
                verdict == Verdict::Either || kept == (verdict == Verdict::Valid),
                "{verdict:?}, renewed: {kept}: {claimed:?}"
            );
            if kept {
                self.desk.renew(claimed.step(), self.now);
            }
            return Ok(());
        }
        let claimed = self.lost.remove(place);
        let verdict = self.verdict(&claimed);
        if late == Late::Concludes {
            return self.conclude(&claimed).await;
        }
        // Whether one gives back what it lost is told by attempts alone.
        if verdict == Verdict::Either {
            return Ok(());
        }
        let blameless = late == Late::GivesBackBlameless;
        match &claimed.claim {
            Claim::Batch(claim) => self.ledger.work.release_batch(claim, "a mishap", blameless, self.now).await?,
            Claim::Finish(claim) => self.ledger.work.release_finish(claim, blameless, self.now).await?,
        }
        if verdict == Verdict::Valid {
            self.desk.give_back(claimed.step(), blameless);
        }
        Ok(())
    }

    /// Runs with a step that was given up too often.
    fn spent(&mut self) -> Vec<RunId> {
        let now = self.now;
        let mut spent = Vec::new();
        for run in self.open() {
            let batches = self.rosters.get(&run).map_or(0, |filed| filed.list.run.batches_total);
            let steps = (0..batches).map(Some).chain([None]);
            if steps.into_iter().any(|step| self.desk.slot((run, step)).is_spent(now)) {
                spent.push(run);
            }
        }
        spent.sort_unstable();
        spent
    }

    async fn set_aside(&mut self) -> Result<()> {
        let spent = self.spent();
        let mut told = self.ledger.work.exhausted(self.now).await?;
        told.sort_unstable();
        same("exhausted", &told, &spent)?;
        for run in self.open() {
            let next = self.ledger.work.set_aside(run, &mishap(), self.now).await?;
            if spent.contains(&run) {
                self.model.break_off(run, RunState::Failed, Some("mishap"), self.now);
                self.check_next(&next, false)?;
            }
        }
        Ok(())
    }

    async fn cancel(&mut self, run: usize) -> Result<()> {
        let Some(run) = pick(&self.open(), run) else { return Ok(()) };
        let Cancelled::Done(next) = self.ledger.filing.cancel_run(run, "", None, self.now).await? else {
            bail!("it has not ended")
        };
        self.model.break_off(run, RunState::Cancelled, None, self.now);
        self.check_next(&next, false)
    }

    async fn fail(&mut self, run: usize) -> Result<()> {
        let Some(run) = pick(&self.open(), run) else { return Ok(()) };
        let next = self.ledger.work.fail_run(run, &mishap(), self.now).await?;
        self.model.break_off(run, RunState::Failed, Some("mishap"), self.now);
        self.check_next(&next, false)
    }

    /// Jobs that come again, after the fact.
    async fn again(&mut self, run: usize) -> Result<()> {
        let Some(run) = pick(&self.order, run) else { return Ok(()) };
        let state = self.model.case(run).state;
        if state == RunState::Queued {
            return Ok(());
        }
        self.take_up(run).await?;
        let batches = self.rosters.get(&run).map_or(0, |filed| filed.list.run.batches_total);
        for batch in (0..batches).filter(|_| state != RunState::Applying) {
            ensure!(self.claim_batch(run, batch).await?.is_none(), "a batch after the fact");
        }
        if state.has_ended() {
            ensure!(self.claim_finish(run).await?.is_none(), "a finish after the fact");
            same("a late cancel", &self.ledger.filing.cancel_run(run, "", None, self.now).await?, &Cancelled::Ended)?;
            self.ledger.work.fail_run(run, &mishap(), self.now).await?;
        }
        Ok(())
    }

    async fn import(&mut self, lines: &[(u8, bool, bool, Claims)]) -> Result<()> {
        let line = |(name, loud, email, claims): &(u8, bool, bool, Claims)| {
            let username = NAMES[usize::from(*name)];
            ImportRow {
                username: if *loud { username.to_uppercase() } else { username.into() },
                email: if *email { format!("{name}@site.example") } else { String::new() },
                discord_id: match claims {
                    Claims::Nothing => Claimed::None,
                    Claims::Id(number) => Claimed::Id(id(*number)),
                    Claims::Unreadable => Claimed::Unreadable("0x1F".into()),
                },
            }
        };
        let rows: Vec<ImportRow> = lines.iter().map(line).collect();
        let done = self.ledger.accounts.import(&rows, self.now).await?;
        same("the import", &done, &self.model.world.import(&rows, self.now))
    }

    /// The sweeper alone must bring everything to its end, however many workers were lost.
    pub async fn sweep(&mut self) -> Result<()> {
        for _ in 0..50 {
            self.now += TimeDelta::seconds(7);
            self.set_aside().await?;
            let due = self.ledger.work.due(self.now, self.now, 100).await?;
            if due.is_empty() {
                let open: Vec<String> = self.open().into_iter().map(|run| self.name(run)).collect();
                ensure!(open.is_empty(), "nothing is due, but not ended: {open:?}");
                return Ok(());
            }
            for step in due {
                let claimed = match step {
                    Due::Run(run) => self.claim_next(run, false).await?,
                    Due::Batch(run, batch) => self.claim_batch(run, batch).await?,
                    Due::Finish(run) => self.claim_finish(run).await?,
                };
                if let Some(claimed) = claimed {
                    self.conclude(&claimed).await?;
                }
            }
        }
        bail!("the sweeper comes to no end")
    }
}
