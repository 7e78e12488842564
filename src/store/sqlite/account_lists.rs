//! `users` as staff look them through.

use chrono::{DateTime, Utc};

use super::{Sqlite, micros};
use crate::store::account_lists::Search;
use crate::store::columns::{self, Columns as _};
use crate::store::{AccountPage, AccountRow, AccountTotals, SessionLimits, StoreError};

const ACCOUNT: &str = "
SELECT u.*, m.discord_id IS NOT NULL AS is_known, m.date_left
FROM users u LEFT JOIN guild_members m ON m.discord_id = u.discord_id";

/// The accounts that a search finds: ?3 to ?4 is what begins like its key, ?5 to ?6 what begins like it in ASCII's lower case, ?7 is it as an
/// id. Each way has an index of its own.
const FOUND: &str = "
AND u.id IN (
    SELECT id FROM users WHERE username_key >= ?3 AND username_key < ?4
    UNION SELECT id FROM users WHERE lower(email) >= ?5 AND lower(email) < ?6
    UNION SELECT id FROM users WHERE lower(discord_username) >= ?5 AND lower(discord_username) < ?6
    UNION SELECT id FROM users WHERE discord_id = ?7
)";

impl Sqlite {
    pub(in crate::store) async fn account_page(&self, page: &AccountPage) -> Result<Vec<AccountRow>, StoreError> {
        let found = if page.search.is_empty() { "" } else { FOUND };
        let after = match page.after {
            None => "?1 IS NULL",
            Some(_) => "u.username_key > (SELECT username_key FROM users WHERE id = ?1)",
        };
        let sql = format!("{ACCOUNT} WHERE {after}{found}{} ORDER BY u.username_key LIMIT ?2", page.conditions());
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(page.after).bind(page.limit);
        let query = match Search::of(&page.search) {
            None => query,
            Some(Search { key, ascii, id }) => query.bind(key.0).bind(key.1).bind(ascii.0).bind(ascii.1).bind(id),
        };
        let rows = query.fetch_all(&self.read).await?;
        rows.iter().map(columns::account_row).collect()
    }

    pub(in crate::store) async fn account_by_id(&self, id: i64) -> Result<Option<AccountRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{ACCOUNT} WHERE u.id = ?1"));
        let row = sqlx::query(sql).bind(id).fetch_optional(&self.read).await?;
        row.as_ref().map(columns::account_row).transpose()
    }

    pub(in crate::store) async fn count_sessions(
        &self,
        account: i64,
        limits: SessionLimits,
        now: DateTime<Utc>,
    ) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.user_id = ?1 AND s.seen_at > ?2 AND s.created_at > ?3 AND u.is_active",
        )
        .bind(account)
        .bind(micros(now - limits.idle))
        .bind(micros(now - limits.max))
        .fetch_one(&self.read)
        .await?)
    }

    pub(in crate::store) async fn count_accounts(&self) -> Result<AccountTotals, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM users) AS all_of_them,
                 (SELECT count(*) FROM users WHERE is_staff) AS staff,
                 (SELECT count(*) FROM users WHERE NOT is_active) AS inactive,
                 (SELECT count(*) FROM account_conflicts) AS conflicts",
        )
        .fetch_one(&self.read)
        .await?;
        Ok(AccountTotals {
            all: row.int("all_of_them")?,
            staff: row.int("staff")?,
            inactive: row.int("inactive")?,
            conflicts: row.int("conflicts")?,
        })
    }
}
