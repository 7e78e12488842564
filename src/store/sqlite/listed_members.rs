//! `guild_members`: the diff and upsert of a batch of a list.

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{json_list, micros};
use crate::domain::{Counts, Member, RunId};
use crate::store::StoreError;
use crate::store::changes::Effect;
use crate::store::columns;

/// Rows of one statement; SQLite takes 32,766 values a statement, and gains little beyond some hundred rows.
const ROWS: usize = 500;

/// The columns of a listed member, as [`push`] binds them.
const LISTED: &str = "discord_id, username, display_name, nickname, avatar_hash, guild_avatar_hash, roles, joined_at, is_bot";

/// Compares each member n, which stands before this, with its row. A row with newer evidence is left alone, and so is a row in which nothing differs. Of a
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
        COALESCE(m.observed_at > {observed_at}, 0) AS has_newer,
        (m.username, m.display_name, m.nickname, m.avatar_hash, m.guild_avatar_hash, m.roles, m.joined_at, m.is_bot)
            IS NOT (n.username, n.display_name, n.nickname, n.avatar_hash, COALESCE(n.guild_avatar_hash, m.guild_avatar_hash), n.roles,
                n.joined_at, n.is_bot) AS differs
    FROM n LEFT JOIN guild_members m ON m.discord_id = n.discord_id
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
///
/// Where nobody has a row, as in a first list, the rows are made at once. Where rows are there, the members are compared with them as they are bound,
/// and only those chunks of them in which something differs are put where statements can look at them again.
pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    listing: Listing,
    members: &[Member],
    now: DateTime<Utc>,
) -> Result<Counts, StoreError> {
    if listing.effect == Effect::Write && !is_any_known(connection, members).await? {
        for chunk in members.chunks(ROWS) {
            make(connection, listing, chunk, now).await?;
        }
        return Ok(Counts { created: i64::try_from(members.len()).unwrap_or(i64::MAX), ..Counts::default() });
    }
    sqlx::query("DELETE FROM temp.listed").execute(&mut *connection).await?;
    let mut counts = Counts::default();
    for chunk in members.chunks(ROWS) {
        let found = compare(connection, listing, chunk).await?;
        if found.created > 0 || found.updated > found.unchanged + found.deferred {
            list(connection, chunk).await?;
        }
        counts.created += found.created;
        counts.updated += found.updated;
        counts.rejoined += found.rejoined;
        counts.unchanged += found.unchanged;
        counts.deferred += found.deferred;
    }
    write_listed(connection, listing, &counts, now).await?;
    Ok(counts)
}

/// Writes those that were listed because something of them differs, or takes note of it.
async fn write_listed(
    connection: &mut SqliteConnection,
    listing: Listing,
    counts: &Counts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
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
    if steps.is_empty() {
        return Ok(());
    }
    for sql in steps {
        let step = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(micros(now)).bind(micros(listing.observed_at));
        step.bind(listing.run.to_string()).execute(&mut *connection).await?;
    }
    sqlx::query("DELETE FROM temp.listed").execute(connection).await?;
    Ok(())
}

/// Whether any of these members has a row.
async fn is_any_known(connection: &mut SqliteConnection, members: &[Member]) -> Result<bool, StoreError> {
    let ids: Vec<i64> = members.iter().map(|member| member.id.get()).collect();
    let sql = "SELECT EXISTS (SELECT 1 FROM json_each(?1) WHERE value IN (SELECT discord_id FROM guild_members))";
    Ok(sqlx::query_scalar(sql).bind(json_list(&ids)).fetch_one(connection).await?)
}

/// Makes the rows of members who have none.
async fn make(
    connection: &mut SqliteConnection,
    listing: Listing,
    members: &[Member],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut insert = QueryBuilder::new(format!(
        "INSERT INTO guild_members ({LISTED}, date_created, date_modified, observed_at, created_run_id)
         SELECT column1, column2, column3, column4, column5, COALESCE(column6, ''), column7, column8, column9, t.now, t.now, t.observed_at, t.run
         FROM (SELECT "
    ));
    insert.push_bind(micros(now)).push(" AS now, ").push_bind(micros(listing.observed_at)).push(" AS observed_at, ");
    insert.push_bind(listing.run.to_string()).push(" AS run) t CROSS JOIN (");
    push(&mut insert, members);
    insert.push(")");
    insert.build().persistent(members.len() == ROWS).execute(connection).await?;
    Ok(())
}

/// Compares members with their rows, those that there are.
async fn compare(connection: &mut SqliteConnection, listing: Listing, members: &[Member]) -> Result<Counts, StoreError> {
    let mut query = QueryBuilder::new(format!("WITH n ({LISTED}) AS ("));
    push(&mut query, members);
    let (before, behind) = COMPARE.split_once("{observed_at}").unwrap_or((COMPARE, ""));
    query.push(")").push(before).push_bind(micros(listing.observed_at)).push(behind);
    let row = query.build().persistent(members.len() == ROWS).fetch_one(connection).await?;
    columns::batch_counts(&row)
}

/// Puts members where statements can look at them.
async fn list(connection: &mut SqliteConnection, members: &[Member]) -> Result<(), StoreError> {
    let mut insert = QueryBuilder::new("INSERT INTO temp.listed ");
    push(&mut insert, members);
    insert.build().persistent(members.len() == ROWS).execute(connection).await?;
    Ok(())
}

/// Members as `VALUES`.
fn push(query: &mut QueryBuilder<Sqlite>, members: &[Member]) {
    query.push_values(members, |mut row, member| {
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
}
