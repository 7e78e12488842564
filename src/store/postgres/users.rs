//! `users`: staff, logins, imports.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres as Driver};

use super::links::{Scope, relink};
use super::turns::{lock_evidence, lock_members};
use super::{Postgres, account_conflicts};
use crate::domain::{Account, DiscordId, username_key};
use crate::store::claims::{self, Holder, settle};
use crate::store::columns::{self, Columns as _};
use crate::store::{Credentials, DiscordLogin, ImportRow, Imported, NewStaff, StoreError};

/// The lines of an import: `$1` names, `$2` their keys, `$3` addresses, `$4` the Discord ids that they get.
const LINES: &str = "UNNEST($1::text[], $2::text[], $3::text[], $4::bigint[]) AS l (username, username_key, email, discord_id)";

/// Those lines as columns.
struct Lines<'a> {
    names: Vec<&'a str>,
    keys: Vec<String>,
    emails: Vec<&'a str>,
    ids: Vec<Option<i64>>,
}

impl<'a> Lines<'a> {
    fn new(rows: &'a [ImportRow]) -> Self {
        Self {
            names: rows.iter().map(|row| row.username.as_str()).collect(),
            keys: rows.iter().map(|row| username_key(&row.username)).collect(),
            emails: rows.iter().map(|row| row.email.as_str()).collect(),
            ids: Vec::new(),
        }
    }

    fn query(&self, sql: String) -> Query<'_, Driver, PgArguments> {
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&self.names).bind(&self.keys).bind(&self.emails).bind(&self.ids)
    }

    /// The accounts that the lines name or whose ids they claim, locked.
    async fn holders(&self, connection: &mut PgConnection, claimed: &[i64]) -> Result<Vec<Holder>, StoreError> {
        let rows = sqlx::query(
            "SELECT username_key, discord_id FROM users WHERE username_key = ANY($1) OR discord_id = ANY($2) ORDER BY id FOR UPDATE",
        )
        .bind(&self.keys)
        .bind(claimed)
        .fetch_all(connection)
        .await?;
        let holder = |row: &PgRow| Ok(Holder { key: row.text("username_key")?, discord_id: row.opt_int("discord_id")? });
        rows.iter().map(holder).collect()
    }
}

impl Postgres {
    pub(in crate::store) async fn insert_staff(
        &self,
        staff: &NewStaff,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "INSERT INTO users (username, username_key, password_hash, is_staff, is_superuser, date_joined)
             VALUES ($1, $2, $3, true, $4, $5)
             ON CONFLICT DO NOTHING RETURNING *",
        )
        .bind(staff.username.as_str())
        .bind(username_key(&staff.username))
        .bind(staff.password_hash.expose_secret())
        .bind(staff.is_superuser)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(columns::account).transpose()
    }

    pub(in crate::store) async fn list_staff(&self) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query("SELECT * FROM users WHERE is_staff ORDER BY username_key").fetch_all(&self.pool).await?;
        rows.iter().map(columns::account).collect()
    }

    pub(in crate::store) async fn update_password(&self, username: &str, hash: &SecretString) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let id: Option<i64> =
            sqlx::query_scalar("UPDATE users SET password_hash = $2 WHERE username_key = $1 AND is_staff RETURNING id")
                .bind(username_key(username))
                .bind(hash.expose_secret())
                .fetch_optional(&mut *tx)
                .await?;
        sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(id.is_some())
    }

    pub(in crate::store) async fn find_credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE username_key = $1")
            .bind(username_key(username))
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(columns::credentials).transpose()
    }

    pub(in crate::store) async fn update_last_login(&self, account: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET last_login = $2 WHERE id = $1").bind(account).bind(now).execute(&self.pool).await?;
        Ok(())
    }

    pub(in crate::store) async fn import_rows(&self, rows: &[ImportRow], now: DateTime<Utc>) -> Result<Imported, StoreError> {
        let mut lines = Lines::new(rows);
        let mut tx = self.pool.begin().await?;
        lock_evidence(&mut tx).await?;
        let settled = settle(rows, &lines.holders(&mut tx, &claims::claimed(rows)).await?);
        lines.ids = settled.granted.iter().map(|id| id.map(DiscordId::get)).collect();
        // An id may move between two accounts of the same import: all that change let go of theirs first.
        let release = format!(
            "UPDATE users u SET discord_id = NULL FROM {LINES}
             WHERE u.username_key = l.username_key AND l.discord_id IS NOT NULL AND u.discord_id <> l.discord_id"
        );
        let update = format!(
            "UPDATE users u SET email = CASE l.email WHEN '' THEN u.email ELSE l.email END,
                 discord_id = COALESCE(l.discord_id, u.discord_id)
             FROM {LINES} WHERE u.username_key = l.username_key"
        );
        let insert = format!(
            "INSERT INTO users (username, username_key, email, discord_id, date_joined)
             SELECT l.username, l.username_key, l.email, l.discord_id, $5 FROM {LINES}
             WHERE NOT EXISTS (SELECT FROM users u WHERE u.username_key = l.username_key)"
        );
        lines.query(release).execute(&mut *tx).await?;
        let updated = lines.query(update).execute(&mut *tx).await?.rows_affected();
        let created = lines.query(insert).bind(now).execute(&mut *tx).await?.rows_affected();
        account_conflicts::replace(&mut tx, &lines.keys, &settled.unmet, now).await?;
        let (linked, unlinked) = relink(&mut tx, None, Scope::All, now).await?;
        tx.commit().await?;
        Ok(Imported {
            created: created.cast_signed(),
            updated: updated.cast_signed(),
            linked,
            unlinked,
            conflicts: i64::try_from(settled.unmet.len()).unwrap_or(i64::MAX),
        })
    }

    pub(in crate::store) async fn log_in(&self, login: &DiscordLogin, now: DateTime<Utc>) -> Result<Account, StoreError> {
        let mut tx = self.pool.begin().await?;
        // Of two first logins of one person the second finds the account of the first.
        lock_members(&mut tx, &[login.id.get()]).await?;
        let known = sqlx::query(
            "UPDATE users SET discord_username = $2, email = COALESCE($3, email), last_login = CASE WHEN is_active THEN $4 ELSE last_login END
             WHERE discord_id = $1 RETURNING *",
        )
        .bind(login.id.get())
        .bind(&login.username)
        .bind(&login.email)
        .bind(now)
        .fetch_optional(&mut *tx)
        .await?;
        let account = match known {
            Some(row) => columns::account(&row)?,
            None => insert_login(&mut tx, login, now).await?,
        };
        account_conflicts::settle(&mut tx, account.id).await?;
        relink(&mut tx, None, Scope::Of(&[login.id.get()]), now).await?;
        tx.commit().await?;
        Ok(account)
    }
}

/// Makes the account of a person who logs in for the first time, under the first name that is free.
async fn insert_login(connection: &mut PgConnection, login: &DiscordLogin, now: DateTime<Utc>) -> Result<Account, StoreError> {
    for name in claims::names(login) {
        let row = sqlx::query(
            "INSERT INTO users (username, username_key, email, discord_id, discord_username, date_joined, last_login)
             VALUES ($1, $2, COALESCE($3, ''), $4, $5, $6, $6)
             ON CONFLICT (username_key) DO NOTHING RETURNING *",
        )
        .bind(&name)
        .bind(username_key(&name))
        .bind(&login.email)
        .bind(login.id.get())
        .bind(&login.username)
        .bind(now)
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(row) = row {
            return columns::account(&row);
        }
    }
    Err(claims::no_name_left())
}
