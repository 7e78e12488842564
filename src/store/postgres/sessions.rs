//! `sessions`: who is logged in.

use chrono::{DateTime, Utc};

use super::Postgres;
use crate::domain::Account;
use crate::store::columns;
use crate::store::{SessionLimits, StoreError};

impl Postgres {
    pub(in crate::store) async fn insert_session(
        &self,
        id: &[u8; 32],
        account: i64,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO sessions (id, user_id, created_at, seen_at) VALUES ($1, $2, $3, $3)")
            .bind(id.as_slice())
            .bind(account)
            .bind(now)
            .execute(&self.pool)
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
            "UPDATE sessions s SET seen_at = $2 FROM users u
             WHERE s.id = $1 AND s.seen_at > $3 AND s.created_at > $4 AND u.id = s.user_id AND u.is_active
             RETURNING u.*",
        )
        .bind(id.as_slice())
        .bind(now)
        .bind(now - limits.idle)
        .bind(now - limits.max)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(columns::account).transpose()
    }

    pub(in crate::store) async fn find_session(
        &self,
        id: &[u8; 32],
        limits: SessionLimits,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "SELECT u.* FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.id = $1 AND s.seen_at > $2 AND s.created_at > $3 AND u.is_active",
        )
        .bind(id.as_slice())
        .bind(now - limits.idle)
        .bind(now - limits.max)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(columns::account).transpose()
    }

    pub(in crate::store) async fn delete_session(&self, id: &[u8; 32]) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id.as_slice()).execute(&self.pool).await?;
        Ok(())
    }
}
