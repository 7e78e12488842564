//! The lists of members.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres as Driver, Row as _};

use super::Postgres;
use crate::domain::{Account, DiscordId, MemberRow};
use crate::store::columns;
use crate::store::member_statements::{Dialect, Statement, TALLY, absent, argument, find, has_account, has_id};
use crate::store::{AbsentView, MemberFilter, MemberPlace, MemberTally, MemberView, MembersFound, Search, StoreError};

impl Dialect for Postgres {
    const ACCOUNT: &str = "LEFT JOIN LATERAL (SELECT * FROM users WHERE id = m.user_id OFFSET 0) u ON true";

    fn time(at: DateTime<Utc>) -> String {
        // Its own way of writing times has no year 0.
        let (seconds, micros) = (at.timestamp(), at.timestamp_subsec_micros());
        format!("(timestamptz 'epoch' + interval '{seconds} seconds {micros} microseconds')")
    }

    fn has_role(role: DiscordId) -> String {
        format!("m.roles @> '[\"{role}\"]'")
    }

    fn has_name(search: &Search, arguments: &mut Vec<String>) -> Option<String> {
        let pattern = argument(arguments, search.in_lines());
        Some(format!("m.names LIKE lower({pattern})"))
    }

    fn sources(filter: &MemberFilter, arguments: &mut Vec<String>) -> Vec<String> {
        let Some(search) = &filter.search else { return vec!["FROM guild_members m WHERE true".into()] };
        let names = argument(arguments, search.in_lines());
        let mut sources = vec![
            format!("FROM guild_members m WHERE m.names LIKE lower({names})"),
            // Account by account: few fit, and their members are not looked for among all.
            format!(
                "FROM users u CROSS JOIN LATERAL (SELECT * FROM guild_members l WHERE l.user_id = u.id OFFSET 0) m WHERE {}",
                has_account(search, arguments)
            ),
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
