//! `users` as staff look them through.

use chrono::{DateTime, Utc};

use super::Postgres;
use crate::store::account_lists::Search;
use crate::store::account_statements::Dialect;
use crate::store::columns::{self, Columns as _};
use crate::store::member_dialect::Dialect as Members;
use crate::store::{AccountPage, AccountRow, AccountTotals, SessionLimits, StoreError};

const COLUMNS: &str = "u.*, m.discord_id IS NOT NULL AS is_known, m.date_left";
const WITH_MEMBER: &str = "LEFT JOIN guild_members m ON m.discord_id = u.discord_id";

const DIALECT: Dialect = Dialect {
    name: r#"u.username_key COLLATE "C""#,
    ways: [
        r#"u.username_key COLLATE "C" >= $1 AND u.username_key COLLATE "C" < $2"#,
        r#"lower(u.email COLLATE "C") >= $3 AND lower(u.email COLLATE "C") < $4"#,
        r#"lower(u.discord_username COLLATE "C") >= $3 AND lower(u.discord_username COLLATE "C") < $4"#,
        "u.discord_id = $5",
    ],
    time: <Postgres as Members>::time,
};

impl Postgres {
    pub(in crate::store) async fn account_page(&self, page: &AccountPage) -> Result<Vec<AccountRow>, StoreError> {
        let (numbers, order) = (DIALECT.numbers(page), DIALECT.order(page));
        let sql = format!("SELECT {COLUMNS} FROM ({numbers}) AS n JOIN users u ON u.id = n.id {WITH_MEMBER} ORDER BY {order}");
        // Its text has the page in it, so keeping it prepared would not pay.
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false);
        let query = match Search::of(&page.search) {
            None => query,
            Some(Search { key, ascii, id }) => query.bind(key.0).bind(key.1).bind(ascii.0).bind(ascii.1).bind(id),
        };
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(columns::account_row).collect()
    }

    pub(in crate::store) async fn account_by_id(&self, id: i64) -> Result<Option<AccountRow>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM users u {WITH_MEMBER} WHERE u.id = $1"));
        let row = sqlx::query(sql).bind(id).fetch_optional(&self.pool).await?;
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
             WHERE s.user_id = $1 AND s.seen_at > $2 AND s.created_at > $3 AND u.is_active",
        )
        .bind(account)
        .bind(now - limits.idle)
        .bind(now - limits.max)
        .fetch_one(&self.pool)
        .await?)
    }

    pub(in crate::store) async fn count_accounts(&self) -> Result<AccountTotals, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM users) AS all_of_them,
                 (SELECT count(*) FROM users WHERE is_staff) AS staff,
                 (SELECT count(*) FROM users WHERE NOT is_active) AS inactive,
                 (SELECT count(*) FROM account_conflicts) AS conflicts",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(AccountTotals {
            all: row.int("all_of_them")?,
            staff: row.int("staff")?,
            inactive: row.int("inactive")?,
            conflicts: row.int("conflicts")?,
        })
    }
}
