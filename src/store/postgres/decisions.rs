//! Decisions: what a person says of a run's departures. The caller has the guild's turn and the evidence lock.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::guild_members::MarkedBy;
use super::sync_run_ends::warn;
use super::{Postgres, guild_members, held_departures, presence, staff_log};
use crate::domain::{Act, Counts, HeldReason, RunError, RunId, RunState, nothing_held};
use crate::store::columns::{Columns as _, word};
use crate::store::decisions::{Decided, came_of, decision_undone, undone};
use crate::store::{Decision, StoreError};

/// Carries a decision out for `run`, which is the decision's own. `ids`: those it is about; all that are held if `None`. The inner error says
/// that there is nothing to decide.
pub(super) async fn carry_out(
    connection: &mut PgConnection,
    run: RunId,
    decision: Decision,
    ids: Option<&[i64]>,
    now: DateTime<Utc>,
) -> Result<Result<Counts, RunError>, StoreError> {
    let mut counts = match decision.act {
        Act::UndoDepartures => {
            let marked = marked_by(connection, decision.target).await?;
            let rejoined = guild_members::bring_back(connection, run, marked, now).await?;
            if rejoined > 0 {
                warn(connection, decision.target, &undone(run, rejoined)).await?;
                if let Some(decided) = marked.decision {
                    warn(connection, marked.run, &decision_undone(decided, run, rejoined)).await?;
                }
            }
            Counts { rejoined, ..Counts::default() }
        }
        Act::ApplyDepartures | Act::DismissDepartures => match decide(connection, run, decision, ids, now).await? {
            Ok(decided) => decided.counts(),
            Err(error) => {
                staff_log::settle(connection, run, &came_of(decision.act, Err(&error))).await?;
                return Ok(Err(error));
            }
        },
    };
    staff_log::settle(connection, run, &came_of(decision.act, Ok(&counts))).await?;
    counts.total_active = guild_members::active(&mut *connection).await?;
    presence::keep(connection, counts.total_active).await?;
    Ok(Ok(counts))
}

/// The departures that a run marked. Those that a decision marked stand in history under the run that had held them.
async fn marked_by(connection: &mut PgConnection, run: RunId) -> Result<MarkedBy, StoreError> {
    let held_by = sqlx::query("SELECT target_run_id FROM sync_runs WHERE id = $1 AND act = 'apply_departures'")
        .bind(run.uuid())
        .fetch_optional(connection)
        .await?;
    let held_by = held_by.map(|row| row.opt_run_id("target_run_id")).transpose()?.flatten();
    Ok(held_by.map_or(MarkedBy { run, decision: None }, |held_by| MarkedBy { run: held_by, decision: Some(run) }))
}

async fn decide(
    connection: &mut PgConnection,
    run: RunId,
    decision: Decision,
    ids: Option<&[i64]>,
    now: DateTime<Utc>,
) -> Result<Result<Decided, RunError>, StoreError> {
    let target = sqlx::query("SELECT state, held_reason, observed_at FROM sync_runs WHERE id = $1 FOR UPDATE")
        .bind(decision.target.uuid())
        .fetch_optional(&mut *connection)
        .await?
        .ok_or_else(|| StoreError::Refused("the run of these departures is no longer kept; nothing was changed".into()))?;
    let state = word(&target.text("state")?, RunState::from_word, "run state")?;
    let reason = target.opt_text("held_reason")?.map(|text| word(&text, HeldReason::from_word, "held reason")).transpose()?;
    if let Some(error) = nothing_held(state, reason) {
        return Ok(Err(error));
    }
    let concerned = held_departures::undecided(connection, decision.target, ids).await?;
    let unknown = ids.map_or(0, |ids| ids.len() - concerned.len());
    let mut decided = Decided { not_marked: i64::try_from(unknown).unwrap_or(i64::MAX), ..Decided::default() };
    let (marked, others) = if decision.act == Act::ApplyDepartures {
        let observed_at = target.time("observed_at")?;
        let marked = guild_members::mark_left(connection, decision.target, &concerned, observed_at, now).await?;
        let those: HashSet<i64> = marked.iter().copied().collect();
        let others: Vec<i64> = concerned.into_iter().filter(|id| !those.contains(id)).collect();
        decided.not_marked += i64::try_from(others.len()).unwrap_or(i64::MAX);
        (marked, (others, "not_marked"))
    } else {
        decided.dismissed = i64::try_from(concerned.len()).unwrap_or(i64::MAX);
        (Vec::new(), (concerned, "dismissed"))
    };
    decided.marked = i64::try_from(marked.len()).unwrap_or(i64::MAX);
    let outcomes = [(marked.as_slice(), "marked"), (others.0.as_slice(), others.1)];
    decided.held = held_departures::decide(connection, decision.target, run, &outcomes).await?;
    note(connection, decision.target, decided).await?;
    Ok(Ok(decided))
}

/// Brings the counts and the state of the held run up to date.
async fn note(connection: &mut PgConnection, target: RunId, decided: Decided) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sync_runs SET marked_left = marked_left + $2, dismissed = dismissed + $3, departures_held = $4,
             total_active = total_active - $2,
             state = CASE $4 WHEN 0 THEN 'succeeded' ELSE state END,
             held_reason = CASE $4 WHEN 0 THEN NULL ELSE held_reason END
         WHERE id = $1",
    )
    .bind(target.uuid())
    .bind(decided.marked)
    .bind(decided.dismissed)
    .bind(decided.held)
    .execute(connection)
    .await?;
    Ok(())
}

impl Postgres {
    /// Whether an undo of this run would find somebody; by the conditions of [`guild_members::bring_back`].
    pub(in crate::store) async fn can_undo(&self, run: RunId) -> Result<bool, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let marked = marked_by(&mut connection, run).await?;
        let found = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM member_events e JOIN guild_members m ON m.discord_id = e.discord_id
                 WHERE e.run_id = $1 AND e.action = 'left' AND m.date_left = e.observed_at AND m.observed_at = e.observed_at
                     AND NOT EXISTS (SELECT FROM member_events l
                         WHERE l.discord_id = e.discord_id AND l.id > e.id AND l.action IN ('left', 'rejoined', 'updated'))
                     AND ($2::uuid IS NULL OR EXISTS (SELECT FROM held_departures h
                         WHERE h.run_id = e.run_id AND h.discord_id = e.discord_id AND h.outcome = 'marked' AND h.decided_by = $2)))",
        )
        .bind(marked.run.uuid())
        .bind(marked.decision.map(RunId::uuid))
        .fetch_one(&mut *connection)
        .await?;
        Ok(found)
    }
}
