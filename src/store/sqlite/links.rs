//! The links between `guild_members` and `users` (rule 6 of a sync).

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{json_list, micros};
use crate::domain::RunId;
use crate::store::StoreError;
use crate::store::changes::Effect;

/// Which members a pass over the links looks at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    /// All.
    All,
    /// These.
    Of(&'a [i64]),
}

impl<'a> Scope<'a> {
    /// Those that were found, if all were.
    pub fn found(members: Option<&'a [i64]>) -> Self {
        members.map_or(Self::All, Self::Of)
    }
}

/// So many links at most are made from a list of whom they concern.
const LISTABLE: usize = 5_000;

/// The members that are not linked as the ids say; `None` if they are very many.
pub(super) async fn astray(connection: &mut SqliteConnection) -> Result<Option<Vec<i64>>, StoreError> {
    let sql = format!("SELECT discord_id FROM ({REMOVABLE}) UNION SELECT discord_id FROM ({MAKEABLE}) LIMIT {}", LISTABLE + 1);
    let members: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await?;
    Ok((members.len() <= LISTABLE).then_some(members))
}

/// Makes every link between a member and an account agree with their ids; answers links made and links removed. Links are removed
/// first, so that an id which moved to another account never has two. The caller's transaction holds the write lock, so that no link is made
/// beside this.
pub(super) async fn relink(
    connection: &mut SqliteConnection,
    run: Option<RunId>,
    scope: Scope<'_>,
    now: DateTime<Utc>,
) -> Result<(i64, i64), StoreError> {
    let ids = match scope {
        Scope::All => None,
        Scope::Of([]) => return Ok((0, 0)),
        Scope::Of(ids) => Some(json_list(ids)),
    };
    let named = |column| format!("{column} IN (SELECT value FROM json_each(?3))");
    // A link that is out of date may be that of another member to the account which one of these is to get. Found by index, each way: an OR over
    // both tables would go through all accounts.
    let (removable, makeable) = match scope {
        Scope::All => (REMOVABLE.to_owned(), MAKEABLE.to_owned()),
        Scope::Of(_) => (
            format!(
                "{REMOVABLE} AND m.discord_id IN (SELECT value FROM json_each(?3) UNION ALL
                     SELECT l.discord_id FROM users o JOIN guild_members l ON l.user_id = o.id WHERE {})",
                named("o.discord_id")
            ),
            format!("{MAKEABLE} AND {}", named("m.discord_id")),
        ),
    };
    let unlinking = "UPDATE guild_members SET user_id = NULL
        WHERE discord_id IN (SELECT discord_id FROM member_events WHERE id > ?1 AND action = 'unlinked')";
    let linking = "UPDATE guild_members SET user_id = n.user_id
        FROM (SELECT discord_id, after ->> 'user_id' AS user_id FROM member_events WHERE id > ?1 AND action = 'linked') AS n
        WHERE guild_members.discord_id = n.discord_id";
    let mut counts = [0; 2];
    let steps =
        [(note(Effect::Write, NOTE_REMOVED, &removable), unlinking), (note(Effect::Write, NOTE_MADE, &makeable), linking)];
    for ((note, write), count) in steps.into_iter().zip(&mut counts) {
        let last: i64 = sqlx::query_scalar("SELECT COALESCE(max(id), 0) FROM member_events").fetch_one(&mut *connection).await?;
        let noted = sqlx::query(AssertSqlSafe(note)).bind(run.map(|run| run.to_string())).bind(micros(now)).bind(&ids);
        if noted.execute(&mut *connection).await?.rows_affected() > 0 {
            *count = sqlx::query(write).bind(last).execute(&mut *connection).await?.rows_affected().cast_signed();
        }
    }
    let [removed, made] = counts;
    Ok((made, removed))
}

/// Links those whom `run` made and who have an account, for a run that comes to no pass over all; answers as [`relink`].
pub(super) async fn link_made(
    connection: &mut SqliteConnection,
    run: RunId,
    now: DateTime<Utc>,
) -> Result<(i64, i64), StoreError> {
    let made: Vec<i64> =
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT discord_id FROM ({MAKEABLE} AND m.created_run_id = ?1) AS n")))
            .bind(run.to_string())
            .fetch_all(&mut *connection)
            .await?;
    if made.is_empty() { Ok((0, 0)) } else { relink(connection, Some(run), Scope::Of(&made), now).await }
}

/// What [`relink`] would do if those of `listed` who have no row had one; notes it as the plan of a dry run.
pub(super) async fn plan_links(
    connection: &mut SqliteConnection,
    run: RunId,
    listed: &[i64],
    now: DateTime<Utc>,
) -> Result<(i64, i64), StoreError> {
    let makeable = format!(
        "{MAKEABLE}
         UNION ALL
         SELECT u.discord_id, u.id AS user_id, u.username FROM users u
         WHERE u.discord_id IN (SELECT value FROM json_each(?3))
             AND NOT EXISTS (SELECT 1 FROM guild_members m WHERE m.discord_id = u.discord_id)"
    );
    let ids = json_list(listed);
    let mut counts = [0; 2];
    let steps = [note(Effect::Plan, NOTE_REMOVED, REMOVABLE), note(Effect::Plan, NOTE_MADE, &makeable)];
    for (sql, count) in steps.into_iter().zip(&mut counts) {
        let noted = sqlx::query(AssertSqlSafe(sql)).bind(run.to_string()).bind(micros(now)).bind(&ids);
        *count = noted.execute(&mut *connection).await?.rows_affected().cast_signed();
    }
    let [removed, made] = counts;
    Ok((made, removed))
}

fn note(effect: Effect, what: &str, links: &str) -> String {
    let log = effect.log();
    format!("INSERT INTO {log} (run_id, discord_id, action, before, after, observed_at, recorded_at) {what} FROM ({links})")
}

const REMOVABLE: &str = "
SELECT m.discord_id, m.user_id, u.username FROM guild_members m JOIN users u ON u.id = m.user_id
WHERE u.discord_id IS NOT m.discord_id";

const NOTE_REMOVED: &str = "
SELECT ?1, discord_id, 'unlinked', json_object('user_id', user_id, 'account', username),
    json_object('user_id', NULL, 'account', NULL), ?2, ?2";

/// A link to another account counts as none: it is one of those that are removed.
const MAKEABLE: &str = "
SELECT m.discord_id, u.id AS user_id, u.username FROM users u JOIN guild_members m ON m.discord_id = u.discord_id
WHERE m.user_id IS NOT u.id";

const NOTE_MADE: &str = "
SELECT ?1, discord_id, 'linked', json_object('user_id', NULL, 'account', NULL),
    json_object('user_id', user_id, 'account', username), ?2, ?2";
