//! `staff_log`: what staff did.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, QueryBuilder};

use super::Postgres;
use crate::domain::{RunId, StaffEntry};
use crate::store::columns::{self, turned};
use crate::store::{NewStaffEntry, StaffLogPage, StaffNote, StoreError};

/// Notes an act.
pub(super) async fn insert(
    connection: &mut PgConnection,
    entry: NewStaffEntry<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO staff_log (at, account, name, act, target, detail) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(now)
        .bind(entry.account)
        .bind(entry.name)
        .bind(entry.act.as_str())
        .bind(entry.target)
        .bind(entry.detail)
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes the act that filed `run`, or joined it.
pub(super) async fn insert_of_run(
    connection: &mut PgConnection,
    note: &StaffNote,
    run: RunId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let target = note.target.unwrap_or(run).to_string();
    let entry =
        NewStaffEntry { account: Some(note.account), name: &note.name, act: note.act, target: &target, detail: &note.detail };
    insert(connection, entry, now).await
}

/// Adds what came of a decision to the note of who made it. One that nobody of staff made, as through the API, has none.
pub(super) async fn settle(connection: &mut PgConnection, run: RunId, outcome: &str) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE staff_log SET detail = detail || ': ' || $2
         WHERE id = (SELECT min(l.id) FROM sync_runs r JOIN staff_log l ON l.at = r.created_at AND l.act = r.act AND l.target = r.target_run_id::text
             WHERE r.id = $1)",
    )
    .bind(run.uuid())
    .bind(outcome)
    .execute(connection)
    .await?;
    Ok(())
}

impl Postgres {
    pub(in crate::store) async fn insert_act(&self, entry: NewStaffEntry<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await?;
        insert(&mut connection, entry, now).await
    }

    pub(in crate::store) async fn list_acts(&self, page: &StaffLogPage) -> Result<Vec<StaffEntry>, StoreError> {
        // Only the conditions that are asked for, so that each has its index.
        let mut query = QueryBuilder::new("SELECT * FROM staff_log WHERE true");
        if let Some(account) = page.account {
            query.push(" AND account = ").push_bind(account);
        }
        if let Some(act) = page.act {
            query.push(" AND act = ").push_bind(act.as_str());
        }
        if let Some(time) = page.since {
            query.push(" AND at >= ").push_bind(time);
        }
        if let Some(time) = page.until {
            query.push(" AND at < ").push_bind(time);
        }
        if let Some(before) = page.before {
            query.push(" AND id < ").push_bind(before);
        }
        if let Some(after) = page.after {
            query.push(" AND id > ").push_bind(after);
        }
        let way = if page.after.is_some() { "ASC" } else { "DESC" };
        query.push(format!(" ORDER BY id {way} LIMIT ")).push_bind(page.limit);
        let rows = query.build().fetch_all(&self.pool).await?;
        turned(page.after.is_some(), &rows, columns::staff_entry)
    }
}
