//! Whom the indexes do not know yet: `PostgreSQL` keeps its own account of them, a list that every search reads to its end.

use super::Postgres;
use crate::store::StoreError;

impl Postgres {
    pub(in crate::store) async fn take_up_members(&self, _limit: i64) -> Result<bool, StoreError> {
        // While a list is being applied its writers do it as they go.
        sqlx::query(
            "SELECT gin_clean_pending_list(oid) FROM pg_class
             WHERE oid IN (to_regclass('guild_members_names'), to_regclass('guild_members_roles'), to_regclass('users_names'))
                 AND NOT EXISTS (SELECT FROM sync_runs WHERE finished_at IS NULL)",
        )
        .execute(&self.pool)
        .await?;
        Ok(false)
    }

    pub(in crate::store) async fn knows_names(&self) -> Result<bool, StoreError> {
        let found: bool =
            sqlx::query_scalar("SELECT to_regclass('guild_members_names') IS NOT NULL").fetch_one(&self.pool).await?;
        Ok(found)
    }
}
