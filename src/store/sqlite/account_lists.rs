//! `users` as staff look them through.

use chrono::{DateTime, Utc};

use super::{Sqlite, micros};
use crate::store::account_lists::Search;
use crate::store::columns::{self, Columns as _};
use crate::store::{AccountPage, AccountRow, AccountTotals, SessionLimits, StoreError};

const COLUMNS: &str = "u.*, m.discord_id IS NOT NULL AS is_known, m.date_left";
const WITH_MEMBER: &str = "LEFT JOIN guild_members m ON m.discord_id = u.discord_id";

/// Where a search looks: ?2 to ?3 is what begins like its key, ?4 to ?5 what begins like it in ASCII's lower case, ?6 is it as an id.
/// Each way has an index of its own.
const WAYS: [&str; 4] = [
    "u.username_key >= ?2 AND u.username_key < ?3",
    "lower(u.email) >= ?4 AND lower(u.email) < ?5",
    "lower(u.discord_username) >= ?4 AND lower(u.discord_username) < ?5",
    "u.discord_id = ?6",
];

/// The accounts of a page, their numbers alone: whatever else is read of them is read of so few.
fn numbers(page: &AccountPage, is_search: bool) -> String {
    let after = match page.after {
        None => "?1 IS NULL",
        Some(_) => "u.username_key > (SELECT username_key FROM users WHERE id = ?1)",
    };
    let conditions = page.conditions();
    let way = |way: &str| format!("SELECT u.id, u.username_key FROM users u WHERE {way} AND {after}{conditions}");
    let found = if is_search { WAYS.map(way).join(" UNION ") } else { way("1 = 1") };
    // The length stands there itself, because the plan depends on its being short.
    format!("SELECT id FROM ({found}) AS f ORDER BY username_key LIMIT {}", page.limit)
}

impl Sqlite {
    pub(in crate::store) async fn account_page(&self, page: &AccountPage) -> Result<Vec<AccountRow>, StoreError> {
        let search = Search::of(&page.search);
        let numbers = numbers(page, search.is_some());
        let sql =
            format!("SELECT {COLUMNS} FROM ({numbers}) AS n JOIN users u ON u.id = n.id {WITH_MEMBER} ORDER BY u.username_key");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(page.after);
        let query = match search {
            None => query,
            Some(Search { key, ascii, id }) => query.bind(key.0).bind(key.1).bind(ascii.0).bind(ascii.1).bind(id),
        };
        let rows = query.fetch_all(&self.read).await?;
        rows.iter().map(columns::account_row).collect()
    }

    pub(in crate::store) async fn account_by_id(&self, id: i64) -> Result<Option<AccountRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM users u {WITH_MEMBER} WHERE u.id = ?1"));
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
