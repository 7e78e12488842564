//! `account_conflicts`: claims of imports that could not be met without guessing.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection};

use super::Postgres;
use crate::store::claims::Unmet;
use crate::store::columns::{self, turned};
use crate::store::{AccountConflict, OpenConflicts, StoreError, UnmetClaim, overview};

/// Notes the claims of an import that are not met, in place of all earlier ones of the accounts that it names.
pub(super) async fn replace(
    connection: &mut PgConnection,
    keys: &[String],
    unmet: &[Unmet],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM account_conflicts WHERE user_id IN (SELECT id FROM users WHERE username_key = ANY($1))")
        .bind(keys)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO account_conflicts (user_id, kind, claimed, noted_at)
         SELECT u.id, n.kind, n.claimed, $4 FROM UNNEST($1::text[], $2::text[], $3::text[]) AS n (username_key, kind, claimed)
         JOIN users u ON u.username_key = n.username_key",
    )
    .bind(unmet.iter().map(|one| one.key.as_str()).collect::<Vec<_>>())
    .bind(unmet.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>())
    .bind(unmet.iter().map(|one| one.claimed.as_str()).collect::<Vec<_>>())
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// What an account claims, if that is not settled.
pub(super) async fn claimed_by(connection: &mut PgConnection, account: i64) -> Result<Option<String>, StoreError> {
    let claimed = sqlx::query_scalar("SELECT claimed FROM account_conflicts WHERE user_id = $1 FOR UPDATE");
    Ok(claimed.bind(account).fetch_optional(connection).await?)
}

/// What the account's own id is has been settled: by a person who has logged in, or by staff.
pub(super) async fn settle(connection: &mut PgConnection, account: i64) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM account_conflicts WHERE user_id = $1").bind(account).execute(connection).await?;
    Ok(())
}

/// Each claim with its account and who has the id now.
const CLAIMS: &str = "
SELECT u.*, c.kind, c.claimed, c.noted_at, h.id AS holder_id, h.username AS holder_name,
    h.password_hash IS NOT NULL AS holder_has_password
FROM account_conflicts c JOIN users u ON u.id = c.user_id
    LEFT JOIN users h ON h.discord_id = CASE c.kind WHEN 'claimed_twice' THEN c.claimed::bigint END";

impl Postgres {
    pub(in crate::store) async fn count_conflicts(&self) -> Result<Option<OpenConflicts>, StoreError> {
        let row =
            sqlx::query("SELECT count(*) AS count, min(noted_at) AS since FROM account_conflicts").fetch_one(&self.pool).await?;
        overview::open_conflicts(&row)
    }

    pub(in crate::store) async fn list_conflicts(&self, limit: i64) -> Result<Vec<AccountConflict>, StoreError> {
        let rows = sqlx::query(
            "SELECT u.username, c.kind, c.claimed, h.username AS held_by, c.noted_at
             FROM account_conflicts c JOIN users u ON u.id = c.user_id LEFT JOIN users h ON h.discord_id::text = c.claimed
             ORDER BY u.username_key LIMIT $1",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(columns::conflict).collect()
    }

    pub(in crate::store) async fn conflict_page(&self, after: Option<i64>, limit: i64) -> Result<Vec<UnmetClaim>, StoreError> {
        let sql = format!("{CLAIMS} WHERE c.user_id > $1 ORDER BY c.user_id LIMIT $2");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(after.unwrap_or(0)).bind(limit).fetch_all(&self.pool).await?;
        turned(false, &rows, columns::unmet_claim)
    }

    pub(in crate::store) async fn conflict_page_before(&self, before: i64, limit: i64) -> Result<Vec<UnmetClaim>, StoreError> {
        let sql = format!("{CLAIMS} WHERE c.user_id < $1 ORDER BY c.user_id DESC LIMIT $2");
        let rows = sqlx::query(AssertSqlSafe(sql)).bind(before).bind(limit).fetch_all(&self.pool).await?;
        turned(true, &rows, columns::unmet_claim)
    }
}
