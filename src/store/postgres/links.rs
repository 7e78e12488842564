//! The links between `guild_members` and `users` (rule 6 of a sync).

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection};

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

/// Whether one of the members $5 is not linked as the ids say; true also of one who has an account and no row.
pub(super) const ASTRAY_OF: &str = "
EXISTS (SELECT FROM UNNEST($5::bigint[]) AS i (id)
    WHERE (SELECT u.id FROM users u WHERE u.discord_id = i.id) IS DISTINCT FROM
        (SELECT m.user_id FROM guild_members m WHERE m.discord_id = i.id))";

/// So many links at most are made from a list of whom they concern.
const LISTABLE: usize = 5_000;

/// The members that are not linked as the ids say; `None` if they are very many.
pub(super) async fn astray(connection: &mut PgConnection) -> Result<Option<Vec<i64>>, StoreError> {
    let sql = format!(
        "SELECT discord_id FROM (SELECT discord_id FROM ({REMOVABLE}) r UNION SELECT discord_id FROM ({MAKEABLE}) m) a LIMIT {}",
        LISTABLE + 1
    );
    let members: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await?;
    Ok((members.len() <= LISTABLE).then_some(members))
}

/// Makes every link between a member and an account agree with their ids; answers links made and links removed. Links are removed
/// first, so that an id which moved to another account never has two. The caller has locked all members or these, so that no link is made
/// beside this.
pub(super) async fn relink(
    connection: &mut PgConnection,
    run: Option<RunId>,
    scope: Scope<'_>,
    now: DateTime<Utc>,
) -> Result<(i64, i64), StoreError> {
    // A link that is out of date may be that of another member to the account which one of these is to get. The ids stand first, so that whatever
    // the planner believes of the tables, both are looked up by index.
    let (makeable, of_either) = match scope {
        Scope::All => (MAKEABLE.to_owned(), ""),
        Scope::Of(_) => (
            MAKEABLE.replace(
                "FROM users u",
                "FROM (SELECT DISTINCT unnest($3::bigint[]) AS id) i JOIN users u ON u.discord_id = i.id",
            ),
            "AND m.discord_id IN (SELECT unnest($3::bigint[]) UNION ALL
                 SELECT l.discord_id FROM (SELECT unnest($3::bigint[]) AS id) i
                     JOIN users o ON o.discord_id = i.id JOIN guild_members l ON l.user_id = o.id)",
        ),
    };
    let unlinking = format!(
        "WITH removed AS (
             {REMOVABLE} {of_either}
         ), noted AS (
             INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
             {NOTE_REMOVED}
         ), written AS (
             UPDATE guild_members m SET user_id = NULL FROM removed r WHERE m.discord_id = r.discord_id RETURNING 1
         )
         SELECT count(*) FROM written"
    );
    let linking = format!(
        "WITH made AS (
             {makeable}
         ), noted AS (
             INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
             {NOTE_MADE}
         ), written AS (
             UPDATE guild_members m SET user_id = n.user_id FROM made n WHERE m.discord_id = n.discord_id RETURNING 1
         )
         SELECT count(*) FROM written"
    );
    if matches!(scope, Scope::Of([])) {
        return Ok((0, 0));
    }
    let mut counts = [0_i64; 2];
    for (sql, count) in [unlinking, linking].into_iter().zip(&mut counts) {
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(run.map(RunId::uuid)).bind(now);
        let query = match scope {
            Scope::All => query,
            Scope::Of(ids) => query.bind(ids),
        };
        *count = query.fetch_one(&mut *connection).await?;
    }
    let [removed, made] = counts;
    Ok((made, removed))
}

/// Links those whom `run` made and who have an account, for a run that comes to no pass over all; answers as [`relink`].
pub(super) async fn link_made(connection: &mut PgConnection, run: RunId, now: DateTime<Utc>) -> Result<(i64, i64), StoreError> {
    let made: Vec<i64> =
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT discord_id FROM ({MAKEABLE} AND m.created_run_id = $1) AS n")))
            .bind(run.uuid())
            .fetch_all(&mut *connection)
            .await?;
    if made.is_empty() { Ok((0, 0)) } else { relink(connection, Some(run), Scope::Of(&made), now).await }
}

/// What [`relink`] would do if those of `listed` who have no row had one; notes it as the plan of a dry run.
pub(super) async fn plan_links(
    connection: &mut PgConnection,
    run: RunId,
    listed: &[i64],
    now: DateTime<Utc>,
) -> Result<(i64, i64), StoreError> {
    let log = Effect::Plan.log();
    let unlinking = format!(
        "WITH removed AS (
             {REMOVABLE}
         ), noted AS (
             INSERT INTO {log} (run_id, discord_id, action, before, after, observed_at, recorded_at)
             {NOTE_REMOVED}
         )
         SELECT count(*) FROM removed"
    );
    let linking = format!(
        "WITH made AS (
             {MAKEABLE}
             UNION ALL
             SELECT u.discord_id, u.id AS user_id, u.username FROM users u
             WHERE u.discord_id = ANY($3) AND NOT EXISTS (SELECT FROM guild_members m WHERE m.discord_id = u.discord_id)
         ), noted AS (
             INSERT INTO {log} (run_id, discord_id, action, before, after, observed_at, recorded_at)
             {NOTE_MADE}
         )
         SELECT count(*) FROM made"
    );
    let removed = sqlx::query_scalar(AssertSqlSafe(unlinking)).bind(run.uuid()).bind(now).fetch_one(&mut *connection).await?;
    let made = sqlx::query_scalar(AssertSqlSafe(linking)).bind(run.uuid()).bind(now).bind(listed).fetch_one(connection).await?;
    Ok((made, removed))
}

const REMOVABLE: &str = "
SELECT m.discord_id, m.user_id, u.username FROM guild_members m JOIN users u ON u.id = m.user_id
WHERE u.discord_id IS DISTINCT FROM m.discord_id";

const NOTE_REMOVED: &str = "
SELECT $1::uuid, discord_id, 'unlinked', jsonb_build_object('user_id', user_id, 'account', username),
    jsonb_build_object('user_id', NULL, 'account', NULL), $2::timestamptz, $2 FROM removed";

/// A link to another account counts as none: it is one of those that are removed.
const MAKEABLE: &str = "
SELECT m.discord_id, u.id AS user_id, u.username FROM users u JOIN guild_members m ON m.discord_id = u.discord_id
WHERE m.user_id IS DISTINCT FROM u.id";

const NOTE_MADE: &str = "
SELECT $1::uuid, discord_id, 'linked', jsonb_build_object('user_id', NULL, 'account', NULL),
    jsonb_build_object('user_id', user_id, 'account', username), $2::timestamptz, $2 FROM made";
