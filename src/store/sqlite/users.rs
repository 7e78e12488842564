//! `users`: staff, logins, imports.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::SqliteConnection;

use super::links::{Scope, relink};
use super::{Sqlite, account_conflicts, json_list, micros};
use crate::domain::{Account, DiscordId, username_key};
use crate::store::claims::{self, Holder, settle};
use crate::store::columns::{self, Columns as _};
use crate::store::{Credentials, DiscordLogin, ImportRow, Imported, NewStaff, StoreError};

/// The lines of an import: `?1` is a JSON list of `[name, its key, address, the Discord id it gets]`.
const LINES: &str =
    "(SELECT value ->> 0 AS username, value ->> 1 AS username_key, value ->> 2 AS email, value ->> 3 AS discord_id
    FROM json_each(?1)) AS l";

impl Sqlite {
    pub(in crate::store) async fn insert_staff(
        &self,
        staff: &NewStaff,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "INSERT INTO users (username, username_key, password_hash, is_staff, is_superuser, date_joined)
             VALUES (?1, ?2, ?3, 1, ?4, ?5)
             ON CONFLICT DO NOTHING RETURNING *",
        )
        .bind(staff.username.as_str())
        .bind(username_key(&staff.username))
        .bind(staff.password_hash.expose_secret())
        .bind(staff.is_superuser)
        .bind(micros(now))
        .fetch_optional(&self.write)
        .await?;
        row.as_ref().map(columns::account).transpose()
    }

    pub(in crate::store) async fn list_staff(&self) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query("SELECT * FROM users WHERE is_staff ORDER BY username_key").fetch_all(&self.read).await?;
        rows.iter().map(columns::account).collect()
    }

    pub(in crate::store) async fn update_password(&self, username: &str, hash: &SecretString) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let id: Option<i64> =
            sqlx::query_scalar("UPDATE users SET password_hash = ?2 WHERE username_key = ?1 AND is_staff RETURNING id")
                .bind(username_key(username))
                .bind(hash.expose_secret())
                .fetch_optional(&mut *tx)
                .await?;
        sqlx::query("DELETE FROM sessions WHERE user_id = ?1").bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(id.is_some())
    }

    pub(in crate::store) async fn find_credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE username_key = ?1")
            .bind(username_key(username))
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(columns::credentials).transpose()
    }

    pub(in crate::store) async fn update_last_login(&self, account: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET last_login = ?2 WHERE id = ?1")
            .bind(account)
            .bind(micros(now))
            .execute(&self.write)
            .await?;
        Ok(())
    }

    pub(in crate::store) async fn import_rows(&self, rows: &[ImportRow], now: DateTime<Utc>) -> Result<Imported, StoreError> {
        let keys: Vec<String> = rows.iter().map(|row| username_key(&row.username)).collect();
        let mut tx = self.begin().await?;
        let settled = settle(rows, &holders(&mut tx, &keys, &claims::claimed(rows)).await?);
        let line = |((row, key), id): ((&ImportRow, &String), &Option<DiscordId>)| {
            serde_json::json!([row.username, key, row.email, id.map(DiscordId::get)])
        };
        let lines = rows.iter().zip(&keys).zip(&settled.granted).map(line).collect::<serde_json::Value>().to_string();
        // An id may move between two accounts of the same import: all that change let go of theirs first.
        let release = format!(
            "UPDATE users SET discord_id = NULL FROM {LINES}
             WHERE users.username_key = l.username_key AND l.discord_id IS NOT NULL AND users.discord_id <> l.discord_id"
        );
        let update = format!(
            "UPDATE users SET email = CASE l.email WHEN '' THEN users.email ELSE l.email END,
                 discord_id = COALESCE(l.discord_id, users.discord_id)
             FROM {LINES} WHERE users.username_key = l.username_key"
        );
        let insert = format!(
            "INSERT INTO users (username, username_key, email, discord_id, date_joined)
             SELECT l.username, l.username_key, l.email, l.discord_id, ?2 FROM {LINES}
             WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.username_key = l.username_key)"
        );
        let with_lines = |sql: String| sqlx::query(sqlx::AssertSqlSafe(sql)).bind(lines.as_str());
        with_lines(release).execute(&mut *tx).await?;
        let updated = with_lines(update).execute(&mut *tx).await?.rows_affected();
        let created = with_lines(insert).bind(micros(now)).execute(&mut *tx).await?.rows_affected();
        account_conflicts::replace(&mut tx, &keys, &settled.unmet, now).await?;
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
        let mut tx = self.begin().await?;
        let known = sqlx::query(
            "UPDATE users SET discord_username = ?2, email = COALESCE(?3, email), last_login = iif(is_active, ?4, last_login)
             WHERE discord_id = ?1 RETURNING *",
        )
        .bind(login.id.get())
        .bind(&login.username)
        .bind(&login.email)
        .bind(micros(now))
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
async fn insert_login(
    connection: &mut SqliteConnection,
    login: &DiscordLogin,
    now: DateTime<Utc>,
) -> Result<Account, StoreError> {
    for name in claims::names(login) {
        let row = sqlx::query(
            "INSERT INTO users (username, username_key, email, discord_id, discord_username, date_joined, last_login)
             VALUES (?1, ?2, COALESCE(?3, ''), ?4, ?5, ?6, ?6)
             ON CONFLICT (username_key) DO NOTHING RETURNING *",
        )
        .bind(&name)
        .bind(username_key(&name))
        .bind(&login.email)
        .bind(login.id.get())
        .bind(&login.username)
        .bind(micros(now))
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(row) = row {
            return columns::account(&row);
        }
    }
    Err(claims::no_name_left())
}

/// The accounts that have one of these keys or Discord ids.
async fn holders(connection: &mut SqliteConnection, keys: &[String], claimed: &[i64]) -> Result<Vec<Holder>, StoreError> {
    let rows = sqlx::query(
        "SELECT username_key, discord_id FROM users WHERE username_key IN (SELECT value FROM json_each(?1))
         UNION SELECT username_key, discord_id FROM users WHERE discord_id IN (SELECT value FROM json_each(?2))",
    )
    .bind(serde_json::Value::from(keys).to_string())
    .bind(json_list(claimed))
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok(Holder { key: row.text("username_key")?, discord_id: row.opt_int("discord_id")? })).collect()
}
