//! `staff_log`: what staff did.

use chrono::{DateTime, Utc};

use super::{Sqlite, micros};
use crate::domain::StaffEntry;
use crate::store::{NewStaffEntry, StaffLogPage, StoreError, columns};

impl Sqlite {
    pub(in crate::store) async fn insert_act(&self, entry: NewStaffEntry<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO staff_log (at, account, name, act, target, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(micros(now))
            .bind(entry.account)
            .bind(entry.name)
            .bind(entry.act.as_str())
            .bind(entry.target)
            .bind(entry.detail)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    pub(in crate::store) async fn list_acts(&self, page: &StaffLogPage) -> Result<Vec<StaffEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM staff_log
             WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR act = ?2) AND (?3 IS NULL OR id < ?3)
             ORDER BY id DESC LIMIT ?4",
        )
        .bind(page.account)
        .bind(page.act.map(|act| act.as_str()))
        .bind(page.before)
        .bind(page.limit)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(columns::staff_entry).collect()
    }
}
