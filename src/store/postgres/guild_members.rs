//! `guild_members`: departures, and the list. Lists are written in `listed_members`, links in `links`, single sightings in `deltas`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::Postgres;
use crate::domain::{Action, DiscordId, MemberRow, RunId};
use crate::store::columns::{self, Columns as _};
use crate::store::{MemberPage, MemberTotals, StoreError};

/// Active members with evidence no newer than `observed_at` that are not among `listed`.
pub(super) async fn departures(
    connection: &mut PgConnection,
    listed: &[i64],
    observed_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT discord_id FROM guild_members
         WHERE date_left IS NULL AND observed_at <= $2
             AND NOT EXISTS (SELECT FROM UNNEST($1::bigint[]) AS l (discord_id) WHERE l.discord_id = guild_members.discord_id)
         ORDER BY discord_id",
    )
    .bind(listed)
    .bind(observed_at)
    .fetch_all(connection)
    .await?)
}

/// Those of `departed` of whom no newer evidence has come since.
pub(super) async fn still_departed(
    connection: &mut PgConnection,
    departed: &[i64],
    observed_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    if departed.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar(
        "SELECT discord_id FROM guild_members
         WHERE discord_id = ANY($1) AND date_left IS NULL AND observed_at <= $2 ORDER BY discord_id",
    )
    .bind(departed)
    .bind(observed_at)
    .fetch_all(connection)
    .await?)
}

/// Marks members as left at `observed_at`, unless newer evidence has come; answers how many.
pub(super) async fn mark_left(
    connection: &mut PgConnection,
    run: RunId,
    departed: &[i64],
    observed_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "WITH gone AS (
             UPDATE guild_members SET date_left = $2, date_modified = $3, observed_at = $2
             WHERE discord_id = ANY($1) AND date_left IS NULL AND observed_at <= $2
             RETURNING discord_id
         ), noted AS (
             INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
             SELECT $4, discord_id, 'left', '{\"date_left\": null}'::jsonb, jsonb_build_object('date_left', $2), $2, $3 FROM gone
         )
         SELECT discord_id FROM gone",
    )
    .bind(departed)
    .bind(observed_at)
    .bind(now)
    .bind(run.uuid())
    .fetch_all(connection)
    .await?)
}

/// Departures that are to be noted, with the action `left` or `held`.
pub(super) struct Departures<'a> {
    pub run: RunId,
    pub ids: &'a [i64],
    pub action: Action,
    pub observed_at: DateTime<Utc>,
}

/// Takes note of departures as the plan of a dry run.
pub(super) async fn plan_departures(
    connection: &mut PgConnection,
    departures: Departures<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO planned_changes (run_id, discord_id, action, before, after, observed_at, recorded_at)
         SELECT $1, d.discord_id, $3, '{\"date_left\": null}'::jsonb, jsonb_build_object('date_left', $4::timestamptz), $4, $5
         FROM UNNEST($2::bigint[]) AS d (discord_id)",
    )
    .bind(departures.run.uuid())
    .bind(departures.ids)
    .bind(departures.action.as_str())
    .bind(departures.observed_at)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Departures that a run marked; with `decision`, those that this decision marked of what the run had held.
#[derive(Debug, Clone, Copy)]
pub(super) struct MarkedBy {
    pub run: RunId,
    pub decision: Option<RunId>,
}

/// Brings back those who were `marked` as left and whose row nothing newer has touched; answers how many.
pub(super) async fn bring_back(
    connection: &mut PgConnection,
    run: RunId,
    marked: MarkedBy,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "WITH departures AS (
             SELECT e.discord_id, e.observed_at FROM member_events e
             WHERE e.run_id = $1 AND e.action = 'left' AND NOT EXISTS (
                 SELECT FROM member_events l
                 WHERE l.discord_id = e.discord_id AND l.id > e.id AND l.action IN ('left', 'rejoined', 'updated'))
             AND ($4::uuid IS NULL OR EXISTS (
                 SELECT FROM held_departures h
                 WHERE h.run_id = e.run_id AND h.discord_id = e.discord_id AND h.outcome = 'marked' AND h.decided_by = $4))
         ), back AS (
             UPDATE guild_members m SET date_left = NULL, date_modified = $3
             FROM departures d
             WHERE m.discord_id = d.discord_id AND m.date_left = d.observed_at AND m.observed_at = d.observed_at
             RETURNING m.discord_id, d.observed_at
         ), noted AS (
             INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
             SELECT $2, discord_id, 'rejoined', jsonb_build_object('date_left', observed_at), '{\"date_left\": null}'::jsonb, $3, $3 FROM back
         )
         SELECT count(*) FROM back",
    )
    .bind(marked.run.uuid())
    .bind(run.uuid())
    .bind(now)
    .bind(marked.decision.map(RunId::uuid))
    .fetch_one(connection)
    .await?)
}

/// How many members are present.
pub(super) async fn active(connection: &mut PgConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM guild_members WHERE date_left IS NULL").fetch_one(connection).await?)
}

impl Postgres {
    pub(in crate::store) async fn member_by_id(&self, id: DiscordId) -> Result<Option<MemberRow>, StoreError> {
        Ok(self.members_by_ids(&[id.get()]).await?.pop())
    }

    /// These members by id, those that there are.
    pub(in crate::store) async fn members_by_ids(&self, ids: &[i64]) -> Result<Vec<MemberRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.discord_id = ANY($1) ORDER BY m.discord_id",
        )
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(columns::member).collect()
    }

    pub(in crate::store) async fn member_page(&self, page: MemberPage) -> Result<Vec<MemberRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.discord_id > $1 ORDER BY m.discord_id LIMIT $2",
        )
        .bind(page.after.map_or(0, DiscordId::get))
        .bind(page.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(columns::member).collect()
    }

    pub(in crate::store) async fn count_members(&self) -> Result<MemberTotals, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE date_left IS NULL) AS present, count(date_left) AS gone, count(user_id) AS linked
             FROM guild_members",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(MemberTotals { present: row.int("present")?, left: row.int("gone")?, linked: row.int("linked")? })
    }
}
