//! The last step of a run: of a roster its departures, links and end, which are read beforehand and written in one transaction; of a small run all that it does.

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::guild_members::Departures;
use super::links::{Scope, astray, plan_links, relink};
use super::sync_run_ends::{End, end, still_claimed};
use super::sync_runs::may_go_on;
use super::{MAPPED, Sqlite, decisions, deltas, guild_members, held_departures, micros, presence, sync_batches};
use crate::domain::{Act, Action, Counts, Guard, HeldReason, Mode, RunState};
use crate::store::changes::Effect;
use crate::store::columns::{Columns as _, word};
use crate::store::work::{Judged, Listed, Rows, defer_others, judge, nobody_departs};
use crate::store::{Decision, Findings, FinishClaim, Finished, StoreError, small_payload};

impl Sqlite {
    pub(in crate::store) async fn finish(
        &self,
        claim: &FinishClaim,
        guard: Guard,
        now: DateTime<Utc>,
    ) -> Result<Finished, StoreError> {
        self.finish_found(claim, guard, &Findings::default(), now).await
    }

    pub(in crate::store) async fn finish_found(
        &self,
        claim: &FinishClaim,
        guard: Guard,
        findings: &Findings,
        now: DateTime<Utc>,
    ) -> Result<Finished, StoreError> {
        let run = sqlx::query("SELECT mode, act, target_run_id FROM sync_runs WHERE id = ?1")
            .bind(claim.run.to_string())
            .fetch_optional(&self.read)
            .await?
            .ok_or(StoreError::ClaimLost)?;
        match word(&run.text("mode")?, Mode::from_word, "run mode")? {
            Mode::Delta => self.finish_small(claim, decision(&run)?, now).await,
            mode @ (Mode::Full | Mode::DryRun) => self.finish_roster(claim, Effect::of(mode), (guard, findings), now).await,
        }
    }

    async fn finish_roster(
        &self,
        claim: &FinishClaim,
        effect: Effect,
        (guard, findings): (Guard, &Findings),
        now: DateTime<Utc>,
    ) -> Result<Finished, StoreError> {
        let Survey { mut counts, allow_mass_departure, counted, listed, astray } = self.survey(claim, effect).await?;
        let Listed { ids: listed, count: listed_count, departed } = listed;
        // What goes through all members is done; from here on nobody else writes.
        let mut tx = self.begin().await?;
        if !still_claimed(&mut tx, claim).await? {
            return Err(StoreError::ClaimLost);
        }
        let departed = guild_members::still_departed(&mut tx, departed, claim.observed_at).await?;
        let departed = defer_others(&mut counts, findings, departed);
        let roster = Roster { claim, effect, departed: &departed, now };
        let active = presence::recount(&mut tx, counted).await?;
        let active = if effect == Effect::Plan { active + counts.created + counts.rejoined } else { active };
        let judged =
            Judged { listed: listed_count, active, departed: departed.len(), allow_mass_departure, doubt: findings.doubt };
        let (held, warning) = judge(guard, &mut counts, judged);
        counts.marked_left = depart(&mut tx, roster, held).await?;
        (counts.linked, counts.unlinked) = match effect {
            Effect::Write => relink(&mut tx, Some(claim.run), Scope::found(astray.as_deref()), now).await?,
            Effect::Plan => plan_links(&mut tx, claim.run, &listed, now).await?,
        };
        counts.total_active = active - counts.marked_left;
        let state = if held.is_some() && effect == Effect::Write { RunState::Held } else { RunState::Succeeded };
        let conclusion = End { state, held, counts: &counts, warning: warning.as_deref(), error: None };
        end(&mut tx, claim.run, conclusion, now).await?;
        if effect == Effect::Write {
            presence::keep(&mut tx, counts.total_active).await?;
        }
        let next = may_go_on(&mut tx).await?;
        tx.commit().await?;
        Ok(Finished { state, counts, next })
    }

    /// Reads what takes its time before others have to wait for it. All batches are applied, and whoever writes beside this has newer evidence, and
    /// leaves no link astray.
    async fn survey(&self, claim: &FinishClaim, effect: Effect) -> Result<Survey, StoreError> {
        let mut connection = self.read.acquire().await?;
        // All of a large file would be mapped, and count as this process's memory. Should this be broken off, the connection stays as it is.
        unmap(&mut connection, true).await?;
        let survey = survey(&mut connection, claim, effect).await;
        unmap(&mut connection, false).await?;
        survey
    }

    /// Does all that a small run is about; puts it back if it must wait for a roster to be done.
    async fn finish_small(
        &self,
        claim: &FinishClaim,
        decision: Option<Decision>,
        now: DateTime<Utc>,
    ) -> Result<Finished, StoreError> {
        let mut tx = self.begin().await?;
        if !still_claimed(&mut tx, claim).await? {
            return Err(StoreError::ClaimLost);
        }
        if must_wait(&mut tx, claim, decision.is_some()).await? {
            put_back(&mut tx, claim, now).await?;
            tx.commit().await?;
            return Ok(Finished { state: RunState::Queued, counts: Counts::default(), next: Vec::new() });
        }
        let payload: Option<Vec<u8>> = sqlx::query_scalar("SELECT payload FROM sync_batches WHERE run_id = ?1 AND batch = 0")
            .bind(claim.run.to_string())
            .fetch_optional(&mut *tx)
            .await?
            .flatten();
        let done = match (decision, payload) {
            (Some(decision), ids) => {
                let ids = ids.map(|ids| small_payload::decode_ids(&ids)).transpose()?;
                decisions::carry_out(&mut tx, claim.run, decision, ids.as_deref(), now).await?.map(|counts| (counts, None))
            }
            (None, Some(sightings)) => {
                let sightings = small_payload::decode_sightings(&sightings)?;
                Ok(deltas::apply(&mut tx, claim.run, &sightings, now).await?)
            }
            (None, None) => return Err(StoreError::Unreadable("a delta without its sightings".into())),
        };
        let (state, (mut counts, made), error) = match done {
            Ok(done) => (RunState::Succeeded, done, None),
            Err(error) => {
                let total_active = presence::after(&mut tx, 0).await?;
                (RunState::Failed, (Counts { total_active, ..Counts::default() }, None), Some(error))
            }
        };
        let filed = sqlx::query("SELECT total_received, duplicates FROM sync_runs WHERE id = ?1")
            .bind(claim.run.to_string())
            .fetch_one(&mut *tx)
            .await?;
        counts.total_received = filed.int("total_received")?;
        counts.duplicates = filed.int("duplicates")?;
        sync_batches::note_small(&mut tx, claim.run, &counts, made).await?;
        end(&mut tx, claim.run, End { state, held: None, counts: &counts, warning: None, error: error.as_ref() }, now).await?;
        tx.commit().await?;
        Ok(Finished { state, counts, next: Vec::new() })
    }
}

/// What the end of a roster finds when it goes through all members.
struct Survey {
    /// Those of the batches and of the list.
    counts: Counts,
    allow_mass_departure: bool,
    /// The rows, and how many were kept as present at that moment.
    counted: (Rows, Option<i64>),
    listed: Listed,
    /// Members whose links are not as the ids say; `None` if they are very many.
    astray: Option<Vec<i64>>,
}

/// Reads what [`Sqlite::survey`] is to find.
async fn survey(connection: &mut SqliteConnection, claim: &FinishClaim, effect: Effect) -> Result<Survey, StoreError> {
    // One moment, so that the numbers agree.
    let mut tx = connection.begin().await?;
    let filed = sqlx::query(
        "SELECT batches_total, total_received, duplicates, skipped, allow_mass_departure FROM sync_runs
         WHERE id = ?1 AND state = 'finishing' AND attempts = ?2",
    )
    .bind(claim.run.to_string())
    .bind(claim.attempt)
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(StoreError::ClaimLost)?;
    if sync_batches::kept(&mut tx, claim.run).await? != filed.int("batches_total")? {
        // Whoever stands in the others would be taken for departed.
        return Err(StoreError::Unreadable("a run without some of its batches".into()));
    }
    let mut counts = sync_batches::sum(&mut tx, claim.run).await?;
    counts.total_received = filed.int("total_received")?;
    counts.duplicates = filed.int("duplicates")?;
    counts.skipped = filed.int("skipped")?;
    let counted = presence::count(&mut tx, claim.observed_at).await?;
    let listed = look_through(&mut tx, claim, effect, &counts, counted.0).await?;
    let astray = astray(&mut tx).await?;
    tx.rollback().await?;
    Ok(Survey { counts, allow_mass_departure: filed.flag("allow_mass_departure")?, counted, listed, astray })
}

/// Has a reading connection read the file as a file, or map it as the others do.
async fn unmap(connection: &mut SqliteConnection, is_unmapped: bool) -> Result<(), StoreError> {
    let size = if is_unmapped { "0" } else { MAPPED };
    sqlx::query(AssertSqlSafe(format!("PRAGMA mmap_size = {size}"))).execute(connection).await?;
    Ok(())
}

/// Looks for departures, one by one only if there may be any.
async fn look_through(
    connection: &mut SqliteConnection,
    claim: &FinishClaim,
    effect: Effect,
    counts: &Counts,
    rows: Rows,
) -> Result<Listed, StoreError> {
    if effect == Effect::Write && nobody_departs(counts, rows) {
        let count = usize::try_from(counts.created + counts.updated).unwrap_or(usize::MAX);
        return Ok(Listed { count, ..Listed::default() });
    }
    let ids = sync_batches::listed_ids(connection, claim.run).await?;
    let departed = guild_members::departures(connection, &ids, claim.observed_at).await?;
    Ok(Listed { count: ids.len(), ids, departed })
}

/// What the run decides, if it is a decision.
fn decision(run: &SqliteRow) -> Result<Option<Decision>, StoreError> {
    let act = run.opt_text("act")?.map(|text| word(&text, Act::from_word, "decision")).transpose()?;
    Ok(act.zip(run.opt_run_id("target_run_id")?).map(|(act, target)| Decision { act, target }))
}

/// A roster at its end.
#[derive(Clone, Copy)]
struct Roster<'a> {
    claim: &'a FinishClaim,
    effect: Effect,
    departed: &'a [i64],
    now: DateTime<Utc>,
}

/// Marks the departures of a roster, holds them, or takes note of either; answers how many are marked. An applied roster replaces any hold;
/// an empty list is not one.
async fn depart(connection: &mut SqliteConnection, roster: Roster<'_>, held: Option<HeldReason>) -> Result<i64, StoreError> {
    let Roster { claim, effect, departed, now } = roster;
    let all = i64::try_from(departed.len()).unwrap_or(i64::MAX);
    match (effect, held) {
        // It speaks of nobody in particular.
        (_, Some(HeldReason::EmptyList)) => Ok(0),
        (Effect::Plan, held) => {
            let action = if held.is_some() { Action::Held } else { Action::Left };
            let planned = Departures { run: claim.run, ids: departed, action, observed_at: claim.observed_at };
            guild_members::note_departures(connection, Effect::Plan, planned, now).await?;
            Ok(if held.is_some() { 0 } else { all })
        }
        (Effect::Write, Some(_)) => {
            held_departures::replace(connection, claim.run).await?;
            held_departures::insert(connection, claim.run, departed).await?;
            Ok(0)
        }
        (Effect::Write, None) => {
            held_departures::replace(connection, claim.run).await?;
            let marked = guild_members::mark_left(connection, claim.run, departed, claim.observed_at, now).await?;
            Ok(i64::try_from(marked.len()).unwrap_or(i64::MAX))
        }
    }
}

/// Whether a small run must wait until the roster at work is done. A decision waits for any: of those whom the roster lists, only those rows
/// that it changes show it. A delta waits for one that is not older: until it ends, nobody knows whether it has spoken for every member.
async fn must_wait(connection: &mut SqliteConnection, claim: &FinishClaim, is_decision: bool) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sync_runs WHERE finished_at IS NULL AND mode = 'full' AND state IN ('fetching', 'applying', 'finishing')
             AND (?2 OR observed_at >= ?1))",
    )
    .bind(micros(claim.observed_at))
    .bind(is_decision)
    .fetch_one(connection)
    .await?)
}

/// Gives a small run back as if it had never been claimed; whoever ends the roster rings it.
async fn put_back(connection: &mut SqliteConnection, claim: &FinishClaim, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_runs SET state = 'queued', attempts = attempts - 1, lease_until = NULL, rung_at = ?2 WHERE id = ?1")
        .bind(claim.run.to_string())
        .bind(micros(now))
        .execute(connection)
        .await?;
    Ok(())
}
