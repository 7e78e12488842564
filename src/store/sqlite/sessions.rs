//! `sessions`: who is logged in.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Sqlite, micros};
use crate::domain::Account;
use crate::store::columns::{self, Columns as _};
use crate::store::{SessionLimits, StoreError};

/// A session's use is noted so often at most, which keeps page views off the one writer.
const NOTED: TimeDelta = TimeDelta::minutes(1);

impl Sqlite {
    pub(in crate::store) async fn insert_session(
        &self,
        id: &[u8; 32],
        account: i64,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO sessions (id, user_id, created_at, seen_at) VALUES (?1, ?2, ?3, ?3)")
            .bind(id.as_slice())
            .bind(account)
            .bind(micros(now))
            .execute(&self.write)
            .await?;
        Ok(())
    }

    pub(in crate::store) async fn use_session(
        &self,
        id: &[u8; 32],
        limits: SessionLimits,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "SELECT u.*, s.seen_at FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.id = ?1 AND s.seen_at > ?2 AND s.created_at > ?3 AND u.is_active",
        )
        .bind(id.as_slice())
        .bind(micros(now - limits.idle))
        .bind(micros(now - limits.max))
        .fetch_optional(&self.read)
        .await?;
        let Some(row) = row else { return Ok(None) };
        if row.time("seen_at")? + NOTED < now {
            sqlx::query("UPDATE sessions SET seen_at = ?2 WHERE id = ?1 AND seen_at < ?2")
                .bind(id.as_slice())
                .bind(micros(now))
                .execute(&self.write)
                .await?;
        }
        columns::account(&row).map(Some)
    }

    pub(in crate::store) async fn find_session(
        &self,
        id: &[u8; 32],
        limits: SessionLimits,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "SELECT u.* FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.id = ?1 AND s.seen_at > ?2 AND s.created_at > ?3 AND u.is_active",
        )
        .bind(id.as_slice())
        .bind(micros(now - limits.idle))
        .bind(micros(now - limits.max))
        .fetch_optional(&self.read)
        .await?;
        row.as_ref().map(columns::account).transpose()
    }

    pub(in crate::store) async fn delete_session(&self, id: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE id = ?1").bind(id.as_slice()).execute(&self.write).await?;
        Ok(())
    }
}
