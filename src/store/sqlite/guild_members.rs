//! `guild_members`: the diff and upsert of a batch, departures, and the list. Links stand in `links`, single sightings in `deltas`.

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, SqliteConnection};

use super::{Sqlite, json_list, micros};
use crate::domain::{Action, Counts, DiscordId, Member, MemberRow, RunId};
use crate::store::changes::Effect;
use crate::store::columns::{self, Columns as _};
use crate::store::{MemberPage, MemberTotals, StoreError};

/// Rows of one `INSERT` into `listed`; SQLite takes 32,766 values a statement, and gains little beyond some hundred rows.
const ROWS: usize = 500;

/// Compares each listed member with its row. A row with newer evidence is left alone, and so is a row in which nothing differs. Of a
/// picture for the guild that is not told, the row's counts.
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
        (m.username, m.display_name, m.nickname, m.avatar_hash, m.guild_avatar_hash, m.roles, m.joined_at, m.is_bot)
            IS NOT (n.username, n.display_name, n.nickname, n.avatar_hash, COALESCE(n.guild_avatar_hash, m.guild_avatar_hash), n.roles,
                n.joined_at, n.is_bot) AS differs
    FROM temp.listed n LEFT JOIN guild_members m ON m.discord_id = n.discord_id
)";

/// Of a listed member n and its row m: whether the row is to be written, at ?2.
const CHANGED: &str = "
m.observed_at <= ?2 AND (
    m.date_left IS NOT NULL
    OR (m.username, m.display_name, m.nickname, m.avatar_hash, m.guild_avatar_hash, m.roles, m.joined_at, m.is_bot)
        IS NOT (n.username, n.display_name, n.nickname, n.avatar_hash, COALESCE(n.guild_avatar_hash, m.guild_avatar_hash), n.roles,
            n.joined_at, n.is_bot))";

const INSERT: &str = "
INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles, joined_at, is_bot,
    date_created, date_modified, observed_at, created_run_id)
SELECT discord_id, username, display_name, nickname, avatar_hash, COALESCE(guild_avatar_hash, ''), roles, joined_at, is_bot,
    ?1, ?1, ?2, ?3
FROM temp.listed n
WHERE NOT EXISTS (SELECT 1 FROM guild_members m WHERE m.discord_id = n.discord_id)
ORDER BY discord_id";

const UPDATE: &str = "
UPDATE guild_members AS m
SET username = n.username, display_name = n.display_name, nickname = n.nickname, avatar_hash = n.avatar_hash,
    guild_avatar_hash = COALESCE(n.guild_avatar_hash, m.guild_avatar_hash), roles = n.roles, joined_at = n.joined_at, is_bot = n.is_bot, date_left = NULL,
    date_modified = ?1, observed_at = ?2
FROM temp.listed n
WHERE m.discord_id = n.discord_id AND {changed}";

/// Takes note of the rows that [`UPDATE`] is to write, before it does.
const NOTE: &str = "
INSERT INTO {log} (run_id, discord_id, action, before, after, observed_at, recorded_at)
SELECT ?3, m.discord_id, iif(m.date_left IS NULL, 'updated', 'rejoined'), {before}, {after}, ?2, ?1
FROM temp.listed n JOIN guild_members m ON m.discord_id = n.discord_id
WHERE {changed}";

/// Takes note of the rows that [`INSERT`] would make.
const PLAN: &str = "
INSERT INTO planned_changes (run_id, discord_id, action, after, observed_at, recorded_at)
SELECT ?3, discord_id, 'created', json_object('username', username, 'display_name', display_name, 'nickname', nickname,
    'avatar_hash', avatar_hash, 'guild_avatar_hash', COALESCE(guild_avatar_hash, ''), 'roles', json(roles), 'joined_at', joined_at,
    'is_bot', json(iif(is_bot, 'true', 'false'))), ?2, ?1
FROM temp.listed n
WHERE NOT EXISTS (SELECT 1 FROM guild_members m WHERE m.discord_id = n.discord_id)";

/// The fields in which a listed member n differs from its row m, with the values of `of`, as a JSON object.
fn differences(of: char) -> String {
    let text = |name: &str| format!("iif(m.{name} IS NOT n.{name}, ',\"{name}\":' || json_quote({of}.{name}), '')");
    let texts = ["username", "display_name", "nickname", "avatar_hash", "joined_at"];
    let mut parts: Vec<String> = texts.into_iter().map(text).collect();
    parts.push(format!(
        "iif(m.guild_avatar_hash IS NOT COALESCE(n.guild_avatar_hash, m.guild_avatar_hash), ',\"guild_avatar_hash\":' || json_quote({of}.guild_avatar_hash), '')"
    ));
    parts.push(format!("iif(m.roles IS NOT n.roles, ',\"roles\":' || {of}.roles, '')"));
    parts.push(format!("iif(m.is_bot IS NOT n.is_bot, ',\"is_bot\":' || iif({of}.is_bot, 'true', 'false'), '')"));
    let date_left = if of == 'm' { "m.date_left" } else { "'null'" };
    parts.push(format!("iif(m.date_left IS NOT NULL, ',\"date_left\":' || {date_left}, '')"));
    format!("'{{' || substr({}, 2) || '}}'", parts.join(" || "))
}

/// What a batch of a list is to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing {
    pub run: RunId,
    pub observed_at: DateTime<Utc>,
    pub effect: Effect,
}

/// Applies members, distinct and sorted by id. The caller's transaction holds the write lock, so nobody else writes their rows.
pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    listing: Listing,
    members: &[Member],
    now: DateTime<Utc>,
) -> Result<Counts, StoreError> {
    list(connection, members).await?;
    let row = sqlx::query(COMPARE).bind(micros(listing.observed_at)).fetch_one(&mut *connection).await?;
    let counts = columns::batch_counts(&row)?;
    let mut steps = Vec::new();
    if counts.updated > counts.unchanged + counts.deferred {
        let filled = |sql: &str| sql.replace("{changed}", CHANGED).replace("{log}", listing.effect.log());
        steps.push(filled(NOTE).replace("{before}", &differences('m')).replace("{after}", &differences('n')));
        if listing.effect == Effect::Write {
            steps.push(filled(UPDATE));
        }
    }
    if counts.created > 0 {
        steps.push(if listing.effect == Effect::Write { INSERT } else { PLAN }.to_owned());
    }
    for sql in steps {
        let step = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(micros(now)).bind(micros(listing.observed_at));
        step.bind(listing.run.to_string()).execute(&mut *connection).await?;
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
                .push_bind(member.guild_avatar_hash.as_deref())
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

/// Marks members as left at `observed_at`, unless newer evidence has come; answers whom.
pub(super) async fn mark_left(
    connection: &mut SqliteConnection,
    run: RunId,
    departed: &[i64],
    observed_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    let marked: Vec<i64> = sqlx::query_scalar(
        "UPDATE guild_members SET date_left = ?2, date_modified = ?3, observed_at = ?2
         WHERE discord_id IN (SELECT value FROM json_each(?1)) AND date_left IS NULL AND observed_at <= ?2
         RETURNING discord_id",
    )
    .bind(json_list(departed))
    .bind(micros(observed_at))
    .bind(micros(now))
    .fetch_all(&mut *connection)
    .await?;
    let left = Departures { run, ids: &marked, action: Action::Left, observed_at };
    note_departures(connection, Effect::Write, left, now).await?;
    Ok(marked)
}

/// Departures that are to be noted, with the action `left` or `held`.
pub(super) struct Departures<'a> {
    pub run: RunId,
    pub ids: &'a [i64],
    pub action: Action,
    pub observed_at: DateTime<Utc>,
}

/// Takes note of departures, in history or as the plan of a dry run.
pub(super) async fn note_departures(
    connection: &mut SqliteConnection,
    effect: Effect,
    departures: Departures<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let log = effect.log();
    let sql = format!(
        "INSERT INTO {log} (run_id, discord_id, action, before, after, observed_at, recorded_at)
         SELECT ?1, value, ?3, '{{\"date_left\":null}}', json_object('date_left', ?4), ?4, ?5 FROM json_each(?2)"
    );
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(departures.run.to_string())
        .bind(json_list(departures.ids))
        .bind(departures.action.as_str())
        .bind(micros(departures.observed_at))
        .bind(micros(now))
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
    connection: &mut SqliteConnection,
    run: RunId,
    marked: MarkedBy,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    // Noted before the rows are written, while they still say who left.
    let noted = sqlx::query(
        "INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
         SELECT ?2, e.discord_id, 'rejoined', json_object('date_left', e.observed_at), '{\"date_left\":null}', ?3, ?3
         FROM member_events e JOIN guild_members m ON m.discord_id = e.discord_id
         WHERE e.run_id = ?1 AND e.action = 'left' AND m.date_left = e.observed_at AND m.observed_at = e.observed_at
             AND NOT EXISTS (SELECT 1 FROM member_events l
                 WHERE l.discord_id = e.discord_id AND l.id > e.id AND l.action IN ('left', 'rejoined', 'updated'))
             AND (?4 IS NULL OR EXISTS (SELECT 1 FROM held_departures h
                 WHERE h.run_id = e.run_id AND h.discord_id = e.discord_id AND h.outcome = 'marked' AND h.decided_by = ?4))",
    )
    .bind(marked.run.to_string())
    .bind(run.to_string())
    .bind(micros(now))
    .bind(marked.decision.map(|decision| decision.to_string()))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE guild_members SET date_left = NULL, date_modified = ?2
         WHERE discord_id IN (SELECT discord_id FROM member_events WHERE run_id = ?1 AND action = 'rejoined')",
    )
    .bind(run.to_string())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(noted.rows_affected().cast_signed())
}

/// How many members are present.
pub(super) async fn active(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM guild_members WHERE date_left IS NULL").fetch_one(connection).await?)
}

impl Sqlite {
    pub(in crate::store) async fn member_by_id(&self, id: DiscordId) -> Result<Option<MemberRow>, StoreError> {
        Ok(self.members_by_ids(&[id.get()]).await?.pop())
    }

    /// These members by id, those that there are.
    pub(in crate::store) async fn members_by_ids(&self, ids: &[i64]) -> Result<Vec<MemberRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT m.*, u.username AS account FROM guild_members m LEFT JOIN users u ON u.id = m.user_id
             WHERE m.discord_id IN (SELECT value FROM json_each(?1)) ORDER BY m.discord_id",
        )
        .bind(json_list(ids))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(columns::member).collect()
    }

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
