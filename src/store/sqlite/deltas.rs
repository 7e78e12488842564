//! A delta: sightings of single members, all of them in one transaction.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, SqliteConnection};

use super::links::{Scope, relink};
use super::{json_list, made_members, member_events, micros, presence};
use crate::domain::{Counts, MemberRow, RunId, Sighting};
use crate::store::StoreError;
use crate::store::columns::{self, Columns as _};
use crate::store::deltas::{Folded, Moment, fold};

/// Rows of one statement.
const ROWS: usize = 500;

/// Applies `sightings` of distinct members; answers also whom it made. The caller's transaction holds the write lock.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    run: RunId,
    sightings: &[Sighting],
    now: DateTime<Utc>,
) -> Result<(Counts, Option<Vec<u8>>), StoreError> {
    let ids: Vec<i64> = sightings.iter().map(|sighting| sighting.id().get()).collect();
    let last_roster =
        sqlx::query("SELECT max(observed_at) AS observed_at FROM sync_runs WHERE mode = 'full' AND state = 'succeeded'")
            .fetch_one(&mut *connection)
            .await?
            .opt_time("observed_at")?;
    let rows = sqlx::query(
        "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
         WHERE m.discord_id IN (SELECT value FROM json_each(?1))",
    )
    .bind(json_list(&ids))
    .fetch_all(&mut *connection)
    .await?;
    let rows: HashMap<i64, MemberRow> =
        rows.iter().map(|row| columns::member(row).map(|row| (row.member.id.get(), row))).collect::<Result<_, _>>()?;
    let folded = fold(sightings, rows, Moment { run, last_roster, now });
    let change = folded.presence();
    let Folded { made, written, events, mut counts } = folded;
    write(connection, &made).await?;
    write(connection, &written).await?;
    let made: Vec<i64> = made.iter().map(|row| row.member.id.get()).collect();
    let made = made_members::find(connection, run, &made, &counts).await?;
    member_events::insert(connection, run, &events, now).await?;
    (counts.linked, counts.unlinked) = relink(connection, Some(run), Scope::Of(&ids), now).await?;
    counts.total_active = presence::after(connection, change).await?;
    Ok((counts, made))
}

/// Writes rows, new ones and known ones.
async fn write(connection: &mut SqliteConnection, rows: &[MemberRow]) -> Result<(), StoreError> {
    for chunk in rows.chunks(ROWS) {
        let mut insert = QueryBuilder::new(
            "INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles,
                 joined_at, is_bot, date_created, date_modified, date_left, observed_at, created_run_id) ",
        );
        insert.push_values(chunk, |mut values, row| {
            let member = &row.member;
            values
                .push_bind(member.id.get())
                .push_bind(member.username.as_str())
                .push_bind(member.display_name.as_str())
                .push_bind(member.nickname.as_str())
                .push_bind(member.avatar_hash.as_str())
                .push_bind(member.guild_avatar())
                .push_bind(member.roles.as_json())
                .push_bind(member.joined_at.map(micros))
                .push_bind(member.is_bot)
                .push_bind(micros(row.date_created))
                .push_bind(micros(row.date_modified))
                .push_bind(row.date_left.map(micros))
                .push_bind(micros(row.observed_at))
                .push_bind(row.created_run_id.map(|run| run.to_string()));
        });
        insert.push(
            " ON CONFLICT (discord_id) DO UPDATE SET username = excluded.username, display_name = excluded.display_name,
                 nickname = excluded.nickname, avatar_hash = excluded.avatar_hash,
                 guild_avatar_hash = excluded.guild_avatar_hash, roles = excluded.roles,
                 joined_at = excluded.joined_at, is_bot = excluded.is_bot, date_modified = excluded.date_modified,
                 date_left = excluded.date_left, observed_at = excluded.observed_at",
        );
        insert.build().persistent(false).execute(&mut *connection).await?;
    }
    Ok(())
}
