//! The lists of members.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres as Driver, Row as _};

use super::Postgres;
use super::unindexed_members::NAMES;
use crate::domain::{Account, DiscordId, MemberRow};
use crate::store::columns;
use crate::store::member_statements::{Dialect, Statement, TALLY, absent, argument, find, has_id};
use crate::store::{AbsentView, MemberFilter, MemberPlace, MemberTally, MemberView, MembersFound, Search, StoreError};

impl Dialect for Postgres {
    const NO_TIME: &str = "NULL::timestamptz";
    const SEARCHED: &str = "member_search";
    const ACCOUNT: &str = "LEFT JOIN LATERAL (SELECT * FROM users WHERE id = m.user_id OFFSET 0) u ON true";

    fn time(at: DateTime<Utc>) -> String {
        // Its own way of writing times has no year 0.
        let (seconds, micros) = (at.timestamp(), at.timestamp_subsec_micros());
        format!("(timestamptz 'epoch' + interval '{seconds} seconds {micros} microseconds')")
    }

    fn has_role(role: DiscordId) -> String {
        format!("(SELECT r.roles @> '[\"{role}\"]' FROM guild_members r WHERE r.discord_id = m.discord_id)")
    }

    fn along(search: &Search, arguments: &mut Vec<String>) -> Option<Vec<String>> {
        let pattern = argument(arguments, search.in_lines());
        let mut fits = vec![format!("m.names LIKE lower({pattern})")];
        fits.extend(has_id(search, "m.discord_id"));
        let indexed = format!("FROM member_search m WHERE ({}) AND {INDEXED}", fits.join(" OR "));
        fits[0] = format!("{NAMES} LIKE lower({pattern})");
        Some(vec![indexed, format!("{UNINDEXED} WHERE ({})", fits.join(" OR "))])
    }

    fn by_index(filter: &MemberFilter, arguments: &mut Vec<String>) -> Vec<String> {
        let Some(search) = &filter.search else { return sources_of_role(filter.role) };
        let pattern = argument(arguments, search.in_lines());
        let mut sources = vec![
            format!("FROM member_search m WHERE m.names LIKE lower({pattern}) AND {INDEXED}"),
            format!("{UNINDEXED} WHERE {NAMES} LIKE lower({pattern})"),
        ];
        sources.extend(has_id(search, "m.discord_id").map(|ids| format!("FROM guild_members m WHERE {ids}")));
        sources
    }

    async fn place(&self, statement: &Statement) -> Result<Option<MemberPlace>, StoreError> {
        let row = query(statement).fetch_optional(&self.pool).await?;
        row.map(|row| columns::place(&row)).transpose()
    }

    async fn members_of(&self, statement: &Statement) -> Result<(Vec<MemberRow>, Option<i64>), StoreError> {
        let rows = query(statement).fetch_all(&self.pool).await?;
        let total = rows.first().and_then(|row| row.try_get("total").ok());
        Ok((rows.iter().map(columns::member).collect::<Result<_, _>>()?, total))
    }
}

/// What is in `member_search` as it is in `guild_members`.
const INDEXED: &str = "m.discord_id NOT IN (SELECT unnest(discord_ids) FROM unindexed_members)";

/// The rows that are not, with the account.
const UNINDEXED: &str = "FROM (SELECT DISTINCT unnest(discord_ids) AS discord_id FROM unindexed_members) w
    JOIN guild_members m ON m.discord_id = w.discord_id LEFT JOIN users u ON u.id = m.user_id";

/// The rows that may have a role; the planner takes the index of roles.
fn sources_of_role(role: Option<DiscordId>) -> Vec<String> {
    let role = role.map_or_else(|| "true".into(), |role| format!("m.roles @> '[\"{role}\"]'"));
    vec![format!("FROM guild_members m WHERE {role}")]
}

fn query(statement: &Statement) -> Query<'_, Driver, PgArguments> {
    // Its text has the filter in it, so keeping it prepared would not pay.
    let query = sqlx::query(AssertSqlSafe(statement.sql.as_str())).persistent(false);
    statement.arguments.iter().fold(query, Query::bind)
}

impl Postgres {
    pub(in crate::store) async fn find_members(&self, view: &MemberView) -> Result<MembersFound, StoreError> {
        find(self, view).await
    }

    pub(in crate::store) async fn find_absent(&self, view: &AbsentView) -> Result<Vec<Account>, StoreError> {
        query(&absent(view)).fetch_all(&self.pool).await?.iter().map(columns::account).collect()
    }

    pub(in crate::store) async fn count_kinds(&self) -> Result<MemberTally, StoreError> {
        columns::tally(&sqlx::query(TALLY).fetch_one(&self.pool).await?)
    }
}
