//! `users`: staff, logins, imports.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgConnection, Postgres as Driver};

use super::{Postgres, guild_members, lock_guild};
use crate::domain::{Account, DiscordId, username_key};
use crate::store::columns::{self, Columns as _};
use crate::store::{Credentials, Import, ImportConflict, ImportRow, Imported, NewStaff, StoreError};

/// The lines of an import: `$1` names, `$2` their keys, `$3` addresses, `$4` Discord ids.
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
            ids: rows.iter().map(|row| row.discord_id.map(DiscordId::get)).collect(),
        }
    }

    fn query(&self, sql: String) -> Query<'_, Driver, PgArguments> {
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&self.names).bind(&self.keys).bind(&self.emails).bind(&self.ids)
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

    pub(in crate::store) async fn import_rows(&self, rows: &[ImportRow], now: DateTime<Utc>) -> Result<Import, StoreError> {
        let lines = Lines::new(rows);
        let mut tx = self.pool.begin().await?;
        // A finish passes over the same links.
        lock_guild(&mut tx).await?;
        let conflicts = conflicts(&mut tx, &lines).await?;
        if !conflicts.is_empty() {
            return Ok(Import::Conflicts(conflicts));
        }
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
        let (linked, unlinked) = guild_members::relink(&mut tx).await?;
        tx.commit().await?;
        Ok(Import::Done(Imported {
            created: created.cast_signed(),
            updated: updated.cast_signed(),
            linked: linked.cast_signed(),
            unlinked: unlinked.cast_signed(),
        }))
    }
}

/// Ids that the import wants for one account while another, which the import does not give another id, has them.
async fn conflicts(connection: &mut PgConnection, lines: &Lines<'_>) -> Result<Vec<ImportConflict>, StoreError> {
    let sql = format!(
        "SELECT l.username, l.discord_id, u.username AS held_by FROM {LINES} JOIN users u ON u.discord_id = l.discord_id
         WHERE u.username_key <> l.username_key
             AND NOT EXISTS (SELECT FROM UNNEST($2::text[], $4::bigint[]) AS o (username_key, discord_id)
                 WHERE o.username_key = u.username_key AND o.discord_id IS NOT NULL)
         ORDER BY l.username_key LIMIT 20"
    );
    let rows = lines.query(sql).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let id = row.int("discord_id")?;
            let discord_id = DiscordId::try_from(id).map_err(|_| StoreError::Unreadable("an unknown Discord id".into()))?;
            Ok(ImportConflict { username: row.text("username")?, discord_id, held_by: row.text("held_by")? })
        })
        .collect()
}
