//! `users` as staff look them through.

use chrono::{DateTime, Utc};
use sqlx::Row as _;

use super::Postgres;
use crate::store::account_lists::Search;
use crate::store::account_statements::{Dialect, listed};
use crate::store::columns::{self, Columns as _, turned};
use crate::store::member_dialect::Dialect as Members;
use crate::store::{AccountPage, AccountRow, AccountTotals, SessionLimits, StoreError};

const COLUMNS: &str = "u.*, m.discord_id IS NOT NULL AS is_known, m.date_left";
const WITH_MEMBER: &str = "LEFT JOIN guild_members m ON m.discord_id = u.discord_id";

const DIALECT: Dialect = Dialect {
    name: r#"u.username_key COLLATE "C""#,
    email: r#"lower(u.email COLLATE "C")"#,
    discord_name: r#"lower(u.discord_username COLLATE "C")"#,
    has_part: [r#"lower(u.email COLLATE "C") LIKE $5"#, r#"(lower(u.email COLLATE "C") || '') LIKE $5"#],
    time: <Postgres as Members>::time,
};

type Bound<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// The arguments of a search, as [`Dialect`] numbers them.
fn bind(query: Bound<'_>, search: Search) -> Bound<'_> {
    let query = query.bind(search.key.0).bind(search.key.1).bind(search.ascii.0).bind(search.ascii.1);
    match search.part {
        None => query,
        // Nothing in it is to mean something to LIKE.
        Some(part) => query.bind(format!("%{}%", part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))),
    }
}

impl Postgres {
    pub(in crate::store) async fn account_page(&self, page: &AccountPage) -> Result<Vec<AccountRow>, StoreError> {
        let Some(search) = Search::of(&page.search) else { return self.accounts_of(page, DIALECT.numbers(page), None).await };
        // Its text has the page in it, so keeping it prepared would not pay.
        let few = sqlx::query(sqlx::AssertSqlSafe(DIALECT.few(page))).persistent(false);
        let found = bind(few, search.clone()).fetch_all(&self.pool).await?;
        if found.first().map_or(Ok(false), |first| first.flag("is_cut"))? {
            return self.accounts_of(page, DIALECT.many(page), Some(search)).await;
        }
        let numbers = found.iter().filter_map(|row| row.opt_int("id").transpose()).collect::<Result<Vec<_>, _>>()?;
        self.accounts_of(page, listed(&numbers), None).await
    }

    pub(in crate::store) async fn count_fitting(&self, page: &AccountPage) -> Result<i64, StoreError> {
        let counted = sqlx::query(sqlx::AssertSqlSafe(DIALECT.count(page))).persistent(false);
        let counted = match Search::of(&page.search) {
            None => counted,
            Some(search) => bind(counted, search),
        };
        Ok(counted.fetch_one(&self.pool).await?.try_get(0)?)
    }

    /// The accounts with the numbers that a statement finds.
    async fn accounts_of(
        &self,
        page: &AccountPage,
        numbers: String,
        search: Option<Search>,
    ) -> Result<Vec<AccountRow>, StoreError> {
        let order = DIALECT.order(page);
        let sql = format!("SELECT {COLUMNS} FROM ({numbers}) AS n JOIN users u ON u.id = n.id {WITH_MEMBER} ORDER BY {order}");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false);
        let query = match search {
            None => query,
            Some(search) => bind(query, search),
        };
        let rows = query.fetch_all(&self.pool).await?;
        turned(page.is_backwards, &rows, columns::account_row)
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
            "SELECT (SELECT count(*) FROM users WHERE is_staff) AS staff,
                 (SELECT count(*) FROM users WHERE NOT is_active) AS inactive,
                 (SELECT count(*) FROM account_conflicts) AS conflicts",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(AccountTotals { staff: row.int("staff")?, inactive: row.int("inactive")?, conflicts: row.int("conflicts")? })
    }
}
