//! `member_events` and `planned_changes`: what happened to members' rows, and what would.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::{Sqlite, json_list, micros};
use crate::domain::{Action, Change, DiscordId, Event, MemberRow, RunId};
use crate::store::changes::{Beside, NewEvent, as_made};
use crate::store::columns::{self, turned};
use crate::store::{ChangeCursor, StoreError};

/// Notes changes.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    run: RunId,
    events: &[NewEvent],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let event = |event: &NewEvent| {
        serde_json::json!([event.id, event.action.as_str(), event.before, event.after, micros(event.observed_at)])
    };
    let events: serde_json::Value = events.iter().map(event).collect();
    sqlx::query(
        "INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
         SELECT ?1, value ->> 0, value ->> 1, value -> 2, value -> 3, value ->> 4, ?3 FROM json_each(?2)",
    )
    .bind(run.to_string())
    .bind(events.to_string())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// A run's changes beside a place (?2, ?3), at most ?4, of one kind ?6 or all, among them whom it made, ?5. The plan of a dry run
/// and the changes of a real one never stand beside each other.
const CHANGES: &str = "
SELECT * FROM (
    SELECT * FROM (
        SELECT value AS discord_id, 0 AS number, 'created' AS action, NULL AS before, NULL AS after FROM json_each(?5))
    UNION ALL
    SELECT * FROM (
        SELECT discord_id, id, action, before, after FROM member_events
        WHERE run_id = ?1 AND (?6 IS NULL OR action = ?6) AND (discord_id, id) > (?2, ?3) ORDER BY discord_id{way}, id{way} LIMIT ?4)
    UNION ALL
    SELECT * FROM (
        SELECT discord_id, id, action, before, after FROM planned_changes
        WHERE run_id = ?1 AND (?6 IS NULL OR action = ?6) AND (discord_id, id) > (?2, ?3) ORDER BY discord_id{way}, id{way} LIMIT ?4)
    UNION ALL
    SELECT * FROM (
        SELECT h.discord_id, 9223372036854775807, 'held', '{\"date_left\":null}', json_object('date_left', r.observed_at)
        FROM held_departures h JOIN sync_runs r ON r.id = h.run_id
        WHERE h.run_id = ?1 AND (?6 IS NULL OR ?6 = 'held') AND h.outcome IS NULL AND (h.discord_id, 9223372036854775807) > (?2, ?3)
        ORDER BY h.discord_id{way} LIMIT ?4)
) ORDER BY discord_id{way}, number{way} LIMIT ?4";

impl Sqlite {
    pub(in crate::store) async fn member_history(
        &self,
        id: DiscordId,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query("SELECT * FROM member_events WHERE discord_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")
            .bind(id.get())
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(columns::event).collect()
    }

    pub(in crate::store) async fn member_history_after(
        &self,
        id: DiscordId,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query("SELECT * FROM member_events WHERE discord_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3")
            .bind(id.get())
            .bind(after)
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        turned(true, &rows, columns::event)
    }

    pub(in crate::store) async fn run_changes(
        &self,
        run: RunId,
        action: Option<Action>,
        after: ChangeCursor,
        limit: i64,
    ) -> Result<Vec<(ChangeCursor, Change)>, StoreError> {
        self.changes_beside(run, action, Beside::After(after), limit).await
    }

    pub(in crate::store) async fn run_changes_before(
        &self,
        run: RunId,
        action: Option<Action>,
        before: ChangeCursor,
        limit: i64,
    ) -> Result<Vec<(ChangeCursor, Change)>, StoreError> {
        let mut changes = self.changes_beside(run, action, Beside::Before(before), limit).await?;
        changes.reverse();
        Ok(changes)
    }

    async fn changes_beside(
        &self,
        run: RunId,
        action: Option<Action>,
        beside: Beside,
        limit: i64,
    ) -> Result<Vec<(ChangeCursor, Change)>, StoreError> {
        let may_make = action.is_none_or(|action| action == Action::Created);
        let made = if may_make { self.made_by(run, beside, limit).await? } else { Vec::new() };
        let place = beside.place();
        let rows = sqlx::query(AssertSqlSafe(beside.turn(CHANGES)))
            .bind(run.to_string())
            .bind(place.id)
            .bind(place.number)
            .bind(limit)
            .bind(json_list(&made))
            .bind(action.map(Action::as_str))
            .fetch_all(&self.read)
            .await?;
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            let change = columns::change(row)?;
            changes.push((ChangeCursor { id: change.id.get(), number: row.try_get("number")? }, change));
        }
        self.tell_created(&mut changes).await?;
        Ok(changes)
    }

    /// Says of members that a run made how it made them.
    async fn tell_created(&self, changes: &mut [(ChangeCursor, Change)]) -> Result<(), StoreError> {
        let made = |change: &Change| change.action == Action::Created && change.after.is_none();
        let ids: Vec<i64> = changes.iter().filter(|(_, change)| made(change)).map(|(place, _)| place.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let rows = self.members_by_ids(&ids).await?;
        let events = sqlx::query(
            "SELECT * FROM member_events
             WHERE discord_id IN (SELECT value FROM json_each(?1)) AND action NOT IN ('linked', 'unlinked')
             ORDER BY discord_id, id DESC",
        )
        .bind(json_list(&ids))
        .fetch_all(&self.read)
        .await?;
        let events: Vec<Event> = events.iter().map(columns::event).collect::<Result<_, _>>()?;
        for (place, change) in changes.iter_mut().filter(|(_, change)| made(change)) {
            let Ok(row) = rows.binary_search_by_key(&place.id, |row: &MemberRow| row.member.id.get()) else { continue };
            let begin = events.partition_point(|event| event.change.id < change.id);
            let end = events.partition_point(|event| event.change.id <= change.id);
            change.after = Some(as_made(&rows[row], &events[begin..end]));
        }
        Ok(())
    }
}
