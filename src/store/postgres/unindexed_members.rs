//! `unindexed_members`: who is not in `member_search` as they are in `guild_members`. The triggers of both take note of them.

use super::Postgres;
use crate::store::StoreError;

/// What is searched of the row `m` with the account `u`: the names in small letters, each behind the start of a line.
pub(super) const NAMES: &str = "(lower(E'\\n' || m.username
    || CASE WHEN lower(m.display_name) IN ('', lower(m.username)) THEN '' ELSE E'\\n' || m.display_name END
    || CASE WHEN m.nickname = '' THEN '' ELSE E'\\n' || m.nickname END) || COALESCE(E'\\n' || u.username_key, ''))";

/// Held while members are taken up: two at it could write an older state of a member over a newer one. Any number, as long as it is the
/// same in all processes.
const LOCK: i64 = 0x6d65_6d62_6572;

/// Entries that are looked at in one step; each has the members of a batch, or a single one.
const ENTRIES: i64 = 1_000;

impl Postgres {
    pub(in crate::store) async fn take_up_members(&self, limit: i64) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let has_lock: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(LOCK).fetch_one(&mut *tx).await?;
        if !has_lock {
            return Ok(false);
        }
        let members: Vec<i64> = sqlx::query_scalar(
            "WITH entries AS (
                 SELECT ctid, sum(cardinality(discord_ids)) OVER (ORDER BY ctid) - cardinality(discord_ids) AS before
                 FROM (SELECT ctid, discord_ids FROM unindexed_members LIMIT $2) e
             ), taken AS (
                 DELETE FROM unindexed_members u USING entries e WHERE u.ctid = e.ctid AND e.before < $1
                 RETURNING u.discord_ids
             )
             SELECT DISTINCT unnest(discord_ids) FROM taken",
        )
        .bind(limit)
        .bind(ENTRIES)
        .fetch_all(&mut *tx)
        .await?;
        if members.is_empty() {
            tx.rollback().await?;
            self.clean_pending().await?;
            return Ok(false);
        }
        // A statement of its own sees all that was committed together with the entries.
        let sql = format!(
            "INSERT INTO member_search (discord_id, names, joined_at, date_left, is_bot, user_id)
             SELECT m.discord_id, {NAMES}, m.joined_at, m.date_left, m.is_bot, m.user_id
             FROM guild_members m LEFT JOIN users u ON u.id = m.user_id WHERE m.discord_id = ANY($1)
             ON CONFLICT (discord_id) DO UPDATE SET names = EXCLUDED.names, joined_at = EXCLUDED.joined_at,
                 date_left = EXCLUDED.date_left, is_bot = EXCLUDED.is_bot, user_id = EXCLUDED.user_id"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&members).execute(&mut *tx).await?;
        sqlx::query(
            "DELETE FROM member_search s WHERE discord_id = ANY($1)
                 AND NOT EXISTS (SELECT FROM guild_members m WHERE m.discord_id = s.discord_id)",
        )
        .bind(&members)
        .execute(&mut *tx)
        .await?;
        // The processors belong to the runs, if there are any.
        let goes_on: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM unindexed_members) AND NOT EXISTS (SELECT FROM sync_runs WHERE finished_at IS NULL)",
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        if !goes_on {
            self.clean_pending().await?;
        }
        Ok(goes_on)
    }

    /// Has the indexes take in what waits in lists of theirs, which every search reads to the end.
    async fn clean_pending(&self) -> Result<(), StoreError> {
        sqlx::query(
            "SELECT gin_clean_pending_list(oid) FROM pg_class
             WHERE oid IN (to_regclass('member_search_names'), to_regclass('guild_members_roles'), to_regclass('users_names'))
                 AND NOT EXISTS (SELECT FROM sync_runs WHERE finished_at IS NULL)",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(in crate::store) async fn knows_names(&self) -> Result<bool, StoreError> {
        let found: bool =
            sqlx::query_scalar("SELECT to_regclass('member_search_names') IS NOT NULL").fetch_one(&self.pool).await?;
        Ok(found)
    }
}
