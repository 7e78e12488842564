//! `replies`: what the bot still has to answer; and which runs it has not reported yet.

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use sqlx::PgConnection;

use super::Postgres;
use crate::domain::{Run, RunId};
use crate::store::columns::{self, Columns as _};
use crate::store::{Interaction, Reply, StoreError};

/// Keeps the reply that is owed when `run` ends.
pub(super) async fn insert(connection: &mut PgConnection, run: RunId, interaction: &Interaction) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO replies (token, run_id, application_id, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT (token) DO NOTHING",
    )
    .bind(interaction.token.expose_secret())
    .bind(run.uuid())
    .bind(interaction.application.get())
    .bind(interaction.expires_at)
    .execute(connection)
    .await?;
    Ok(())
}

impl Postgres {
    pub(in crate::store) async fn list_replies(&self, limit: i64) -> Result<Vec<Reply>, StoreError> {
        let rows = sqlx::query("SELECT * FROM replies ORDER BY expires_at LIMIT $1").bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(columns::reply).collect()
    }

    pub(in crate::store) async fn delete_reply(&self, reply: &Reply) -> Result<bool, StoreError> {
        let done =
            sqlx::query("DELETE FROM replies WHERE token = $1").bind(reply.to.token.expose_secret()).execute(&self.pool).await?;
        Ok(done.rows_affected() == 1)
    }

    pub(in crate::store) async fn unreported_runs(&self, limit: i64) -> Result<Vec<Run>, StoreError> {
        let ids = sqlx::query(
            "SELECT id FROM sync_runs WHERE reported_at IS NULL AND mode = 'full' AND state IN ('held', 'failed') ORDER BY id LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let mut runs = Vec::with_capacity(ids.len());
        for row in &ids {
            runs.extend(self.run_by_id(row.run_id("id")?).await?);
        }
        Ok(runs)
    }

    pub(in crate::store) async fn note_reported(&self, run: RunId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE sync_runs SET reported_at = $2 WHERE id = $1 AND reported_at IS NULL")
            .bind(run.uuid())
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    pub(in crate::store) async fn note_unreported(&self, run: RunId) -> Result<(), StoreError> {
        sqlx::query("UPDATE sync_runs SET reported_at = NULL WHERE id = $1").bind(run.uuid()).execute(&self.pool).await?;
        Ok(())
    }
}
