//! What the two databases say differently of the lists of members, and of what their statements are made.
//!
//! Enters: a search or a filter. Leaves: conditions and sources of rows in SQL. Times, ids and numbers stand in it as they are, so that the
//! planner knows them; what a person wrote is never in the text, but an argument.

use chrono::{DateTime, Utc};

use super::StoreError;
use super::member_lists::{MemberFilter, MemberPlace, MemberView, Windows};
use super::search::{Search, Word};
use crate::domain::MemberRow;

/// What the databases say differently, and how they are asked. A source of rows `m` is a `FROM` with the first of its conditions; each
/// has the id, the times, and what filters ask for.
pub(super) trait Dialect: Sync {
    /// A time that is none.
    const NO_TIME: &str;

    /// The table whose indexes have the order of what is searched.
    const SEARCHED: &str;

    /// Whether rows that are taken in an order, up to so many, are looked at one by one, and no more of them than fill the page.
    const STREAMS: bool;

    /// Members who are read, one by one, sooner than it takes to look whether they stand close together.
    const FEW: i64;

    /// Joins the account `u` to the row `m`, row by row: the rows are few, and all accounts are many.
    const ACCOUNT: &str;

    /// A time as a literal.
    fn time(at: DateTime<Utc>) -> String;

    /// How far the order is gone along.
    fn windows(view: &MemberView) -> Windows;

    /// Whether the member of the row `m` has a role, asked of the row and not of an index. `is_searched`: the row is one of [`Self::SEARCHED`].
    fn has_role(role: &str, is_searched: bool, arguments: &mut Vec<String>) -> String;

    /// The sources of what fits a search, read along the order of the list: by a column, or else by the ids. `rows` is [`Self::SEARCHED`]
    /// or, where the database streams, the first rows of it.
    fn along(search: &Search, by: Option<&str>, index: Index, rows: &str, arguments: &mut Vec<String>) -> Vec<Along>;

    /// The sources of what may fit, by the indexes of the search or the role.
    fn by_index(filter: &MemberFilter, index: Index, arguments: &mut Vec<String>) -> Vec<String>;

    /// The sources of what fits the search, or else has the role, that have the order of ids by themselves, each with its id. `None` if an index has
    /// no order.
    fn by_id(_filter: &MemberFilter, _arguments: &mut Vec<String>) -> Option<Vec<Along>> {
        None
    }

    /// Asks for the ids of the accounts whose names may fit a search, by the index of those names.
    fn accounts(search: &Search, arguments: &mut Vec<String>) -> Vec<String>;

    /// Whether the row `m` with its account `u` fits a search, as a further condition.
    fn fits(search: &Search, arguments: &mut Vec<String>) -> String;

    /// Counts what [`Self::by_id`] finds, if that is cheap.
    fn count(_filter: &MemberFilter, _arguments: &mut Vec<String>) -> Option<String> {
        None
    }

    /// Whether no more than [`Self::FEW`] fit a search, if the index of names says so in no time.
    fn is_of_few(&self, search: &Search) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Whether what is searched is up to date.
    fn index(&self) -> impl Future<Output = Result<Index, StoreError>> + Send;

    /// The place that a statement of [`Part::window`] answers.
    fn place(&self, statement: &Statement) -> impl Future<Output = Result<Option<MemberPlace>, StoreError>> + Send;

    /// Members, and how many there are in all if the statement says so.
    fn members_of(&self, statement: &Statement)
    -> impl Future<Output = Result<(Vec<MemberRow>, Option<i64>), StoreError>> + Send;
}

/// What is searched is kept beside the members, and follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    /// Nobody waits to be taken up, so nobody needs to be looked for elsewhere. Who changes from here on is found as they were.
    Current,
    /// Some members may wait.
    Behind,
}

/// A source of rows `m` that is read in an order.
pub(super) struct Along {
    /// A `FROM` with the first of its conditions.
    pub source: String,
    /// The row whose index has the order: `m`, or another one of the same member.
    pub row: &'static str,
    /// How its id is to be written, so that it is that index which is read.
    pub id: &'static str,
}

/// A statement, and the texts that its `$1`, `$2` … stand for.
#[derive(Debug)]
pub(super) struct Statement {
    pub sql: String,
    pub arguments: Vec<String>,
    /// Its text is that of many views, so that keeping it prepared pays.
    pub is_shared: bool,
}

/// Adds an argument; answers what stands for it.
pub(super) fn argument(arguments: &mut Vec<String>, text: String) -> String {
    arguments.push(text);
    format!("${}", arguments.len())
}

/// Whether the name of an account fits a word; `key` is that name in small letters.
pub(super) fn has_account(word: &Word, key: &str, arguments: &mut Vec<String>) -> String {
    let pattern = argument(arguments, word.in_account());
    // What is put together is no column, and an index that could not tell is left alone.
    let key = if word.is_indexed() { key.to_owned() } else { format!("({key} || '')") };
    format!("{key} LIKE {pattern} ESCAPE '\\'")
}

/// Whether the id of a row begins with a word; `None` if it is no number.
pub(super) fn has_id(word: &Word, column: &str) -> Option<String> {
    let ranges = word.ids();
    let each = ranges.iter().map(|(from, to)| format!("{column} BETWEEN {from} AND {to}"));
    (!ranges.is_empty()).then(|| format!("({})", each.collect::<Vec<_>>().join(" OR ")))
}

/// Whether a row fits a word by what is said of its names, or by its id.
pub(super) fn or_id(names: String, word: &Word, column: &str) -> String {
    match has_id(word, column) {
        None => names,
        Some(ids) => format!("({names} OR {ids})"),
    }
}

pub(super) fn all(conditions: &[String]) -> String {
    if conditions.is_empty() { String::new() } else { format!("\n WHERE {}", conditions.join(" AND ")) }
}

pub(super) fn and(conditions: &[String]) -> String {
    conditions.iter().flat_map(|condition| ["\n AND ", condition]).collect()
}
