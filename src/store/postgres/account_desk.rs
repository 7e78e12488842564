//! What staff change about `users`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::links::{Scope, relink};
use super::turns::lock_evidence;
use super::{Postgres, account_conflicts, staff_log};
use crate::domain::{AccountChange, DiscordId};
use crate::store::account_desk::{judge, note_of};
use crate::store::columns::{self, Columns as _};
use crate::store::{Changed, Decided, NewStaffEntry, Settlement, StoreError};

impl Postgres {
    pub(in crate::store) async fn change_rights(
        &self,
        account: i64,
        change: AccountChange,
        by: i64,
        now: DateTime<Utc>,
    ) -> Result<Changed, StoreError> {
        let mut tx = self.pool.begin().await?;
        // Of two who take each other's rights the second is one who may not act any more.
        let rows = sqlx::query("SELECT * FROM users WHERE id IN ($1, $2) ORDER BY id FOR UPDATE")
            .bind(account)
            .bind(by)
            .fetch_all(&mut *tx)
            .await?;
        let accounts = rows.iter().map(columns::account).collect::<Result<Vec<_>, _>>()?;
        let after = match judge(&accounts, account, change, by) {
            Ok(after) => after,
            Err(changed) => return Ok(changed),
        };
        sqlx::query("UPDATE users SET is_staff = $2, is_superuser = $3, is_active = $4 WHERE id = $1")
            .bind(account)
            .bind(after.is_staff)
            .bind(after.is_superuser)
            .bind(after.is_active)
            .execute(&mut *tx)
            .await?;
        if !after.is_active {
            sqlx::query("DELETE FROM sessions WHERE user_id = $1").bind(account).execute(&mut *tx).await?;
        }
        staff_log::insert(&mut tx, note_of(&accounts, change, account, by, &account.to_string()), now).await?;
        tx.commit().await?;
        Ok(Changed::Done)
    }

    pub(in crate::store) async fn settle_claim(
        &self,
        account: i64,
        decided: Decided,
        noted: NewStaffEntry<'_>,
        now: DateTime<Utc>,
    ) -> Result<Settlement, StoreError> {
        let mut tx = self.pool.begin().await?;
        lock_evidence(&mut tx).await?;
        let Some(claimed) = account_conflicts::claimed_by(&mut tx, account).await? else { return Ok(Settlement::Gone) };
        let mut links = (0, 0);
        if let Decided::Give { claimed: id, from } = decided {
            if claimed != id.to_string() || holder(&mut tx, id).await? != from {
                return Ok(Settlement::Moved);
            }
            let touched = give(&mut tx, account, id).await?;
            links = relink(&mut tx, None, Scope::Of(&touched), now).await?;
        }
        account_conflicts::settle(&mut tx, account).await?;
        staff_log::insert(&mut tx, noted, now).await?;
        tx.commit().await?;
        let (linked, unlinked) = links;
        Ok(Settlement::Done { linked, unlinked })
    }
}

/// The account that has an id.
async fn holder(connection: &mut PgConnection, id: DiscordId) -> Result<Option<i64>, StoreError> {
    Ok(sqlx::query_scalar("SELECT id FROM users WHERE discord_id = $1").bind(id.get()).fetch_optional(connection).await?)
}

/// Gives an id to an account, with the name at Discord that goes with it; answers the ids whose links may have to follow.
async fn give(connection: &mut PgConnection, account: i64, id: DiscordId) -> Result<Vec<i64>, StoreError> {
    let taken = sqlx::query("SELECT discord_username FROM users WHERE discord_id = $1 AND id <> $2")
        .bind(id.get())
        .bind(account)
        .fetch_optional(&mut *connection)
        .await?;
    let name = taken.map(|row| row.text("discord_username")).transpose()?.unwrap_or_default();
    let old: Option<i64> =
        sqlx::query_scalar("SELECT discord_id FROM users WHERE id = $1").bind(account).fetch_one(&mut *connection).await?;
    sqlx::query("UPDATE users SET discord_id = NULL, discord_username = '' WHERE discord_id = $1 AND id <> $2")
        .bind(id.get())
        .bind(account)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE users SET discord_id = $2, discord_username = $3 WHERE id = $1 AND discord_id IS DISTINCT FROM $2")
        .bind(account)
        .bind(id.get())
        .bind(name)
        .execute(connection)
        .await?;
    Ok([Some(id.get()), old].into_iter().flatten().collect())
}
