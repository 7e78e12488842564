//! The lists of members.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row as _, Sqlite as Driver};

use super::{Sqlite, micros};
use crate::domain::{Account, MemberRow};
use crate::store::absent_statements::{absent, accounts_fit};
use crate::store::columns;
use crate::store::member_dialect::{Along, Dialect, Index, Statement, all, and, argument, has_account, has_id, or_id};
use crate::store::member_lists::Windows;
use crate::store::member_statements::{TALLY, count, find};
use crate::store::role_counts::{COUNT_SLICE, RoleCount, RoleCounts, SLICE};
use crate::store::search::{Search, Word};
use crate::store::{AbsentView, MemberFilter, MemberPlace, MemberTally, MemberView, MembersFound, StoreError};

impl Dialect for Sqlite {
    const NO_TIME: &str = "NULL";
    const SEARCHED: &str = "guild_members";
    // It would sort them first.
    const STREAMS: bool = false;
    const FEW: i64 = 6_000;
    const ACCOUNT: &str = "LEFT JOIN users u ON u.id = m.user_id";

    fn time(at: DateTime<Utc>) -> String {
        micros(at).to_string()
    }

    fn windows(view: &MemberView) -> Windows {
        let filter = &view.filter;
        if filter.search.is_none() {
            return Windows::OF_ROWS;
        }
        // An index is gone through, and of the rows only those that fit the search. Where they must fit something else, too, the others would
        // be read in vain by the index of names.
        let is_searched_alone = *filter == MemberFilter { search: filter.search.clone(), ..MemberFilter::default() };
        let promising = if is_searched_alone { 3 } else { 1 };
        Windows { first: 20_000, next: 50_000, enough: 120_000, promising }
    }

    fn has_role(role: &str, _is_searched: bool, arguments: &mut Vec<String>) -> String {
        if is_digits(role) {
            return format!("instr(m.roles, '\"{role}\"') > 0");
        }
        // What stands between two roles of a list may be what a third one is called.
        format!("EXISTS (SELECT 1 FROM json_each(m.roles) r WHERE r.value = {})", argument(arguments, role.to_owned()))
    }

    fn along(search: &Search, by: Option<&str>, _index: Index, _rows: &str, arguments: &mut Vec<String>) -> Vec<Along> {
        // The index of the order is gone through alone, and a row is read only of whom the index of names knows.
        let Some(index) = by.map(index_of) else {
            return found_by_id(search, BY_ROWID, arguments);
        };
        let leading = search.leading();
        let mut found = vec![format!(
            "SELECT i.rowid FROM member_names i
             WHERE i.names MATCH {} AND i.rowid NOT IN (SELECT discord_id FROM unindexed_members)",
            argument(arguments, phrases(&leading))
        )];
        found.extend(by_number(search, arguments).into_iter().map(|source| format!("SELECT m.discord_id {source}")));
        let beside = fit(&search.beside(&leading), arguments);
        let every: Vec<&Word> = search.words().iter().collect();
        let unindexed = ("SELECT discord_id FROM unindexed_members".to_owned(), fit(&every, arguments));
        let sources = [(found.join("\n UNION ALL "), beside), unindexed];
        let along = |(found, words): (String, String)| {
            let account = if words.is_empty() { "" } else { Self::ACCOUNT };
            let source = format!(
                "FROM guild_members o INDEXED BY {index} CROSS JOIN guild_members m ON m.discord_id = o.discord_id {account}
                 WHERE +o.discord_id IN ({found}){words}"
            );
            Along { source, row: "o", id: "o.discord_id" }
        };
        sources.map(along).into()
    }

    fn by_index(filter: &MemberFilter, _index: Index, arguments: &mut Vec<String>) -> Vec<String> {
        let Some(search) = &filter.search else { return sources_of_role(filter) };
        by_name(search, member_of(filter), arguments).into_iter().chain(by_number(search, arguments)).collect()
    }

    fn by_id(filter: &MemberFilter, arguments: &mut Vec<String>) -> Option<Vec<Along>> {
        let member = member_of(filter);
        if let Some(search) = &filter.search {
            return Some(found_by_id(search, member, arguments));
        }
        let sources = of_role(filter.role.as_deref()?, member, arguments).into_iter().zip(["i.rowid", "m.discord_id"]);
        Some(sources.map(|(source, id)| Along { source, row: "m", id }).collect())
    }

    fn accounts(search: &Search, arguments: &mut Vec<String>) -> Vec<String> {
        let leading = search.leading();
        let phrases = argument(arguments, phrases(&leading));
        let beside = accounts_fit(&search.beside(&leading), arguments);
        let account = if beside.is_empty() { "" } else { "CROSS JOIN users n ON n.id = i.rowid" };
        let every: Vec<&Word> = search.words().iter().collect();
        vec![
            format!(
                "SELECT i.rowid AS id FROM account_names i {account}
                 WHERE i.name MATCH {phrases} AND i.rowid NOT IN (SELECT id FROM unindexed_accounts)
                     AND {UNLINKED}{}",
                and(&beside)
            ),
            format!(
                "SELECT n.id FROM unindexed_accounts w CROSS JOIN users n ON n.id = w.id{}",
                all(&accounts_fit(&every, arguments))
            ),
        ]
    }

    fn fits(search: &Search, arguments: &mut Vec<String>) -> String {
        fit(&search.words().iter().collect::<Vec<_>>(), arguments)
    }

    fn count(filter: &MemberFilter, arguments: &mut Vec<String>) -> Option<String> {
        let sources = if let Some(search) = &filter.search {
            // Who is found by the id may be found by a name, too.
            let is_by_name = search.numbers().is_empty() && search.beside(&search.leading()).is_empty();
            is_by_name.then(|| by_name(search, BY_ROWID, arguments))?
        } else {
            of_role(filter.role.as_deref()?, BY_ROWID, arguments)
        };
        let each = sources.into_iter().map(|source| format!("(SELECT count(*) {})", source.replace(BY_ROWID, "")));
        Some(format!("SELECT {}", each.collect::<Vec<_>>().join(" + ")))
    }

    async fn is_of_few(&self, search: &Search) -> Result<bool, StoreError> {
        if !search.numbers().is_empty() {
            return Ok(false);
        }
        let mut arguments = Vec::new();
        let found =
            format!("FROM member_names WHERE member_names MATCH {}", argument(&mut arguments, phrases(&search.leading())));
        // Whom the index does not know yet would all be read, too.
        let few = |from: &str| format!("(SELECT count(*) FROM (SELECT 1 {from} LIMIT {})) <= {}", Self::FEW + 1, Self::FEW);
        let sql = format!("SELECT {} AND {}", few("FROM unindexed_members"), few(&found));
        let statement = Statement { sql, arguments, is_shared: true };
        Ok(query(&statement).fetch_one(&self.read).await?.try_get(0)?)
    }

    async fn index(&self) -> Result<Index, StoreError> {
        // Whom it does not know is looked for at no cost.
        Ok(Index::Behind)
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

/// Whether no member is linked to the account of an entry of the index; a small index knows.
const UNLINKED: &str = "NOT EXISTS (SELECT 1 FROM guild_members l WHERE l.user_id = i.rowid LIMIT 1 OFFSET 0)";

/// The rows that the indexes of names and roles do not know yet.
const UNINDEXED: &str = "FROM unindexed_members w CROSS JOIN guild_members m ON m.discord_id = w.discord_id";

fn sources_of_role(filter: &MemberFilter) -> Vec<String> {
    let Some(role) = &filter.role else { return vec!["FROM guild_members m WHERE true".into()] };
    // What the index says may be out of date; the row is asked in any case.
    let indexed = format!("FROM member_roles i {} WHERE i.member_roles MATCH '\"{}\"'", member_of(filter), token(role));
    vec![indexed, format!("{UNINDEXED} WHERE true")]
}

fn is_digits(role: &str) -> bool {
    role.bytes().all(|byte| byte.is_ascii_digit())
}

/// A role as the index of roles has it: in one piece, whatever is in it.
fn token(role: &str) -> String {
    if is_digits(role) { role.to_owned() } else { format!("x{}", hex(role.as_bytes())) }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The index of an order.
fn index_of(column: &str) -> &'static str {
    if column == "m.date_left" { "guild_members_left" } else { "guild_members_joined" }
}

/// The member of an entry of the index.
const BY_ROWID: &str = "CROSS JOIN guild_members m ON m.discord_id = i.rowid";

/// The same of those who have left, by the small index of them: the rows of the others, and for the most part theirs, need not be read.
const BY_ROWID_OF_GONE: &str = "CROSS JOIN guild_members m INDEXED BY guild_members_gone ON m.discord_id = i.rowid";

/// The member of an entry, as a filter asks for it.
fn member_of(filter: &MemberFilter) -> &'static str {
    if filter.is_present == Some(false) { BY_ROWID_OF_GONE } else { BY_ROWID }
}

/// Those who have a role: by the index of roles, and, of those whom it does not know, by the roles themselves.
fn of_role(role: &str, member: &str, arguments: &mut Vec<String>) -> [String; 2] {
    let indexed = format!(
        "FROM member_roles i {member}
         WHERE i.member_roles MATCH '\"{}\"' AND i.rowid NOT IN (SELECT discord_id FROM unindexed_members)",
        token(role)
    );
    [indexed, format!("{UNINDEXED} WHERE {}", Sqlite::has_role(role, false, arguments))]
}

/// In the order of ids, by the index of names and by the ids.
fn found_by_id(search: &Search, member: &str, arguments: &mut Vec<String>) -> Vec<Along> {
    let names = by_name(search, member, arguments).into_iter().zip(["i.rowid", "m.discord_id"]);
    // The plus has the ranges looked up; without it all members would be gone through in that order.
    let numbers = by_number(search, arguments).into_iter().map(|source| (source, "+m.discord_id"));
    names.chain(numbers).map(|(source, id)| Along { source, row: "m", id }).collect()
}

/// By the index of names, and, of those whom it does not know, by the names themselves.
fn by_name(search: &Search, member: &str, arguments: &mut Vec<String>) -> [String; 2] {
    let leading = search.leading();
    let phrases = argument(arguments, phrases(&leading));
    let beside = fit(&search.beside(&leading), arguments);
    let account = if beside.is_empty() { "" } else { Sqlite::ACCOUNT };
    let indexed = format!(
        "FROM member_names i {member} {account}
         WHERE i.names MATCH {phrases} AND i.rowid NOT IN (SELECT discord_id FROM unindexed_members){beside}"
    );
    let every: Vec<&Word> = search.words().iter().collect();
    [indexed, format!("{UNINDEXED} {} WHERE true{}", Sqlite::ACCOUNT, fit(&every, arguments))]
}

/// By the ids that begin with a word.
fn by_number(search: &Search, arguments: &mut Vec<String>) -> Vec<String> {
    let source = |word: &Word| {
        let ids: Vec<String> = has_id(word, "m.discord_id").into_iter().collect();
        let others = fit(&search.beside(&[word]), arguments);
        let account = if others.is_empty() { "" } else { Sqlite::ACCOUNT };
        format!("FROM guild_members m {account} WHERE true{}{others}", and(&ids))
    };
    search.numbers().into_iter().map(source).collect()
}

/// Whether the row `m` with the account `u` fits each of these words, by a name or the id.
fn fit(words: &[&Word], arguments: &mut Vec<String>) -> String {
    let fits = |word: &&Word| {
        let mut ways = vec![has_account(word, "u.username_key", arguments)];
        for pattern in word.in_lines_of_either_case() {
            ways.push(format!("m.names LIKE {} ESCAPE '\\'", argument(arguments, pattern)));
        }
        or_id(format!("({})", ways.join(" OR ")), word, "m.discord_id")
    };
    and(&words.iter().map(fits).collect::<Vec<_>>())
}

/// As phrases of the index that must all be there: letters that follow one another, some from the start of a line.
fn phrases(words: &[&Word]) -> String {
    let phrase = |word: &&Word| {
        let start = if word.begins() { "\n" } else { "" };
        format!("\"{start}{}\"", word.text().replace('"', "\"\""))
    };
    words.iter().map(phrase).collect::<Vec<_>>().join(" AND ")
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

    pub(in crate::store) async fn count_listed(&self, filter: &MemberFilter) -> Result<i64, StoreError> {
        Ok(query(&count::<Self>(filter)).fetch_one(&self.read).await?.try_get(0)?)
    }

    pub(in crate::store) async fn find_absent(&self, view: &AbsentView) -> Result<Vec<Account>, StoreError> {
        query(&absent::<Self>(view)).fetch_all(&self.read).await?.iter().map(columns::account).collect()
    }

    pub(in crate::store) async fn most_roles(&self, limit: usize) -> Result<Vec<RoleCount>, StoreError> {
        let (mut counts, mut after) = (RoleCounts::default(), 0);
        loop {
            let rows = sqlx::query(COUNT_SLICE).bind(after).bind(SLICE).fetch_all(&self.read).await?;
            match counts.add(&rows)? {
                Some(last) => after = last,
                None => return Ok(counts.most(limit)),
            }
        }
    }

    pub(in crate::store) async fn count_kinds(&self) -> Result<MemberTally, StoreError> {
        columns::tally(&sqlx::query(TALLY).fetch_one(&self.read).await?)
    }
}
