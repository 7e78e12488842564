//! The lists of members.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres as Driver, Row as _};

use super::Postgres;
use super::unindexed_members::NAMES;
use crate::domain::{Account, MemberRow};
use crate::store::absent_statements::{absent, accounts_fit};
use crate::store::columns;
use crate::store::member_dialect::{Along, Dialect, Index, Statement, all, and, argument, has_account, has_id, or_id};
use crate::store::member_lists::Windows;
use crate::store::member_statements::{TALLY, count, find};
use crate::store::role_counts::{COUNT_SLICE, RoleCount, RoleCounts, SLICE};
use crate::store::search::{Search, Word};
use crate::store::{AbsentView, MemberFilter, MemberPlace, MemberTally, MemberView, MembersFound, SortBy, StoreError};

impl Dialect for Postgres {
    const NO_TIME: &str = "NULL::timestamptz";
    const SEARCHED: &str = "member_search";
    const STREAMS: bool = true;
    const FEW: i64 = 4_000;
    const ACCOUNT: &str = "LEFT JOIN LATERAL (SELECT * FROM users WHERE id = m.user_id OFFSET 0) u ON true";

    fn windows(view: &MemberView) -> Windows {
        if view.filter.search.is_some() && view.order.by == SortBy::Id {
            // Nothing is read behind the row that fills the page.
            return Windows { first: 4_000, next: 18_000, enough: 40_000, promising: 3 };
        }
        Windows::OF_ROWS
    }

    fn time(at: DateTime<Utc>) -> String {
        // Its own way of writing times has no year 0.
        let (seconds, micros) = (at.timestamp(), at.timestamp_subsec_micros());
        format!("(timestamptz 'epoch' + interval '{seconds} seconds {micros} microseconds')")
    }

    fn has_role(role: &str, is_searched: bool, arguments: &mut Vec<String>) -> String {
        // No operator of the index.
        let role = argument(arguments, role.to_owned());
        if !is_searched {
            return format!("jsonb_exists(m.roles, {role})");
        }
        format!("(SELECT jsonb_exists(r.roles, {role}) FROM guild_members r WHERE r.discord_id = m.discord_id)")
    }

    fn along(search: &Search, _by: Option<&str>, index: Index, rows: &str, arguments: &mut Vec<String>) -> Vec<Along> {
        let words = Sought::of(search.words(), arguments);
        let sources = searched(index, rows, &fit(&words, "m.names"), &words);
        sources.into_iter().map(|source| Along { source, row: "m", id: "m.discord_id" }).collect()
    }

    fn by_index(filter: &MemberFilter, index: Index, arguments: &mut Vec<String>) -> Vec<String> {
        let Some(search) = &filter.search else { return sources_of_role(filter.role.as_deref(), arguments) };
        let words = Sought::of(search.words(), arguments);
        let leading = search.leading();
        let (by_name, beside): (Vec<Sought>, Vec<Sought>) = words.iter().partition(|sought| leading.contains(&sought.word));
        let named: Vec<String> = by_name.iter().map(|sought| sought.in_names("m.names")).collect();
        let mut sources = searched(index, Self::SEARCHED, &format!("{}{}", and(&named), fit(&beside, "m.names")), &words);
        for number in search.numbers() {
            let others: Vec<Sought> = words.iter().copied().filter(|sought| sought.word != number).collect();
            let ids: Vec<String> = has_id(number, "m.discord_id").into_iter().collect();
            let account = if others.is_empty() { "" } else { WITH_ACCOUNT };
            sources.push(format!("FROM guild_members m {account} WHERE true{}{}", and(&ids), fit(&others, NAMES)));
        }
        sources
    }

    fn accounts(search: &Search, arguments: &mut Vec<String>) -> Vec<String> {
        let leading = search.leading();
        let mut named: Vec<String> = leading.iter().map(|word| has_account(word, "n.username_key", arguments)).collect();
        named.extend(accounts_fit(&search.beside(&leading), arguments));
        vec![format!("SELECT n.id FROM users n{}", all(&named))]
    }

    fn fits(search: &Search, arguments: &mut Vec<String>) -> String {
        fit(&Sought::of(search.words(), arguments), NAMES)
    }

    async fn is_of_few(&self, _search: &Search) -> Result<bool, StoreError> {
        // It reads the rows to say.
        Ok(false)
    }

    async fn index(&self) -> Result<Index, StoreError> {
        let waits = sqlx::query_scalar("SELECT EXISTS (SELECT FROM unindexed_members)").fetch_one(&self.pool).await?;
        Ok(if waits { Index::Behind } else { Index::Current })
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

/// The account of a row.
const WITH_ACCOUNT: &str = "LEFT JOIN users u ON u.id = m.user_id";

/// The rows that are not, with the account.
const UNINDEXED: &str = "(SELECT DISTINCT unnest(discord_ids) AS discord_id FROM unindexed_members) w
    JOIN guild_members m ON m.discord_id = w.discord_id LEFT JOIN users u ON u.id = m.user_id";

/// By what is searched, and whom it has not as they are by the names themselves.
fn searched(index: Index, rows: &str, names: &str, words: &[Sought]) -> Vec<String> {
    match index {
        Index::Current => vec![format!("FROM {rows} m WHERE true{names}")],
        Index::Behind => {
            vec![format!("FROM {rows} m WHERE {INDEXED}{names}"), format!("FROM {UNINDEXED} WHERE true{}", fit(words, NAMES))]
        }
    }
}

/// A word of a search, and what stands for its pattern.
#[derive(Debug, Clone, Copy)]
struct Sought<'a> {
    word: &'a Word,
    pattern: usize,
}

impl<'a> Sought<'a> {
    fn of(words: &'a [Word], arguments: &mut Vec<String>) -> Vec<Self> {
        let sought = |word: &'a Word| {
            arguments.push(word.in_lines());
            Self { word, pattern: arguments.len() }
        };
        words.iter().map(sought).collect()
    }

    /// Whether it stands in the names of a row.
    fn in_names(self, names: &str) -> String {
        // What is put together is no column, and an index that could not tell is left alone.
        let names = if self.word.is_indexed() { names.to_owned() } else { format!("({names} || '')") };
        // Made small once, and not for each row.
        format!("{names} LIKE (SELECT lower(${}))", self.pattern)
    }
}

/// Whether each of these words stands in the names of the row `m` or begins its id.
fn fit(words: &[Sought], names: &str) -> String {
    let each = words.iter().map(|sought| or_id(sought.in_names(names), sought.word, "m.discord_id"));
    and(&each.collect::<Vec<_>>())
}

/// The rows that may have a role, by the index of roles.
fn sources_of_role(role: Option<&str>, arguments: &mut Vec<String>) -> Vec<String> {
    let role = role.map_or_else(
        || "true".into(),
        |role| format!("m.roles @> (SELECT jsonb_build_array({}))", argument(arguments, role.to_owned())),
    );
    vec![format!("FROM guild_members m WHERE {role}")]
}

fn query(statement: &Statement) -> Query<'_, Driver, PgArguments> {
    let query = sqlx::query(AssertSqlSafe(statement.sql.as_str())).persistent(statement.is_shared);
    statement.arguments.iter().fold(query, Query::bind)
}

impl Postgres {
    pub(in crate::store) async fn find_members(&self, view: &MemberView) -> Result<MembersFound, StoreError> {
        find(self, view).await
    }

    pub(in crate::store) async fn count_listed(&self, filter: &MemberFilter) -> Result<i64, StoreError> {
        Ok(query(&count::<Self>(filter)).fetch_one(&self.pool).await?.try_get(0)?)
    }

    pub(in crate::store) async fn find_absent(&self, view: &AbsentView) -> Result<Vec<Account>, StoreError> {
        query(&absent::<Self>(view)).fetch_all(&self.pool).await?.iter().map(columns::account).collect()
    }

    pub(in crate::store) async fn most_roles(&self, limit: usize) -> Result<Vec<RoleCount>, StoreError> {
        let (mut counts, mut after) = (RoleCounts::default(), 0);
        loop {
            let rows = sqlx::query(COUNT_SLICE).bind(after).bind(SLICE).fetch_all(&self.pool).await?;
            match counts.add(&rows)? {
                Some(last) => after = last,
                None => return Ok(counts.most(limit)),
            }
        }
    }

    pub(in crate::store) async fn count_kinds(&self) -> Result<MemberTally, StoreError> {
        let mut tx = self.pool.begin().await?;
        // One processor is enough; the others belong to those who wait for a page.
        sqlx::query("SET LOCAL max_parallel_workers_per_gather = 0").execute(&mut *tx).await?;
        let tally = columns::tally(&sqlx::query(TALLY).fetch_one(&mut *tx).await?)?;
        tx.commit().await?;
        Ok(tally)
    }
}
