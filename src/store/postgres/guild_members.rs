//! `guild_members`: the diff and upsert of a batch, departures, and the list. Links stand in `links`, single sightings in `deltas`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::Postgres;
use crate::domain::{Action, Counts, DiscordId, Member, MemberRow, RunId};
use crate::store::changes::Effect;
use crate::store::columns::{self, Columns as _};
use crate::store::{MemberPage, MemberTotals, StoreError};

/// Compares each listed member with its row. Takes $1 to $9, the columns of the list, and $10, when it was true. A row with newer
/// evidence is left alone, and so is a row in which nothing differs. Of a picture for the guild that is not told, the row's counts.
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
    FROM listed l LEFT JOIN guild_members m ON m.discord_id = l.discord_id
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

/// Those of `departed` of whom no newer evidence has come since.
pub(super) async fn still_departed(
    connection: &mut PgConnection,
    departed: &[i64],
    observed_at: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT discord_id FROM guild_members
         WHERE discord_id = ANY($1) AND date_left IS NULL AND observed_at <= $2 ORDER BY discord_id",
    )
    .bind(departed)
    .bind(observed_at)
    .fetch_all(connection)
    .await?)
}

/// Marks members as left at `observed_at`, unless newer evidence has come; answers how many.
pub(super) async fn mark_left(
    connection: &mut PgConnection,
    run: RunId,
    departed: &[i64],
    observed_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "WITH gone AS (
             UPDATE guild_members SET date_left = $2, date_modified = $3, observed_at = $2
             WHERE discord_id = ANY($1) AND date_left IS NULL AND observed_at <= $2
             RETURNING discord_id
         ), noted AS (
             INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
             SELECT $4, discord_id, 'left', '{\"date_left\": null}'::jsonb, jsonb_build_object('date_left', $2), $2, $3 FROM gone
         )
         SELECT discord_id FROM gone",
    )
    .bind(departed)
    .bind(observed_at)
    .bind(now)
    .bind(run.uuid())
    .fetch_all(connection)
    .await?)
}

/// Departures that are to be noted, with the action `left` or `held`.
pub(super) struct Departures<'a> {
    pub run: RunId,
    pub ids: &'a [i64],
    pub action: Action,
    pub observed_at: DateTime<Utc>,
}

/// Takes note of departures as the plan of a dry run.
pub(super) async fn plan_departures(
    connection: &mut PgConnection,
    departures: Departures<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO planned_changes (run_id, discord_id, action, before, after, observed_at, recorded_at)
         SELECT $1, d.discord_id, $3, '{\"date_left\": null}'::jsonb, jsonb_build_object('date_left', $4::timestamptz), $4, $5
         FROM UNNEST($2::bigint[]) AS d (discord_id)",
    )
    .bind(departures.run.uuid())
    .bind(departures.ids)
    .bind(departures.action.as_str())
    .bind(departures.observed_at)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Departures that a run marked; with `decision`, those that this decision marked of what the run had held.
#[derive(Debug, Clone, Copy)]
pub(super) struct MarkedBy {
    pub run: RunId,
    pub decision: Option<RunId>,
}

/// Brings back those who were `marked` as left and whose row nothing newer has touched; answers how many.
pub(super) async fn bring_back(
    connection: &mut PgConnection,
    run: RunId,
    marked: MarkedBy,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "WITH departures AS (
             SELECT e.discord_id, e.observed_at FROM member_events e
             WHERE e.run_id = $1 AND e.action = 'left' AND NOT EXISTS (
                 SELECT FROM member_events l
                 WHERE l.discord_id = e.discord_id AND l.id > e.id AND l.action IN ('left', 'rejoined', 'updated'))
             AND ($4::uuid IS NULL OR EXISTS (
                 SELECT FROM held_departures h
                 WHERE h.run_id = e.run_id AND h.discord_id = e.discord_id AND h.outcome = 'marked' AND h.decided_by = $4))
         ), back AS (
             UPDATE guild_members m SET date_left = NULL, date_modified = $3
             FROM departures d
             WHERE m.discord_id = d.discord_id AND m.date_left = d.observed_at AND m.observed_at = d.observed_at
             RETURNING m.discord_id, d.observed_at
         ), noted AS (
             INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
             SELECT $2, discord_id, 'rejoined', jsonb_build_object('date_left', observed_at), '{\"date_left\": null}'::jsonb, $3, $3 FROM back
         )
         SELECT count(*) FROM back",
    )
    .bind(marked.run.uuid())
    .bind(run.uuid())
    .bind(now)
    .bind(marked.decision.map(RunId::uuid))
    .fetch_one(connection)
    .await?)
}

/// How many members are present.
pub(super) async fn active(connection: &mut PgConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM guild_members WHERE date_left IS NULL").fetch_one(connection).await?)
}

impl Postgres {
    pub(in crate::store) async fn member_by_id(&self, id: DiscordId) -> Result<Option<MemberRow>, StoreError> {
        Ok(self.members_by_ids(&[id.get()]).await?.pop())
    }

    /// These members by id, those that there are.
    pub(in crate::store) async fn members_by_ids(&self, ids: &[i64]) -> Result<Vec<MemberRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.discord_id = ANY($1) ORDER BY m.discord_id",
        )
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(columns::member).collect()
    }

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
