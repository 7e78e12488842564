//! A delta: sightings of single members, all of them in one transaction.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::links::{Scope, relink};
use super::{made_members, member_events};
use crate::domain::{Counts, Member, MemberRow, RunId, Sighting};
use crate::store::deltas::{Folded, Moment, fold};
use crate::store::{StoreError, columns};

/// What a small run did.
#[derive(Default)]
pub(super) struct Applied {
    pub counts: Counts,
    /// How many more are present, if they were not counted.
    pub change: Option<i64>,
    /// Whom it made.
    pub made: Option<Vec<u8>>,
}

/// Applies `sightings` of distinct members, which the caller has locked. `may_link`: a link of theirs
/// may not be as the ids say. `None` if a batch made one of the rows meanwhile: the transaction must then be rolled back and tried again.
pub(super) async fn apply(
    connection: &mut PgConnection,
    moment: Moment,
    sightings: &[Sighting],
    may_link: bool,
) -> Result<Option<Applied>, StoreError> {
    let Moment { run, now, .. } = moment;
    let ids: Vec<i64> = sightings.iter().map(|sighting| sighting.id().get()).collect();
    let rows = sqlx::query(
        "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
         WHERE m.discord_id = ANY($1) ORDER BY m.discord_id FOR UPDATE OF m",
    )
    .bind(&ids)
    .fetch_all(&mut *connection)
    .await?;
    let rows: HashMap<i64, MemberRow> =
        rows.iter().map(|row| columns::member(row).map(|row| (row.member.id.get(), row))).collect::<Result<_, _>>()?;
    let folded = fold(sightings, rows, moment);
    let change = folded.presence();
    let Folded { made, written, events, mut counts } = folded;
    if !write(connection, &made, &written).await? {
        return Ok(None);
    }
    let made: Vec<i64> = made.iter().map(|row| row.member.id.get()).collect();
    let made = made_members::find(connection, run, &made, &counts).await?;
    member_events::insert(connection, run, &events, now).await?;
    if may_link {
        (counts.linked, counts.unlinked) = relink(connection, Some(run), Scope::Of(&ids), now).await?;
    }
    Ok(Some(Applied { counts, change: Some(change), made }))
}

/// The rows as columns: $1 to $9 the members, $10 to $14 the rest.
const ROWS: &str = "
UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::timestamptz[], $9::boolean[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::uuid[])
    AS r (discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles, joined_at, is_bot, date_created,
        date_modified, date_left, observed_at, created_run_id)";

/// Writes rows, new ones and known ones; `false` if one of the new ones is there by now.
async fn write(connection: &mut PgConnection, made: &[MemberRow], written: &[MemberRow]) -> Result<bool, StoreError> {
    let insert = format!(
        "INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles, joined_at, is_bot,
             date_created, date_modified, date_left, observed_at, created_run_id)
         SELECT discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles::jsonb, joined_at, is_bot,
             date_created, date_modified, date_left, observed_at, created_run_id FROM {ROWS}
         ON CONFLICT (discord_id) DO NOTHING"
    );
    let update = format!(
        "UPDATE guild_members m SET username = r.username, display_name = r.display_name, nickname = r.nickname,
             avatar_hash = r.avatar_hash, guild_avatar_hash = r.guild_avatar_hash, roles = r.roles::jsonb,
             joined_at = r.joined_at, is_bot = r.is_bot, date_modified = r.date_modified, date_left = r.date_left, observed_at = r.observed_at
         FROM {ROWS} WHERE m.discord_id = r.discord_id"
    );
    for (sql, rows) in [(insert, made), (update, written)] {
        if rows.is_empty() {
            continue;
        }
        let done = bind(sql, rows).execute(&mut *connection).await?;
        if done.rows_affected() != rows.len() as u64 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn bind(sql: String, rows: &[MemberRow]) -> sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments> {
    fn column<'a, T>(rows: &'a [MemberRow], field: impl Fn(&'a MemberRow) -> T) -> Vec<T> {
        rows.iter().map(field).collect()
    }
    fn of_member<'a, T>(rows: &'a [MemberRow], field: impl Fn(&'a Member) -> T) -> Vec<T> {
        rows.iter().map(|row| field(&row.member)).collect()
    }
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(of_member(rows, |m| m.id.get()))
        .bind(of_member(rows, |m| m.username.as_str()))
        .bind(of_member(rows, |m| m.display_name.as_str()))
        .bind(of_member(rows, |m| m.nickname.as_str()))
        .bind(of_member(rows, |m| m.avatar_hash.as_str()))
        .bind(of_member(rows, Member::guild_avatar))
        .bind(of_member(rows, |m| m.roles.as_json()))
        .bind(of_member(rows, |m| m.joined_at))
        .bind(of_member(rows, |m| m.is_bot))
        .bind(column(rows, |row| row.date_created))
        .bind(column(rows, |row| row.date_modified))
        .bind(column(rows, |row| row.date_left))
        .bind(column(rows, |row| row.observed_at))
        .bind(column(rows, |row| row.created_run_id.map(RunId::uuid)))
}
