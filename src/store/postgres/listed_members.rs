//! `guild_members`: the diff and upsert of a batch of a list.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::domain::{Counts, Member, RunId};
use crate::store::StoreError;
use crate::store::changes::Effect;
use crate::store::columns::{self, Columns as _};

/// Compares each listed member with its row. Takes $1 to $9, the columns of the list, and $10, when it was true. A row with newer
/// evidence is left alone, and so is a row in which nothing differs. Of a picture for the guild that is not told, the row's counts.
///
/// Each row is looked up by its id, whatever the planner believes of the table: a plan that was made while it was empty, and is kept as long as nobody
/// analyses it, would read all of it for every batch. And in the order of the ids, in which new rows are made.
const COMPARED: &str = "
WITH listed AS (
    SELECT discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles::jsonb AS roles, joined_at, is_bot
    FROM UNNEST($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::timestamptz[], $9::boolean[])
        AS l (discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles, joined_at, is_bot)
), compared AS MATERIALIZED (
    SELECT l.*,
        m.discord_id IS NULL AS is_new,
        m.date_left IS NOT NULL AS had_left,
        COALESCE(m.observed_at > $10, false) AS has_newer,
        (m.username, m.display_name, m.nickname, m.avatar_hash, m.guild_avatar_hash, m.roles, m.joined_at, m.is_bot)
            IS DISTINCT FROM (l.username, l.display_name, l.nickname, l.avatar_hash, COALESCE(l.guild_avatar_hash, m.guild_avatar_hash),
                l.roles, l.joined_at, l.is_bot) AS differs
    FROM listed l LEFT JOIN LATERAL (SELECT * FROM guild_members g WHERE g.discord_id = l.discord_id LIMIT 1) m ON true
)";

/// The fields in which the row n differs from the row m as it was before the statement.
const DIFFERENCES: &str = "
LATERAL (
    SELECT jsonb_object_agg(name, was) AS before, jsonb_object_agg(name, becomes) AS after
    FROM (VALUES ('username', to_jsonb(m.username), to_jsonb(n.username)),
        ('display_name', to_jsonb(m.display_name), to_jsonb(n.display_name)),
        ('nickname', to_jsonb(m.nickname), to_jsonb(n.nickname)),
        ('avatar_hash', to_jsonb(m.avatar_hash), to_jsonb(n.avatar_hash)),
        ('guild_avatar_hash', to_jsonb(m.guild_avatar_hash), to_jsonb(COALESCE(n.guild_avatar_hash, m.guild_avatar_hash))),
        ('roles', m.roles, n.roles),
        ('joined_at', to_jsonb(m.joined_at), to_jsonb(n.joined_at)),
        ('is_bot', to_jsonb(m.is_bot), to_jsonb(n.is_bot)),
        ('date_left', to_jsonb(m.date_left), NULL)) AS f (name, was, becomes)
    WHERE was IS DISTINCT FROM becomes
) d";

/// Writes the differences and takes note of them, at $11, for the run $12. The ids are sorted, so that two batches never wait for each
/// other in a circle.
const WRITE: &str = "
, inserted AS (
    INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles, joined_at, is_bot,
        date_created, date_modified, observed_at, created_run_id)
    SELECT discord_id, username, display_name, nickname, avatar_hash, COALESCE(guild_avatar_hash, ''), roles, joined_at, is_bot,
        $11, $11, $10, $12
    FROM compared WHERE is_new
    ON CONFLICT (discord_id) DO NOTHING
    RETURNING 1
), changed AS (
    UPDATE guild_members m
    SET username = c.username, display_name = c.display_name, nickname = c.nickname, avatar_hash = c.avatar_hash,
        guild_avatar_hash = COALESCE(c.guild_avatar_hash, m.guild_avatar_hash), roles = c.roles, joined_at = c.joined_at, is_bot = c.is_bot, date_left = NULL,
        date_modified = $11, observed_at = $10
    FROM compared c
    WHERE m.discord_id = c.discord_id AND m.observed_at <= $10 AND NOT c.is_new AND (c.differs OR c.had_left)
    RETURNING m.*, c.had_left
), noted AS (
    INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
    SELECT $12, n.discord_id, CASE WHEN n.had_left THEN 'rejoined' ELSE 'updated' END, d.before, d.after, $10, $11
    FROM changed n JOIN guild_members m ON m.discord_id = n.discord_id CROSS JOIN {differences}
), written AS (
    SELECT (SELECT count(*) FROM inserted) + (SELECT count(*) FROM changed) AS count
)";

/// Takes note of what [`WRITE`] would do, and writes no row.
const PLAN: &str = "
, noted AS (
    INSERT INTO planned_changes (run_id, discord_id, action, before, after, observed_at, recorded_at)
    SELECT $12, n.discord_id, 'created', NULL,
        jsonb_build_object('username', username, 'display_name', display_name, 'nickname', nickname, 'avatar_hash', avatar_hash,
            'guild_avatar_hash', COALESCE(guild_avatar_hash, ''), 'roles', roles, 'joined_at', joined_at, 'is_bot', is_bot), $10, $11
    FROM compared n WHERE is_new
    UNION ALL
    SELECT $12, n.discord_id, CASE WHEN n.had_left THEN 'rejoined' ELSE 'updated' END, d.before, d.after, $10, $11
    FROM compared n JOIN guild_members m ON m.discord_id = n.discord_id CROSS JOIN {differences}
    WHERE NOT n.has_newer AND (n.differs OR n.had_left)
    RETURNING 1
), written AS (
    SELECT count(*) FROM noted
)";

const COUNTED: &str = "
SELECT
    count(*) FILTER (WHERE is_new) AS created,
    count(*) FILTER (WHERE NOT is_new) AS updated,
    count(*) FILTER (WHERE had_left AND NOT has_newer) AS rejoined,
    count(*) FILTER (WHERE NOT is_new AND NOT had_left AND NOT differs AND NOT has_newer) AS unchanged,
    count(*) FILTER (WHERE has_newer) AS deferred,
    (SELECT count FROM written) AS written
FROM compared";

/// What a batch of a list is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing {
    pub run: RunId,
    pub observed_at: DateTime<Utc>,
    pub effect: Effect,
}

/// Applies members, distinct and sorted by id. `None` if somebody else wrote one of their rows between the comparison and the write:
/// the transaction must then be rolled back and tried again.
pub(super) async fn upsert(
    connection: &mut PgConnection,
    listing: Listing,
    members: &[Member],
    now: DateTime<Utc>,
) -> Result<Option<Counts>, StoreError> {
    fn column<'a, T>(members: &'a [Member], field: impl Fn(&'a Member) -> T) -> Vec<T> {
        members.iter().map(field).collect()
    }
    let tail = match listing.effect {
        Effect::Write => WRITE,
        Effect::Plan => PLAN,
    };
    let sql = format!("{COMPARED}{}{COUNTED}", tail.replace("{differences}", DIFFERENCES));
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(column(members, |m| m.id.get()))
        .bind(column(members, |m| m.username.as_str()))
        .bind(column(members, |m| m.display_name.as_str()))
        .bind(column(members, |m| m.nickname.as_str()))
        .bind(column(members, |m| m.avatar_hash.as_str()))
        .bind(column(members, |m| m.guild_avatar_hash.as_deref()))
        .bind(column(members, |m| m.roles.as_json()))
        .bind(column(members, |m| m.joined_at))
        .bind(column(members, |m| m.is_bot))
        .bind(listing.observed_at)
        .bind(now)
        .bind(listing.run.uuid())
        .fetch_one(connection)
        .await?;
    let counts = columns::batch_counts(&row)?;
    let expected = counts.created + counts.updated - counts.unchanged - counts.deferred;
    Ok((row.int("written")? == expected).then_some(counts))
}
