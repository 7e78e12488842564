//! `unindexed_members` and `unindexed_accounts`: what the indexes of names and roles do not know yet, or not as it is now.

use super::Sqlite;
use crate::store::StoreError;

/// Takes members up: what is to be found by a part of a name (the account's, too), and by role. Then accounts, by a part of their names.
const STEPS: [&str; 8] = [
    "DELETE FROM member_names WHERE rowid IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
    "DELETE FROM member_roles WHERE rowid IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
    "INSERT INTO member_names (rowid, names)
     SELECT m.discord_id, m.names || iif(u.id IS NULL, '', char(10) || u.username)
     FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
     WHERE m.discord_id IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
    // A role that is no number is one word of the index, whatever is in it.
    "INSERT INTO member_roles (rowid, roles)
     SELECT discord_id, (SELECT group_concat(iif(value GLOB '*[^0-9]*', 'x' || hex(value), value), ' ') FROM json_each(roles))
     FROM guild_members WHERE discord_id IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
    "DELETE FROM unindexed_members
     WHERE discord_id IN (SELECT discord_id FROM unindexed_members ORDER BY discord_id LIMIT ?1)",
    "DELETE FROM account_names WHERE rowid IN (SELECT id FROM unindexed_accounts ORDER BY id LIMIT ?1)",
    "INSERT INTO account_names (rowid, name) SELECT id, char(10) || username FROM users
     WHERE id IN (SELECT id FROM unindexed_accounts ORDER BY id LIMIT ?1)",
    "DELETE FROM unindexed_accounts WHERE id IN (SELECT id FROM unindexed_accounts ORDER BY id LIMIT ?1)",
];

/// Whether anything is left to be taken up.
const WAITS: &str = "(EXISTS (SELECT 1 FROM unindexed_members) OR EXISTS (SELECT 1 FROM unindexed_accounts))";

impl Sqlite {
    pub(in crate::store) async fn take_up_members(&self, limit: i64) -> Result<bool, StoreError> {
        let waits = sqlx::AssertSqlSafe(format!("SELECT {WAITS}"));
        let waits: bool = sqlx::query_scalar(waits).fetch_one(&self.read).await?;
        if !waits {
            return Ok(false);
        }
        let turn = self.line.turn(&self.write).await;
        let mut tx = self.begin().await?;
        for step in STEPS {
            sqlx::query(step).bind(limit).execute(&mut *tx).await?;
        }
        // The one writer belongs to the runs, if there are any.
        let goes_on = format!("SELECT {WAITS} AND NOT EXISTS (SELECT 1 FROM sync_runs WHERE finished_at IS NULL)");
        let goes_on: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(goes_on)).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        drop(turn);
        Ok(goes_on)
    }

    #[expect(clippy::unused_async, reason = "as its twin, which has to ask")]
    pub(in crate::store) async fn knows_names(&self) -> Result<bool, StoreError> {
        Ok(true)
    }
}
