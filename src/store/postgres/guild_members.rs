//! `guild_members`: the diff and upsert of a batch, departures, links, and the list.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::Postgres;
use crate::domain::{Counts, DiscordId, Member, MemberRow, RunId};
use crate::store::columns::{self, Columns as _};
use crate::store::{MemberPage, MemberTotals, StoreError};

/// Compares each listed member with its row and writes the differences, in one statement. A row with newer evidence is left alone,
/// and so is a row in which nothing differs. The ids are sorted, so that two batches never wait for each other in a circle.
const UPSERT: &str = "
WITH listed AS (
    SELECT discord_id, username, display_name, nickname, avatar_hash, roles::jsonb AS roles, joined_at, is_bot
    FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::boolean[])
        AS l (discord_id, username, display_name, nickname, avatar_hash, roles, joined_at, is_bot)
), compared AS MATERIALIZED (
    SELECT l.*,
        m.discord_id IS NULL AS is_new,
        m.date_left IS NOT NULL AS had_left,
        COALESCE(m.observed_at > $9, false) AS has_newer,
        (m.username, m.display_name, m.nickname, m.avatar_hash, m.roles, m.joined_at, m.is_bot)
            IS DISTINCT FROM (l.username, l.display_name, l.nickname, l.avatar_hash, l.roles, l.joined_at, l.is_bot) AS differs
    FROM listed l LEFT JOIN guild_members m ON m.discord_id = l.discord_id
), inserted AS (
    INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, roles, joined_at, is_bot,
        date_created, date_modified, observed_at, created_run_id)
    SELECT discord_id, username, display_name, nickname, avatar_hash, roles, joined_at, is_bot, $10, $10, $9, $11
    FROM compared WHERE is_new
    ON CONFLICT (discord_id) DO NOTHING
    RETURNING 1
), changed AS (
    UPDATE guild_members m
    SET username = c.username, display_name = c.display_name, nickname = c.nickname, avatar_hash = c.avatar_hash, roles = c.roles,
        joined_at = c.joined_at, is_bot = c.is_bot, date_left = NULL, date_modified = $10, observed_at = $9
    FROM compared c
    WHERE m.discord_id = c.discord_id AND m.observed_at <= $9 AND NOT c.is_new AND (c.differs OR c.had_left)
    RETURNING 1
)
SELECT
    count(*) FILTER (WHERE is_new) AS created,
    count(*) FILTER (WHERE NOT is_new) AS updated,
    count(*) FILTER (WHERE had_left AND NOT has_newer) AS rejoined,
    count(*) FILTER (WHERE NOT is_new AND NOT had_left AND NOT differs AND NOT has_newer) AS unchanged,
    count(*) FILTER (WHERE has_newer) AS deferred,
    (SELECT count(*) FROM inserted) + (SELECT count(*) FROM changed) AS written
FROM compared";

/// Applies members, distinct and sorted by id. `None` if somebody else wrote one of their rows between the comparison and the write:
/// the transaction must then be rolled back and tried again.
pub(super) async fn upsert(
    connection: &mut PgConnection,
    run: RunId,
    observed_at: DateTime<Utc>,
    members: &[Member],
    now: DateTime<Utc>,
) -> Result<Option<Counts>, StoreError> {
    fn column<'a, T>(members: &'a [Member], field: impl Fn(&'a Member) -> T) -> Vec<T> {
        members.iter().map(field).collect()
    }
    let row = sqlx::query(UPSERT)
        .bind(column(members, |m| m.id.get()))
        .bind(column(members, |m| m.username.as_str()))
        .bind(column(members, |m| m.display_name.as_str()))
        .bind(column(members, |m| m.nickname.as_str()))
        .bind(column(members, |m| m.avatar_hash.as_str()))
        .bind(column(members, |m| m.roles.as_json()))
        .bind(column(members, |m| m.joined_at))
        .bind(column(members, |m| m.is_bot))
        .bind(observed_at)
        .bind(now)
        .bind(run.uuid())
        .fetch_one(connection)
        .await?;
    let counts = columns::batch_counts(&row)?;
    let expected = counts.created + counts.updated - counts.unchanged - counts.deferred;
    Ok((row.int("written")? == expected).then_some(counts))
}

/// Active members with evidence no newer than `observed_at` that are not among `listed`.
pub(super) async fn departures(
    connection: &mut PgConnection,
    listed: &[i64],
    observed_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT discord_id FROM guild_members
         WHERE date_left IS NULL AND observed_at <= $2
             AND NOT EXISTS (SELECT FROM UNNEST($1::bigint[]) AS l (discord_id) WHERE l.discord_id = guild_members.discord_id)
         ORDER BY discord_id",
    )
    .bind(listed)
    .bind(observed_at)
    .fetch_all(connection)
    .await?)
}

/// Marks members as left at `observed_at`; answers how many.
pub(super) async fn mark_left(
    connection: &mut PgConnection,
    departed: &[i64],
    observed_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "UPDATE guild_members SET date_left = $2, date_modified = $3, observed_at = $2
         WHERE discord_id = ANY($1) AND date_left IS NULL AND observed_at <= $2",
    )
    .bind(departed)
    .bind(observed_at)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Makes every link between a member and an account agree with their ids; answers links made and links removed. Links are removed
/// first, so that an id which moved to another account never has two.
pub(super) async fn relink(connection: &mut PgConnection) -> Result<(u64, u64), StoreError> {
    let removed = sqlx::query(
        "UPDATE guild_members m SET user_id = NULL
         WHERE m.user_id IS NOT NULL
             AND NOT EXISTS (SELECT FROM users u WHERE u.id = m.user_id AND u.discord_id = m.discord_id)",
    )
    .execute(&mut *connection)
    .await?;
    let made = sqlx::query(
        "UPDATE guild_members m SET user_id = u.id FROM users u
         WHERE u.discord_id = m.discord_id AND m.user_id IS NULL",
    )
    .execute(connection)
    .await?;
    Ok((made.rows_affected(), removed.rows_affected()))
}

/// How many members are present.
pub(super) async fn active(connection: &mut PgConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM guild_members WHERE date_left IS NULL").fetch_one(connection).await?)
}

impl Postgres {
    pub(in crate::store) async fn member_page(&self, page: MemberPage) -> Result<Vec<MemberRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.discord_id > $1 ORDER BY m.discord_id LIMIT $2",
        )
        .bind(page.after.map_or(0, DiscordId::get))
        .bind(page.limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(columns::member).collect()
    }

    pub(in crate::store) async fn count_members(&self) -> Result<MemberTotals, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE date_left IS NULL) AS present, count(date_left) AS gone, count(user_id) AS linked
             FROM guild_members",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(MemberTotals { present: row.int("present")?, left: row.int("gone")?, linked: row.int("linked")? })
    }
}
