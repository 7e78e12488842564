//! The last step of a run, in one transaction: of a roster its departures, links and end; of a small run all that it does.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::deltas::Applied;
use super::guild_members::Departures;
use super::links::{ASTRAY_OF, Scope, astray, plan_links, relink};
use super::sync_run_ends::{End, end, still_claimed};
use super::sync_runs::may_go_on;
use super::turns::{lock_evidence, lock_guild, lock_members};
use super::{Postgres, decisions, deltas, guild_members, held_departures, presence, sync_batches};
use crate::domain::{Act, Action, Counts, Guard, HeldReason, Mode, RunState, Sighting};
use crate::store::changes::Effect;
use crate::store::columns::{Columns as _, word};
use crate::store::deltas::Moment;
use crate::store::work::{Judged, Listed, Rows, defer_others, judge, nobody_departs};
use crate::store::{Decision, Findings, FinishClaim, Finished, StoreError, small_payload};

/// How often a small run is tried while batches make its rows beside it.
const TRIES: usize = 5;

impl Postgres {
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
        // What a run is about does not change, so that a small one is read before others wait for it.
        let run = sqlx::query(
            "SELECT r.mode, r.act, r.target_run_id, r.total_received, r.duplicates, CASE r.mode WHEN 'delta' THEN b.payload END AS payload
             FROM sync_runs r LEFT JOIN sync_batches b ON b.run_id = r.id AND b.batch = 0 WHERE r.id = $1",
        )
        .bind(claim.run.uuid())
        .fetch_optional(&self.pool)
        .await?
        .ok_or(StoreError::ClaimLost)?;
        match word(&run.text("mode")?, Mode::from_word, "run mode")? {
            Mode::Delta => {
                for _ in 0..TRIES {
                    if let Some(finished) = self.finish_small(claim, &run, now).await? {
                        return Ok(finished);
                    }
                }
                Err(StoreError::Unavailable("the same members are being written by others".into()))
            }
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
        self.let_pass().await?;
        let mut tx = self.pool.begin().await?;
        lock_guild(&mut tx).await?;
        let filed = sqlx::query(
            "SELECT batches_total, total_received, duplicates, skipped, allow_mass_departure FROM sync_runs
             WHERE id = $1 AND state = 'finishing' AND attempts = $2",
        )
        .bind(claim.run.uuid())
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
        let Listed { ids: listed, count: listed_count, departed } =
            self.look_through(&mut tx, claim, effect, &counts, counted.0).await?;
        let astray = astray(&mut tx).await?;
        // What goes through all members takes its time, and needs nobody to wait; from here on single rows stand still.
        lock_evidence(&mut tx).await?;
        let departed = guild_members::still_departed(&mut tx, &departed, claim.observed_at).await?;
        let departed = defer_others(&mut counts, findings, departed);
        let roster = Roster { claim, effect, departed: &departed, now };
        let active = presence::recount(&mut tx, counted).await?;
        let active = if effect == Effect::Plan { active + counts.created + counts.rejoined } else { active };
        let judged = Judged {
            listed: listed_count,
            active,
            departed: departed.len(),
            allow_mass_departure: filed.flag("allow_mass_departure")?,
            doubt: findings.doubt,
        };
        let (held, warning) = judge(guard, &mut counts, judged);
        counts.marked_left = depart(&mut tx, roster, held).await?;
        (counts.linked, counts.unlinked) = match effect {
            Effect::Write => relink(&mut tx, Some(claim.run), Scope::found(astray.as_deref()), now).await?,
            Effect::Plan => plan_links(&mut tx, claim.run, &listed, now).await?,
        };
        counts.total_active = active - counts.marked_left;
        let state = if held.is_some() && effect == Effect::Write { RunState::Held } else { RunState::Succeeded };
        // Not locked meanwhile, so that the claim can be renewed; whoever has taken it over since has raised its number.
        if !still_claimed(&mut tx, claim).await? {
            return Err(StoreError::ClaimLost);
        }
        let conclusion = End { state, held, counts: &counts, warning: warning.as_deref(), error: None, change: None };
        end(&mut tx, claim.run, conclusion, now).await?;
        if effect == Effect::Write {
            presence::keep(&mut tx, counts.total_active).await?;
        }
        let next = may_go_on(&mut tx).await?;
        tx.commit().await?;
        Ok(Finished { state, counts, next })
    }

    /// Looks for departures, one by one only if there may be any.
    async fn look_through(
        &self,
        connection: &mut PgConnection,
        claim: &FinishClaim,
        effect: Effect,
        counts: &Counts,
        rows: Rows,
    ) -> Result<Listed, StoreError> {
        if effect == Effect::Write && nobody_departs(counts, rows) {
            let count = usize::try_from(counts.created + counts.updated).unwrap_or(usize::MAX);
            return Ok(Listed { count, ..Listed::default() });
        }
        let ids = self.listed_ids(claim.run).await?;
        let departed = guild_members::departures(connection, &ids, claim.observed_at).await?;
        Ok(Listed { count: ids.len(), ids, departed })
    }

    /// Waits for whoever writes single rows or links at this moment. They may not have seen what a batch made beside them; whoever comes later sees
    /// it all, and leaves no link astray.
    async fn let_pass(&self) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_evidence(&mut tx).await?;
        tx.rollback().await?;
        Ok(())
    }

    /// Does all that a small run is about; puts it back if it must wait for a roster to be done. `None` if it must be tried again, because a batch made
    /// one of its rows meanwhile.
    async fn finish_small(&self, claim: &FinishClaim, run: &PgRow, now: DateTime<Utc>) -> Result<Option<Finished>, StoreError> {
        let small = Small::read(run)?;
        let mut tx = self.pool.begin().await?;
        if matches!(small, Small::Decision(..)) {
            lock_guild(&mut tx).await?;
            lock_evidence(&mut tx).await?;
        } else {
            lock_members(&mut tx, &small.members()).await?;
        }
        let standing = standing(&mut tx, claim, &small).await?.ok_or(StoreError::ClaimLost)?;
        if standing.must_wait {
            put_back(&mut tx, claim, now).await?;
            tx.commit().await?;
            return Ok(Some(Finished { state: RunState::Queued, counts: Counts::default(), next: Vec::new() }));
        }
        if !standing.is_counted {
            presence::begin(&mut tx).await?;
        }
        let done = match &small {
            Small::Decision(decision, ids) => {
                let done = decisions::carry_out(&mut tx, claim.run, *decision, ids.as_deref(), now).await?;
                done.map(|counts| Applied { counts, ..Applied::default() })
            }
            Small::Delta(sightings) => {
                let moment = Moment { run: claim.run, last_roster: standing.last_roster, now };
                let Some(applied) = deltas::apply(&mut tx, moment, sightings, standing.may_link).await? else {
                    tx.rollback().await?;
                    return Ok(None);
                };
                Ok(applied)
            }
            Small::Gone => return Err(StoreError::Unreadable("a delta without its sightings".into())),
        };
        let (state, done, error) = match done {
            Ok(done) => (RunState::Succeeded, done, None),
            Err(error) => (RunState::Failed, Applied { change: Some(0), ..Applied::default() }, Some(error)),
        };
        let Applied { mut counts, change, made } = done;
        counts.total_received = run.int("total_received")?;
        counts.duplicates = run.int("duplicates")?;
        sync_batches::note_small(&mut tx, claim.run, &counts, made).await?;
        let conclusion = End { state, held: None, counts: &counts, warning: None, error: error.as_ref(), change };
        counts.total_active = end(&mut tx, claim.run, conclusion, now).await?;
        tx.commit().await?;
        self.tell_planner(counts.created);
        Ok(Some(Finished { state, counts, next: Vec::new() }))
    }
}

/// What a small run is about.
enum Small {
    /// What a person decided, of these members or of all that are held.
    Decision(Decision, Option<Vec<i64>>),
    Delta(Vec<Sighting>),
    /// It is not there any more.
    Gone,
}

impl Small {
    fn read(run: &PgRow) -> Result<Self, StoreError> {
        let act = run.opt_text("act")?.map(|text| word(&text, Act::from_word, "decision")).transpose()?;
        let decision = act.zip(run.opt_run_id("target_run_id")?).map(|(act, target)| Decision { act, target });
        let payload: Option<Vec<u8>> = run.try_get("payload")?;
        Ok(match (decision, payload) {
            (Some(decision), ids) => Self::Decision(decision, ids.map(|ids| small_payload::decode_ids(&ids)).transpose()?),
            (None, Some(sightings)) => Self::Delta(small_payload::decode_sightings(&sightings)?),
            (None, None) => Self::Gone,
        })
    }

    /// The members that it speaks of by themselves.
    fn members(&self) -> Vec<i64> {
        match self {
            Self::Delta(sightings) => sightings.iter().map(|sighting| sighting.id().get()).collect(),
            Self::Decision(..) | Self::Gone => Vec::new(),
        }
    }
}

/// How things stand when a small run has what it must lock.
struct Standing {
    /// The roster at work must be done first.
    must_wait: bool,
    /// It is kept how many members are present.
    is_counted: bool,
    /// The newest roster that ended `succeeded`.
    last_roster: Option<DateTime<Utc>>,
    /// A member that it speaks of is not linked as the ids say, or is not there yet and has an account.
    may_link: bool,
}

/// `None` if the finish is no longer claimed; else it stays that until the transaction ends. A decision waits for any roster: of those whom the roster lists,
/// only those rows that it changes show it. A delta waits for one that is not older: until it ends, nobody knows whether it has spoken for every
/// member.
async fn standing(connection: &mut PgConnection, claim: &FinishClaim, small: &Small) -> Result<Option<Standing>, StoreError> {
    let row = sqlx::query(AssertSqlSafe(format!(
        "SELECT EXISTS (SELECT FROM sync_runs WHERE finished_at IS NULL AND mode = 'full' AND state IN ('fetching', 'applying', 'finishing')
                 AND ($4 OR observed_at >= $3)) AS must_wait,
             EXISTS (SELECT FROM settings WHERE name = 'present') AS is_counted,
             (SELECT max(observed_at) FROM sync_runs WHERE mode = 'full' AND state = 'succeeded') AS last_roster,
             {ASTRAY_OF} AS may_link
         FROM sync_runs WHERE id = $1 AND state = 'finishing' AND attempts = $2 FOR UPDATE"
    )))
    .bind(claim.run.uuid())
    .bind(claim.attempt)
    .bind(claim.observed_at)
    .bind(matches!(small, Small::Decision(..)))
    .bind(small.members())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Standing {
        must_wait: row.flag("must_wait")?,
        is_counted: row.flag("is_counted")?,
        last_roster: row.opt_time("last_roster")?,
        may_link: row.flag("may_link")?,
    }))
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
async fn depart(connection: &mut PgConnection, roster: Roster<'_>, held: Option<HeldReason>) -> Result<i64, StoreError> {
    let Roster { claim, effect, departed, now } = roster;
    let all = i64::try_from(departed.len()).unwrap_or(i64::MAX);
    match (effect, held) {
        // It speaks of nobody in particular.
        (_, Some(HeldReason::EmptyList)) => Ok(0),
        (Effect::Plan, held) => {
            let action = if held.is_some() { Action::Held } else { Action::Left };
            let planned = Departures { run: claim.run, ids: departed, action, observed_at: claim.observed_at };
            guild_members::plan_departures(connection, planned, now).await?;
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

/// Gives a small run back as if it had never been claimed; whoever ends the roster rings it.
async fn put_back(connection: &mut PgConnection, claim: &FinishClaim, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("UPDATE sync_runs SET state = 'queued', attempts = attempts - 1, lease_until = NULL, rung_at = $2 WHERE id = $1")
        .bind(claim.run.uuid())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}
