//! `unindexed_members`: whom the indexes of names and roles do not know yet, or not as they are now.

use super::Sqlite;
use crate::store::StoreError;

/// Takes members up: what is to be found by a part of a name (the account's, too), and by role.
const STEPS: [&str; 5] = [
    "DELETE FROM member_names WHERE rowid IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
    "DELETE FROM member_roles WHERE rowid IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
    "INSERT INTO member_names (rowid, names)
     SELECT m.discord_id, m.names || iif(u.id IS NULL, '', char(10) || u.username)
     FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
     WHERE m.discord_id IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
    "INSERT INTO member_roles (rowid, roles) SELECT discord_id, roles FROM guild_members
     WHERE discord_id IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
    "DELETE FROM unindexed_members
     WHERE discord_id IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
];

impl Sqlite {
    pub(in crate::store) async fn take_up_members(&self, limit: i64) -> Result<bool, StoreError> {
        let wait: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM unindexed_members)").fetch_one(&self.read).await?;
        if !wait {
            return Ok(false);
        }
        let mut tx = self.begin().await?;
        for step in STEPS {
            sqlx::query(step).bind(limit).execute(&mut *tx).await?;
        }
        // The one writer belongs to the runs, if there are any.
        let goes_on: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM unindexed_members) AND NOT EXISTS (SELECT 1 FROM sync_runs WHERE finished_at IS NULL)",
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(goes_on)
    }

    #[expect(clippy::unused_async, reason = "as its twin, which has to ask")]
    pub(in crate::store) async fn knows_names(&self) -> Result<bool, StoreError> {
        Ok(true)
    }
}
