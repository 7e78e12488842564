//! `guild_members`: departures, and the list. Lists are written in `listed_members`, links in `links`, single sightings in `deltas`.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::{Sqlite, json_list, micros};
use crate::domain::{Action, DiscordId, MemberRow, RunId};
use crate::store::changes::Effect;
use crate::store::columns::{self, Columns as _};
use crate::store::{MemberPage, MemberTotals, StoreError};

/// Active members with evidence no newer than `observed_at` that are not among `listed`.
pub(super) async fn departures(
    connection: &mut SqliteConnection,
    listed: &[i64],
    observed_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT discord_id FROM guild_members
         WHERE date_left IS NULL AND observed_at <= ?2 AND discord_id NOT IN (SELECT value FROM json_each(?1))
         ORDER BY discord_id",
    )
    .bind(json_list(listed))
    .bind(micros(observed_at))
    .fetch_all(connection)
    .await?)
}

/// Those of `departed` of whom no newer evidence has come since.
pub(super) async fn still_departed(
    connection: &mut SqliteConnection,
    departed: Vec<i64>,
    observed_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    if departed.is_empty() {
        return Ok(departed);
    }
    Ok(sqlx::query_scalar(
        "SELECT discord_id FROM guild_members
         WHERE discord_id IN (SELECT value FROM json_each(?1)) AND date_left IS NULL AND observed_at <= ?2 ORDER BY discord_id",
    )
    .bind(json_list(&departed))
    .bind(micros(observed_at))
    .fetch_all(connection)
    .await?)
}

/// Marks members as left at `observed_at`, unless newer evidence has come; answers whom.
pub(super) async fn mark_left(
    connection: &mut SqliteConnection,
    run: RunId,
    departed: &[i64],
    observed_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    let marked: Vec<i64> = sqlx::query_scalar(
        "UPDATE guild_members SET date_left = ?2, date_modified = ?3, observed_at = ?2
         WHERE discord_id IN (SELECT value FROM json_each(?1)) AND date_left IS NULL AND observed_at <= ?2
         RETURNING discord_id",
    )
    .bind(json_list(departed))
    .bind(micros(observed_at))
    .bind(micros(now))
    .fetch_all(&mut *connection)
    .await?;
    let left = Departures { run, ids: &marked, action: Action::Left, observed_at };
    note_departures(connection, Effect::Write, left, now).await?;
    Ok(marked)
}

/// Departures that are to be noted, with the action `left` or `held`.
pub(super) struct Departures<'a> {
    pub run: RunId,
    pub ids: &'a [i64],
    pub action: Action,
    pub observed_at: DateTime<Utc>,
}

/// Takes note of departures, in history or as the plan of a dry run.
pub(super) async fn note_departures(
    connection: &mut SqliteConnection,
    effect: Effect,
    departures: Departures<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let log = effect.log();
    let sql = format!(
        "INSERT INTO {log} (run_id, discord_id, action, before, after, observed_at, recorded_at)
         SELECT ?1, value, ?3, '{{\"date_left\":null}}', json_object('date_left', ?4), ?4, ?5 FROM json_each(?2)"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(departures.run.to_string())
        .bind(json_list(departures.ids))
        .bind(departures.action.as_str())
        .bind(micros(departures.observed_at))
        .bind(micros(now))
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
    connection: &mut SqliteConnection,
    run: RunId,
    marked: MarkedBy,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    // Noted before the rows are written, while they still say who left.
    let noted = sqlx::query(
        "INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
         SELECT ?2, e.discord_id, 'rejoined', json_object('date_left', e.observed_at), '{\"date_left\":null}', ?3, ?3
         FROM member_events e JOIN guild_members m ON m.discord_id = e.discord_id
         WHERE e.run_id = ?1 AND e.action = 'left' AND m.date_left = e.observed_at AND m.observed_at = e.observed_at
             AND NOT EXISTS (SELECT 1 FROM member_events l
                 WHERE l.discord_id = e.discord_id AND l.id > e.id AND l.action IN ('left', 'rejoined', 'updated'))
             AND (?4 IS NULL OR EXISTS (SELECT 1 FROM held_departures h
                 WHERE h.run_id = e.run_id AND h.discord_id = e.discord_id AND h.outcome = 'marked' AND h.decided_by = ?4))",
    )
    .bind(marked.run.to_string())
    .bind(run.to_string())
    .bind(micros(now))
    .bind(marked.decision.map(|decision| decision.to_string()))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE guild_members SET date_left = NULL, date_modified = ?2
         WHERE discord_id IN (SELECT discord_id FROM member_events WHERE run_id = ?1 AND action = 'rejoined')",
    )
    .bind(run.to_string())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(noted.rows_affected().cast_signed())
}

/// How many members are present.
pub(super) async fn active(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM guild_members WHERE date_left IS NULL").fetch_one(connection).await?)
}

impl Sqlite {
    pub(in crate::store) async fn member_by_id(&self, id: DiscordId) -> Result<Option<MemberRow>, StoreError> {
        Ok(self.members_by_ids(&[id.get()]).await?.pop())
    }

    /// These members by id, those that there are.
    pub(in crate::store) async fn members_by_ids(&self, ids: &[i64]) -> Result<Vec<MemberRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.discord_id IN (SELECT value FROM json_each(?1)) ORDER BY m.discord_id",
        )
        .bind(json_list(ids))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(columns::member).collect()
    }

    pub(in crate::store) async fn member_page(&self, page: MemberPage) -> Result<Vec<MemberRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.discord_id > ?1 ORDER BY m.discord_id LIMIT ?2",
        )
        .bind(page.after.map_or(0, DiscordId::get))
        .bind(page.limit)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(columns::member).collect()
    }

    pub(in crate::store) async fn count_members(&self) -> Result<MemberTotals, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE date_left IS NULL) AS present, count(date_left) AS gone, count(user_id) AS linked
             FROM guild_members",
        )
        .fetch_one(&self.read)
        .await?;
        Ok(MemberTotals { present: row.int("present")?, left: row.int("gone")?, linked: row.int("linked")? })
    }
}
