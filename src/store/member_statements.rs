//! The statements of the lists of members, where the two databases agree; what they differ in is a [`Dialect`].
//!
//! Enters: a view. Leaves: its page.

use super::StoreError;
use super::held_members::{HeldList, Hold};
use super::member_dialect::{Along, Dialect, Statement, all, and};
use super::member_lists::{MemberFilter, MemberPlace, MemberView, MembersFound, SortBy, Span};
use crate::domain::MemberRow;

/// A page of members: along the order, and by the indexes of the filters if that will not fill it soon.
pub(super) async fn find<D: Dialect>(database: &D, view: &MemberView) -> Result<MembersFound, StoreError> {
    if let Some(held) = HeldList::of(view) {
        return match held.find(database).await? {
            Some(found) => Ok(found),
            None => find_by_index(database, view).await,
        };
    }
    if let Some(statement) = by_id::<D>(view) {
        let (rows, total) = database.members_of(&statement).await?;
        return Ok(MembersFound::page(rows, total, view));
    }
    let mut rows = Vec::new();
    // One row more than the page has says whether there is another page.
    let wanted = view.limit + 1;
    let missing = |rows: &[MemberRow]| wanted - i64::try_from(rows.len()).unwrap_or(wanted);
    let windows = D::windows(&view.filter);
    let (mut window, mut seen) = (windows.first, 0);
    for mut part in parts::<D>(view) {
        loop {
            let end = match part.window::<D>(&view.filter, window) {
                Some(statement) => database.place(&statement).await?.map(|place| part.place(place)),
                None => None,
            };
            let statement = part.rows::<D>(&view.filter, end, missing(&rows));
            rows.extend(database.members_of(&statement).await?.0);
            seen += window;
            if missing(&rows) <= 0 {
                return Ok(MembersFound::page(rows, None, view));
            }
            if end.is_none() {
                break;
            }
            if seen > windows.enough || !windows.are_promising(rows.len(), seen) {
                return find_by_index(database, view).await;
            }
            part.after = end;
            window = windows.next;
        }
    }
    Ok(MembersFound::page(rows, None, view))
}

async fn find_by_index<D: Dialect>(database: &D, view: &MemberView) -> Result<MembersFound, StoreError> {
    let statement = by_index::<D>(&MemberView { limit: view.limit + 1, ..view.clone() });
    let (rows, total) = database.members_of(&statement).await?;
    Ok(MembersFound::page(rows, total, view))
}

/// A part of a list within which one index has the order: those with the time that it is sorted by, then those without.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// The column of the time; `None` where the order is that of ids.
    time: Option<&'static str>,
    conditions: Vec<String>,
    order: &'static str,
    is_descending: bool,
    after: Option<MemberPlace>,
}

fn time_column(by: SortBy) -> Option<&'static str> {
    match by {
        SortBy::Id => None,
        SortBy::Joined => Some("m.joined_at"),
        SortBy::Left => Some("m.date_left"),
    }
}

/// The parts of a list that a page may touch, from where it begins.
fn parts<D: Dialect>(view: &MemberView) -> Vec<Part> {
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

    /// Asks for the last row of a window of so many rows: `at` and `discord_id`. `None` if what is searched for has the order by itself, so that
    /// nothing is looked through in vain.
    fn window<D: Dialect>(&self, filter: &MemberFilter, size: i64) -> Option<Statement> {
        if self.time.is_none() && filter.search.as_ref().is_some_and(|search| D::by_id(search, &mut Vec::new()).is_some()) {
            return None;
        }
        let (time, table, order) = (self.time.unwrap_or(D::NO_TIME), table::<D>(filter), self.order);
        let conditions = all(&self.conditions::<D>());
        let sql =
            format!("SELECT {time} AS at, m.discord_id FROM {table} m{conditions} ORDER BY {order} LIMIT 1 OFFSET {}", size - 1);
        Some(Statement { sql, arguments: Vec::new() })
    }

    /// The place that [`Self::window`] answered; where the order is that of ids, without a time.
    fn place(&self, found: MemberPlace) -> MemberPlace {
        MemberPlace { at: found.at.filter(|_| self.time.is_some()), ..found }
    }

    /// Asks for the rows that fit, up to the end of the window.
    fn rows<D: Dialect>(&self, filter: &MemberFilter, up_to: Option<MemberPlace>, limit: i64) -> Statement {
        let mut arguments = Vec::new();
        let sources = match &filter.search {
            Some(search) => D::along(search, self.time, &mut arguments),
            None => vec![Along { source: "FROM guild_members m WHERE true".into(), row: "m", id: "m.discord_id" }],
        };
        let up_to = up_to.map(|place| self.beside::<D>(place, ["<=", ">="]));
        let (conditions, order) = (and(&self.conditions::<D>().into_iter().chain(up_to).collect::<Vec<_>>()), self.order);
        let of_row = and(&of_row::<D>(filter, &mut arguments));
        let source = |Along { source, row, id }| {
            // Nothing but times and ids is asked of the row that has the order.
            let of = |text: &str| text.replace("m.discord_id", id).replace("m.", &format!("{row}."));
            let (conditions, order) = (of(&conditions), of(order));
            format!("SELECT * FROM ({KEYS} {source}{conditions}{of_row} ORDER BY {order} LIMIT {limit}) part")
        };
        let sources: Vec<String> = sources.into_iter().map(source).collect();
        let page = format!("WITH page AS (\n{}\n)", sources.join("\n UNION\n "));
        Statement { sql: of_page::<D>(&page, "", order, limit), arguments }
    }
}

/// What is known of the rows that a page is chosen from.
const KEYS: &str = "SELECT m.discord_id, m.joined_at, m.date_left";

/// Reads the members of a page whose ids are known as `page`, more of them perhaps than fit.
fn of_page<D: Dialect>(with: &str, also: &str, order: &str, limit: i64) -> String {
    format!(
        "{with}
         SELECT m.*, u.username AS account{also}
         FROM (SELECT * FROM page m ORDER BY {order} LIMIT {limit}) p CROSS JOIN guild_members m {}
         WHERE m.discord_id = p.discord_id ORDER BY {order}",
        D::ACCOUNT
    )
}

/// Asks for a page of a search in the order of ids, if the index of names has that order: it is read no further than the page goes.
fn by_id<D: Dialect>(view: &MemberView) -> Option<Statement> {
    let search = view.filter.search.as_ref().filter(|_| view.order.by == SortBy::Id)?;
    let mut arguments = Vec::new();
    let sources = D::by_id(search, &mut arguments)?;
    let of_row = of_row::<D>(&view.filter, &mut arguments);
    let (way, comparison) = if view.order.is_descending { (" DESC", "<") } else { ("", ">") };
    let limit = view.limit + 1;
    let sources: Vec<String> = sources
        .into_iter()
        .map(|Along { source, id, .. }| {
            let after = view.after.map(|place| format!("{id} {comparison} {}", place.id));
            let conditions = and(&after.into_iter().chain(of_row.iter().cloned()).collect::<Vec<_>>());
            format!("SELECT * FROM ({KEYS} {source}{conditions} ORDER BY {id}{way} LIMIT {limit}) part")
        })
        .collect();
    let page = format!("WITH page AS (\n{}\n)", sources.join("\n UNION\n "));
    let count = if of_row.is_empty() { D::count(search, &mut arguments) } else { None };
    let total = count.map(|count| format!(", ({count}) AS total")).unwrap_or_default();
    Some(Statement { sql: of_page::<D>(&page, &total, &format!("m.discord_id{way}"), limit), arguments })
}

/// Asks for everybody who fits by the indexes of the filters, and of them for the page. Each row says how many there are: `total`.
fn by_index<D: Dialect>(view: &MemberView) -> Statement {
    let mut arguments = Vec::new();
    let conditions = and(&of_row::<D>(&view.filter, &mut arguments));
    let sources: Vec<String> =
        D::by_index(&view.filter, &mut arguments).into_iter().map(|source| format!("{KEYS} {source}{conditions}")).collect();
    let way = if view.order.is_descending { " DESC" } else { "" };
    let order = match time_column(view.order.by) {
        None => format!("m.discord_id{way}"),
        Some(column) => format!("({column} IS NULL), {column}{way}, m.discord_id{way}"),
    };
    let after: Vec<String> = view.after.map(|place| after::<D>(view, place)).into_iter().collect();
    let page = format!(
        "WITH found AS MATERIALIZED (\n{}\n), page AS (SELECT * FROM found m{})",
        sources.join("\n UNION\n "),
        all(&after)
    );
    let sql = of_page::<D>(&page, ", (SELECT count(*) FROM found) AS total", &order, view.limit);
    Statement { sql, arguments }
}

/// Counts a whole list. Reads all that its indexes find, or everybody.
pub(super) fn count<D: Dialect>(filter: &MemberFilter) -> Statement {
    let mut arguments = Vec::new();
    let sources = D::by_index(filter, &mut arguments);
    let conditions = and(&of_row::<D>(filter, &mut arguments));
    let sources: Vec<String> = sources.into_iter().map(|source| format!("SELECT m.discord_id {source}{conditions}")).collect();
    Statement { sql: format!("SELECT count(*) FROM (\n{}\n) found", sources.join("\n UNION\n ")), arguments }
}

/// Whether a row of any part of the list comes after a place.
fn after<D: Dialect>(view: &MemberView, place: MemberPlace) -> String {
    let comparison = if view.order.is_descending { "<" } else { ">" };
    let by_id = format!("m.discord_id {comparison} {}", place.id);
    match (time_column(view.order.by), place.at) {
        (None, _) => by_id,
        (Some(column), None) => format!("{column} IS NULL AND {by_id}"),
        (Some(column), Some(at)) => {
            format!("(({column}, m.discord_id) {comparison} ({}, {}) OR {column} IS NULL)", D::time(at), place.id)
        }
    }
}

/// What a filter asks of the row `m`, the search apart.
fn of_row<D: Dialect>(filter: &MemberFilter, arguments: &mut Vec<String>) -> Vec<String> {
    let either = |wanted: Option<bool>, yes: &str, no: &str| wanted.map(|wanted| if wanted { yes } else { no }.to_owned());
    let mut conditions = Vec::new();
    conditions.extend(either(filter.is_present, "m.date_left IS NULL", "m.date_left IS NOT NULL"));
    conditions.extend(either(filter.is_linked, "m.user_id > 0", "m.user_id IS NULL"));
    conditions.extend(either(filter.is_bot, "m.is_bot", "NOT m.is_bot"));
    conditions.extend(filter.role.as_deref().map(|role| D::has_role(role, filter.search.is_some(), arguments)));
    conditions.extend(within::<D>("m.joined_at", filter.joined));
    conditions.extend(within::<D>("m.date_left", filter.left));
    conditions.extend(filter.hold.map(Hold::condition));
    conditions
}

fn within<D: Dialect>(column: &str, span: Span) -> Vec<String> {
    let from = span.from.map(|at| format!("{column} >= {}", D::time(at)));
    let before = span.before.map(|at| format!("{column} < {}", D::time(at)));
    from.into_iter().chain(before).collect()
}

/// The table that is read along the order.
fn table<D: Dialect>(filter: &MemberFilter) -> &'static str {
    if filter.search.is_some() { D::SEARCHED } else { "guild_members" }
}

/// Counts members of each kind.
pub(super) const TALLY: &str = "
SELECT count(*) FILTER (WHERE date_left IS NULL) AS present,
    count(date_left) AS gone,
    count(user_id) AS linked,
    count(*) FILTER (WHERE is_bot) AS bots,
    count(*) FILTER (WHERE date_left IS NULL AND NOT is_bot AND user_id IS NULL) AS guild_only,
    count(*) FILTER (WHERE date_left IS NULL AND NOT is_bot AND user_id IS NOT NULL) AS linked_present,
    count(*) FILTER (WHERE date_left IS NOT NULL AND NOT is_bot AND user_id IS NOT NULL) AS linked_left,
    count(*) FILTER (WHERE date_left IS NOT NULL AND NOT is_bot AND user_id IS NULL) AS unlinked_left,
    (SELECT count(*) FROM users WHERE discord_id IS NULL) AS local,
    (SELECT count(*) FROM users u WHERE u.discord_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM guild_members m WHERE m.discord_id = u.discord_id)) AS absent
FROM guild_members";
