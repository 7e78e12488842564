//! `guild_members`: the diff and upsert of a batch, departures, links, and the list.

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, SqliteConnection};

use super::{Sqlite, micros};
use crate::domain::{Counts, DiscordId, Member, MemberRow, RunId};
use crate::store::columns::{self, Columns as _};
use crate::store::{MemberPage, MemberTotals, StoreError};

/// Rows of one `INSERT` into `listed`; SQLite takes 32,766 values a statement, and gains little beyond some hundred rows.
const ROWS: usize = 500;

/// Compares each listed member with its row. A row with newer evidence is left alone, and so is a row in which nothing differs.
const COMPARE: &str = "
SELECT
    count(*) FILTER (WHERE is_new) AS created,
    count(*) FILTER (WHERE NOT is_new) AS updated,
    count(*) FILTER (WHERE had_left AND NOT has_newer) AS rejoined,
    count(*) FILTER (WHERE NOT is_new AND NOT had_left AND NOT differs AND NOT has_newer) AS unchanged,
    count(*) FILTER (WHERE has_newer) AS deferred
FROM (
    SELECT m.discord_id IS NULL AS is_new,
        m.date_left IS NOT NULL AS had_left,
        COALESCE(m.observed_at > ?1, 0) AS has_newer,
        (m.username, m.display_name, m.nickname, m.avatar_hash, m.roles, m.joined_at, m.is_bot)
            IS NOT (l.username, l.display_name, l.nickname, l.avatar_hash, l.roles, l.joined_at, l.is_bot) AS differs
    FROM temp.listed l LEFT JOIN guild_members m ON m.discord_id = l.discord_id
)";

const INSERT: &str = "
INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, roles, joined_at, is_bot,
    date_created, date_modified, observed_at, created_run_id)
SELECT discord_id, username, display_name, nickname, avatar_hash, roles, joined_at, is_bot, ?1, ?1, ?2, ?3
FROM temp.listed l
WHERE NOT EXISTS (SELECT 1 FROM guild_members m WHERE m.discord_id = l.discord_id)
ORDER BY discord_id";

const UPDATE: &str = "
UPDATE guild_members
SET username = l.username, display_name = l.display_name, nickname = l.nickname, avatar_hash = l.avatar_hash, roles = l.roles,
    joined_at = l.joined_at, is_bot = l.is_bot, date_left = NULL, date_modified = ?1, observed_at = ?2
FROM temp.listed l
WHERE guild_members.discord_id = l.discord_id AND guild_members.observed_at <= ?2 AND (
    guild_members.date_left IS NOT NULL
    OR (guild_members.username, guild_members.display_name, guild_members.nickname, guild_members.avatar_hash,
        guild_members.roles, guild_members.joined_at, guild_members.is_bot)
        IS NOT (l.username, l.display_name, l.nickname, l.avatar_hash, l.roles, l.joined_at, l.is_bot))";

/// Applies members, distinct and sorted by id. The caller's transaction holds the write lock, so nobody else writes their rows.
pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    run: RunId,
    observed_at: DateTime<Utc>,
    members: &[Member],
    now: DateTime<Utc>,
) -> Result<Counts, StoreError> {
    list(connection, members).await?;
    let row = sqlx::query(COMPARE).bind(micros(observed_at)).fetch_one(&mut *connection).await?;
    let counts = columns::batch_counts(&row)?;
    if counts.created < counts.created + counts.updated - counts.unchanged - counts.deferred {
        sqlx::query(UPDATE).bind(micros(now)).bind(micros(observed_at)).execute(&mut *connection).await?;
    }
    if counts.created > 0 {
        sqlx::query(INSERT).bind(micros(now)).bind(micros(observed_at)).bind(run.to_string()).execute(&mut *connection).await?;
    }
    sqlx::query("DELETE FROM temp.listed").execute(connection).await?;
    Ok(counts)
}

async fn list(connection: &mut SqliteConnection, members: &[Member]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM temp.listed").execute(&mut *connection).await?;
    for chunk in members.chunks(ROWS) {
        let mut insert = QueryBuilder::new("INSERT INTO temp.listed ");
        insert.push_values(chunk, |mut row, member| {
            row.push_bind(member.id.get())
                .push_bind(member.username.as_str())
                .push_bind(member.display_name.as_str())
                .push_bind(member.nickname.as_str())
                .push_bind(member.avatar_hash.as_str())
                .push_bind(member.roles.as_json())
                .push_bind(member.joined_at.map(micros))
                .push_bind(member.is_bot);
        });
        insert.build().persistent(chunk.len() == ROWS).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Active members with evidence no newer than `observed_at` that are not among `listed`.
pub(super) async fn departures(
    connection: &mut SqliteConnection,
    listed: &[i64],
    observed_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT discord_id FROM guild_members
         WHERE date_left IS NULL AND observed_at <= ?2 AND discord_id NOT IN (SELECT value FROM json_each(?1))
         ORDER BY discord_id",
    )
    .bind(json_list(listed))
    .bind(micros(observed_at))
    .fetch_all(connection)
    .await?)
}

/// Numbers as a JSON list, which is how this database takes a list in one value.
pub(super) fn json_list(numbers: &[i64]) -> String {
    sqlx::types::JsonValue::from(numbers).to_string()
}

/// Marks members as left at `observed_at`; answers how many.
pub(super) async fn mark_left(
    connection: &mut SqliteConnection,
    departed: &[i64],
    observed_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "UPDATE guild_members SET date_left = ?2, date_modified = ?3, observed_at = ?2
         WHERE discord_id IN (SELECT value FROM json_each(?1)) AND date_left IS NULL AND observed_at <= ?2",
    )
    .bind(json_list(departed))
    .bind(micros(observed_at))
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Makes every link between a member and an account agree with their ids; answers links made and links removed. Links are removed
/// first, so that an id which moved to another account never has two.
pub(super) async fn relink(connection: &mut SqliteConnection) -> Result<(u64, u64), StoreError> {
    let removed = sqlx::query(
        "UPDATE guild_members SET user_id = NULL
         WHERE user_id IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = guild_members.user_id AND u.discord_id = guild_members.discord_id)",
    )
    .execute(&mut *connection)
    .await?;
    let made = sqlx::query(
        "UPDATE guild_members SET user_id = u.id FROM users u
         WHERE u.discord_id = guild_members.discord_id AND guild_members.user_id IS NULL",
    )
    .execute(connection)
    .await?;
    Ok((made.rows_affected(), removed.rows_affected()))
}

/// How many members are present.
pub(super) async fn active(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM guild_members WHERE date_left IS NULL").fetch_one(connection).await?)
}

impl Sqlite {
    pub(in crate::store) async fn member_page(&self, page: MemberPage) -> Result<Vec<MemberRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.discord_id > ?1 ORDER BY m.discord_id LIMIT ?2",
        )
        .bind(page.after.map_or(0, DiscordId::get))
        .bind(page.limit)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(columns::member).collect()
    }

    pub(in crate::store) async fn count_members(&self) -> Result<MemberTotals, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE date_left IS NULL) AS present, count(date_left) AS gone, count(user_id) AS linked
             FROM guild_members",
        )
        .fetch_one(&self.read)
        .await?;
        Ok(MemberTotals { present: row.int("present")?, left: row.int("gone")?, linked: row.int("linked")? })
    }
}
