//! The lists of members.

use chrono::{DateTime, Utc};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row as _, Sqlite as Driver};

use super::{Sqlite, micros};
use crate::domain::{Account, DiscordId, MemberRow};
use crate::store::columns;
use crate::store::member_statements::{Dialect, Statement, TALLY, absent, argument, find, has_account, has_id};
use crate::store::{AbsentView, MemberFilter, MemberPlace, MemberTally, MemberView, MembersFound, Search, StoreError};

impl Dialect for Sqlite {
    const NO_TIME: &str = "NULL";
    const SEARCHED: &str = "guild_members";
    const ACCOUNT: &str = "LEFT JOIN users u ON u.id = m.user_id";

    fn time(at: DateTime<Utc>) -> String {
        micros(at).to_string()
    }

    fn has_role(role: DiscordId) -> String {
        format!("instr(m.roles, '\"{role}\"') > 0")
    }

    fn along(search: &Search, arguments: &mut Vec<String>) -> Option<Vec<String>> {
        // LIKE takes only ASCII letters for the same in either case, the index those of all alphabets.
        if !search.text().is_ascii() {
            return None;
        }
        let mut fits = vec![like_names(search, arguments), has_account(search, arguments)];
        fits.extend(has_id(search, "m.discord_id"));
        Some(vec![format!("FROM guild_members m {} WHERE ({})", Self::ACCOUNT, fits.join(" OR "))])
    }

    fn by_index(filter: &MemberFilter, arguments: &mut Vec<String>) -> Vec<String> {
        let Some(search) = &filter.search else { return sources_of_role(filter.role) };
        let mut sources = by_name(search, arguments).to_vec();
        sources.extend(has_id(search, "m.discord_id").map(|ids| format!("FROM guild_members m WHERE {ids}")));
        sources
    }

    fn by_id(search: &Search, arguments: &mut Vec<String>) -> Option<Vec<(String, &'static str)>> {
        let names = by_name(search, arguments).into_iter().zip(["i.rowid", "m.discord_id"]);
        let ids = has_id(search, "m.discord_id").map(|ids| (format!("FROM guild_members m WHERE {ids}"), "+m.discord_id"));
        // The plus has the ranges looked up; without it all members would be gone through in that order.
        Some(names.chain(ids).collect())
    }

    fn count(search: &Search, arguments: &mut Vec<String>) -> Option<String> {
        // Who is found by the id may be found by a name, too.
        let names = search.ids().is_empty().then(|| by_name(search, arguments))?;
        let each = names.into_iter().map(|source| format!("(SELECT count(*) {})", source.replace(BY_ROWID, "")));
        Some(format!("SELECT {}", each.collect::<Vec<_>>().join(" + ")))
    }

    async fn place(&self, statement: &Statement) -> Result<Option<MemberPlace>, StoreError> {
        let row = query(statement).fetch_optional(&self.read).await?;
        row.map(|row| columns::place(&row)).transpose()
    }

    async fn members_of(&self, statement: &Statement) -> Result<(Vec<MemberRow>, Option<i64>), StoreError> {
        let rows = query(statement).fetch_all(&self.read).await?;
        let total = rows.first().and_then(|row| row.try_get("total").ok());
        Ok((rows.iter().map(columns::member).collect::<Result<_, _>>()?, total))
    }
}

/// The rows that the indexes of names and roles do not know yet.
const UNINDEXED: &str = "FROM unindexed_members w CROSS JOIN guild_members m ON m.discord_id = w.discord_id";

fn sources_of_role(role: Option<DiscordId>) -> Vec<String> {
    let Some(role) = role else { return vec!["FROM guild_members m WHERE true".into()] };
    // What the index says may be out of date; the row is asked in any case.
    let indexed = format!(
        "FROM member_roles i CROSS JOIN guild_members m ON m.discord_id = i.rowid WHERE i.member_roles MATCH '\"{role}\"'"
    );
    vec![indexed, format!("{UNINDEXED} WHERE true")]
}

/// The member of an entry of the index.
const BY_ROWID: &str = "CROSS JOIN guild_members m ON m.discord_id = i.rowid";

/// By the index of names, and, of those whom it does not know, by the names themselves.
fn by_name(search: &Search, arguments: &mut Vec<String>) -> [String; 2] {
    let phrase = argument(arguments, phrase(search));
    let names = like_names(search, arguments);
    let account = has_account(search, arguments);
    let indexed = format!(
        "FROM member_names i {BY_ROWID}
         WHERE i.names MATCH {phrase} AND i.rowid NOT IN (SELECT discord_id FROM unindexed_members)"
    );
    [indexed, format!("{UNINDEXED} LEFT JOIN users u ON u.id = m.user_id WHERE ({names} OR {account})")]
}

fn like_names(search: &Search, arguments: &mut Vec<String>) -> String {
    let pattern = argument(arguments, search.in_lines());
    format!("m.names LIKE {pattern} ESCAPE '\\'")
}

/// As a phrase of the index: letters that follow one another, from the start of a line if there are only two.
fn phrase(search: &Search) -> String {
    let start = if search.is_short() { "\n" } else { "" };
    format!("\"{start}{}\"", search.text().replace('"', "\"\""))
}

fn query(statement: &Statement) -> Query<'_, Driver, SqliteArguments> {
    // Its text has the filter in it, so keeping it prepared would not pay.
    let query = sqlx::query(AssertSqlSafe(statement.sql.as_str())).persistent(false);
    statement.arguments.iter().fold(query, Query::bind)
}

impl Sqlite {
    pub(in crate::store) async fn find_members(&self, view: &MemberView) -> Result<MembersFound, StoreError> {
        find(self, view).await
    }

    pub(in crate::store) async fn find_absent(&self, view: &AbsentView) -> Result<Vec<Account>, StoreError> {
        query(&absent(view)).fetch_all(&self.read).await?.iter().map(columns::account).collect()
    }

    pub(in crate::store) async fn count_kinds(&self) -> Result<MemberTally, StoreError> {
        columns::tally(&sqlx::query(TALLY).fetch_one(&self.read).await?)
    }
}
