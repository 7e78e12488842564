//! `problems`: what is wrong and will not mend itself.

use chrono::{DateTime, Utc};

use super::{Sqlite, micros};
use crate::store::{Problem, StoreError, columns};

impl Sqlite {
    pub(in crate::store) async fn upsert_problem(&self, code: &str, message: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO problems (code, message, noted_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (code) DO UPDATE SET message = excluded.message",
        )
        .bind(code)
        .bind(message)
        .bind(micros(now))
        .execute(&self.write)
        .await?;
        Ok(())
    }

    pub(in crate::store) async fn delete_problem(&self, code: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM problems WHERE code = ?1").bind(code).execute(&self.write).await?;
        Ok(())
    }

    pub(in crate::store) async fn list_problems(&self) -> Result<Vec<Problem>, StoreError> {
        let rows = sqlx::query("SELECT * FROM problems ORDER BY noted_at, code").fetch_all(&self.read).await?;
        rows.iter().map(columns::problem).collect()
    }
}
