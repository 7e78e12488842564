//! A list along its order: the parts within which one index has it, each looked through a window at a time.
//!
//! Enters: a view. Leaves: the statements of a window.

use super::StoreError;
use super::member_dialect::{Along, Dialect, Index, Statement, all, and};
use super::member_lists::{MemberFilter, MemberPlace, MemberView, SortBy};
use super::member_statements::{KEYS, is_shared, of_page, of_row, within};

/// A part of a list within which one index has the order: those with the time that it is sorted by, then those without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The column of the time; `None` where the order is that of ids.
    time: Option<&'static str>,
    conditions: Vec<String>,
    order: &'static str,
    is_descending: bool,
    pub after: Option<MemberPlace>,
}

pub(super) fn time_column(by: SortBy) -> Option<&'static str> {
    match by {
        SortBy::Id => None,
        SortBy::Joined => Some("m.joined_at"),
        SortBy::Left => Some("m.date_left"),
    }
}

/// The parts of a list that a page may touch, from where it begins.
pub(super) fn parts<D: Dialect>(view: &MemberView) -> Vec<Part> {
    let is_descending = view.order.is_descending;
    let Some(column) = time_column(view.order.by) else {
        let order = if is_descending { "m.discord_id DESC" } else { "m.discord_id" };
        return vec![Part { time: None, conditions: Vec::new(), order, is_descending, after: view.after }];
    };
    let filter = &view.filter;
    let (span, with, without) = match view.order.by {
        SortBy::Left => (filter.left, filter.is_present != Some(true), filter.is_present != Some(false)),
        SortBy::Joined | SortBy::Id => (filter.joined, true, true),
    };
    let order = match (view.order.by, is_descending) {
        (SortBy::Left, false) => "m.date_left, m.discord_id",
        (SortBy::Left, true) => "m.date_left DESC, m.discord_id DESC",
        (_, false) => "m.joined_at, m.discord_id",
        (_, true) => "m.joined_at DESC, m.discord_id DESC",
    };
    let mut parts = Vec::new();
    if with && view.after.is_none_or(|after| after.at.is_some()) {
        let mut conditions = vec![format!("{column} IS NOT NULL")];
        conditions.extend(within::<D>(column, span));
        parts.push(Part { time: Some(column), conditions, order, is_descending, after: view.after });
    }
    if without && span.is_open() {
        let order = if is_descending { "m.discord_id DESC" } else { "m.discord_id" };
        let after = view.after.filter(|after| after.at.is_none());
        parts.push(Part { time: None, conditions: vec![format!("{column} IS NULL")], order, is_descending, after });
    }
    parts
}

impl Part {
    /// The place as the condition that a row comes after it, or up to it.
    fn beside<D: Dialect>(&self, place: MemberPlace, comparison: [&str; 2]) -> String {
        let comparison = comparison[usize::from(self.is_descending)];
        match (self.time, place.at) {
            (Some(column), Some(at)) => {
                format!("({column}, m.discord_id) {comparison} ({}, {})", D::time(at), place.id)
            }
            _ => format!("m.discord_id {comparison} {}", place.id),
        }
    }

    fn conditions<D: Dialect>(&self) -> Vec<String> {
        let after = self.after.map(|place| self.beside::<D>(place, [">", "<"]));
        self.conditions.iter().cloned().chain(after).collect()
    }

    /// Where a window of so many rows ends; `None` if the part ends before.
    pub async fn end<D: Dialect>(
        &self,
        database: &D,
        filter: &MemberFilter,
        size: i64,
    ) -> Result<Option<MemberPlace>, StoreError> {
        let Some(statement) = self.window::<D>(filter, size) else { return Ok(None) };
        // Where the order is that of ids, without a time.
        let place = |found: MemberPlace| MemberPlace { at: found.at.filter(|_| self.time.is_some()), ..found };
        Ok(database.place(&statement).await?.map(place))
    }

    /// Asks for the last row of a window of so many rows: `at` and `discord_id`. `None` if what is searched for has the order by itself, so that
    /// nothing is looked through in vain.
    fn window<D: Dialect>(&self, filter: &MemberFilter, size: i64) -> Option<Statement> {
        if self.time.is_none() && filter.search.is_some() && D::by_id(filter, &mut Vec::new()).is_some() {
            return None;
        }
        let (time, table, order) = (self.time.unwrap_or(D::NO_TIME), table::<D>(filter), self.order);
        let conditions = all(&self.conditions::<D>());
        let sql =
            format!("SELECT {time} AS at, m.discord_id FROM {table} m{conditions} ORDER BY {order} LIMIT 1 OFFSET {}", size - 1);
        Some(Statement { sql, arguments: Vec::new(), is_shared: is_shared(filter, self.after) })
    }

    /// Asks for the rows that fit: among the first of so many, if that is said, and up to an end, if there is one.
    pub fn rows<D: Dialect>(
        &self,
        filter: &MemberFilter,
        index: Index,
        among: Option<i64>,
        up_to: Option<MemberPlace>,
        limit: i64,
    ) -> Statement {
        let mut arguments = Vec::new();
        let (order, mut conditions) = (self.order, self.conditions::<D>());
        conditions.extend(up_to.map(|place| self.beside::<D>(place, ["<=", ">="])));
        let mut rows = table::<D>(filter).to_owned();
        if let Some(size) = among {
            rows = format!("(SELECT * FROM {rows} m{} ORDER BY {order} LIMIT {size})", all(&conditions));
            conditions.clear();
        }
        let sources = match &filter.search {
            Some(search) => D::along(search, self.time, index, &rows, &mut arguments),
            None => vec![Along { source: format!("FROM {rows} m WHERE true"), row: "m", id: "m.discord_id" }],
        };
        let (conditions, of_row) = (and(&conditions), and(&of_row::<D>(filter, &mut arguments)));
        let source = |Along { source, row, id }| {
            // Nothing but times and ids is asked of the row that has the order.
            let of = |text: &str| text.replace("m.discord_id", id).replace("m.", &format!("{row}."));
            let (conditions, order) = (of(&conditions), of(order));
            format!("SELECT * FROM ({KEYS} {source}{conditions}{of_row} ORDER BY {order} LIMIT {limit}) part")
        };
        let sources: Vec<String> = sources.into_iter().map(source).collect();
        let page = format!("WITH page AS (\n{}\n)", sources.join("\n UNION\n "));
        let is_shared = is_shared(filter, self.after) && up_to.is_none();
        Statement { sql: of_page::<D>(&page, "", order, limit), arguments, is_shared }
    }
}

/// The table that is read along the order.
fn table<D: Dialect>(filter: &MemberFilter) -> &'static str {
    if filter.search.is_some() { D::SEARCHED } else { "guild_members" }
}
