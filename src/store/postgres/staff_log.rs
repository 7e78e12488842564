//! `staff_log`: what staff did.

use chrono::{DateTime, Utc};

use super::Postgres;
use crate::domain::StaffEntry;
use crate::store::{NewStaffEntry, StaffLogPage, StoreError, columns};

impl Postgres {
    pub(in crate::store) async fn insert_act(&self, entry: NewStaffEntry<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO staff_log (at, account, name, act, target, detail) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(now)
            .bind(entry.account)
            .bind(entry.name)
            .bind(entry.act.as_str())
            .bind(entry.target)
            .bind(entry.detail)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub(in crate::store) async fn list_acts(&self, page: &StaffLogPage) -> Result<Vec<StaffEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM staff_log
             WHERE ($1::bigint IS NULL OR account = $1) AND ($2::text IS NULL OR act = $2) AND ($3::bigint IS NULL OR id < $3)
             ORDER BY id DESC LIMIT $4",
        )
        .bind(page.account)
        .bind(page.act.map(|act| act.as_str()))
        .bind(page.before)
        .bind(page.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(columns::staff_entry).collect()
    }
}
