//! The statements of the lists of members, where the two databases agree; what they differ in is a [`Dialect`].
//!
//! Enters: a view. Leaves: its page.

use super::StoreError;
use super::held_members::{HeldList, Hold};
use super::member_dialect::{Along, Dialect, Index, Statement, all, and};
use super::member_lists::{MemberFilter, MemberPlace, MemberView, MembersFound, SortBy, Span};
use super::member_parts::{parts, time_column};
use crate::domain::MemberRow;

/// A page of members: along the order, and by the indexes of the filters if that will not fill it soon.
pub(super) async fn find<D: Dialect>(database: &D, view: &MemberView) -> Result<MembersFound, StoreError> {
    if let Some(held) = HeldList::of(view) {
        return match held.find(database).await? {
            Some(found) => Ok(found),
            None => find_by_index(database, view, database.index().await?).await,
        };
    }
    let by_id = by_id::<D>(view);
    if let Some(statement) = by_id.as_ref().filter(|_| view.filter.search.is_some()) {
        return page_of(database, statement, view).await;
    }
    let mut rows = Vec::new();
    // One row more than the page has says whether there is another page.
    let wanted = view.limit + 1;
    let missing = |rows: &[MemberRow]| wanted - i64::try_from(rows.len()).unwrap_or(wanted);
    let index = if view.filter.search.is_some() { database.index().await? } else { Index::Current };
    let is_of_few = match &view.filter.search {
        None => view.at_most.is_some_and(|few| few <= D::FEW),
        // What is searched for has an index of its own, which may know of many more.
        Some(search) => database.is_of_few(search).await?,
    };
    if is_of_few {
        return match by_id {
            Some(statement) => page_of(database, &statement, view).await,
            None => find_by_index(database, view, index).await,
        };
    }
    let windows = D::windows(view);
    let (mut window, mut seen) = (windows.first, 0);
    for mut part in parts::<D>(view) {
        let way = way::<D>(view, index);
        loop {
            let mut end = if way == Way::UpToEnd { part.end(database, &view.filter, window).await? } else { None };
            let stretch = (way == Way::Row).then_some(window);
            let statement = part.rows::<D>(&view.filter, index, stretch, end, missing(&rows));
            rows.extend(database.members_of(&statement).await?.0);
            seen += window;
            if missing(&rows) <= 0 {
                return Ok(MembersFound::page(rows, None, view));
            }
            if way == Way::Row {
                end = part.end(database, &view.filter, window).await?;
            }
            if end.is_none() {
                break;
            }
            if seen >= windows.enough || !windows.are_promising(rows.len(), seen) {
                return find_by_index(database, view, index).await;
            }
            part.after = end;
            window = windows.next;
        }
    }
    Ok(MembersFound::page(rows, None, view))
}

/// How a window is looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Row by row, until the page is full.
    Row,
    /// All of its rows in whatever order they are read soonest, which takes knowing where it ends.
    UpToEnd,
    /// An index has just those rows in that order, so that there need be no window.
    Whole,
}

fn way<D: Dialect>(view: &MemberView, index: Index) -> Way {
    let (is_searched, is_by_id) = (view.filter.search.is_some(), view.order.by == SortBy::Id);
    let bots = MemberFilter { is_bot: Some(true), ..MemberFilter::default() };
    match (is_searched, is_by_id) {
        (false, true) if view.filter == bots => Way::Whole,
        // What is searched lies in the order of ids, more or less, so that row by row other orders would lead all over it.
        (true, false) => Way::UpToEnd,
        _ if D::STREAMS && index == Index::Current => Way::Row,
        _ => Way::UpToEnd,
    }
}

async fn find_by_index<D: Dialect>(database: &D, view: &MemberView, index: Index) -> Result<MembersFound, StoreError> {
    let statement = by_index::<D>(&MemberView { limit: view.limit + 1, ..view.clone() }, index);
    page_of(database, &statement, view).await
}

async fn page_of<D: Dialect>(database: &D, statement: &Statement, view: &MemberView) -> Result<MembersFound, StoreError> {
    let (rows, total) = database.members_of(statement).await?;
    Ok(MembersFound::page(rows, total, view))
}

/// Whether nothing in the text of a statement is that of one view alone.
pub(super) fn is_shared(filter: &MemberFilter, after: Option<MemberPlace>) -> bool {
    let has_id = filter.search.as_ref().is_some_and(|search| search.words().iter().any(|word| !word.ids().is_empty()));
    after.is_none() && !has_id && filter.joined.is_open() && filter.left.is_open() && filter.hold.is_none()
}

/// What is known of the rows that a page is chosen from.
pub(super) const KEYS: &str = "SELECT m.discord_id, m.joined_at, m.date_left";

/// Reads the members of a page whose ids are known as `page`, more of them perhaps than fit.
pub(super) fn of_page<D: Dialect>(with: &str, also: &str, order: &str, limit: i64) -> String {
    format!(
        "{with}
         SELECT m.*, u.username AS account{also}
         FROM (SELECT * FROM page m ORDER BY {order} LIMIT {limit}) p CROSS JOIN guild_members m {}
         WHERE m.discord_id = p.discord_id ORDER BY {order}",
        D::ACCOUNT
    )
}

/// Asks for a page of a search or a role in the order of ids, if the index of it has that order: it is read no further than the page goes.
fn by_id<D: Dialect>(view: &MemberView) -> Option<Statement> {
    if view.order.by != SortBy::Id {
        return None;
    }
    let mut arguments = Vec::new();
    let sources = D::by_id(&view.filter, &mut arguments)?;
    // A role that is not looked for beside a search is what the sources are of.
    let role = view.filter.role.clone().filter(|_| view.filter.search.is_some());
    let of_row = of_row::<D>(&MemberFilter { role, ..view.filter.clone() }, &mut arguments);
    if view.filter.search.is_none() && !of_row.is_empty() {
        // Of a role of few all are looked at, and counted.
        return None;
    }
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
    let count = if of_row.is_empty() { D::count(&view.filter, &mut arguments) } else { None };
    let total = count.map(|count| format!(", ({count}) AS total")).unwrap_or_default();
    let sql = of_page::<D>(&page, &total, &format!("m.discord_id{way}"), limit);
    Some(Statement { sql, arguments, is_shared: is_shared(&view.filter, view.after) })
}

/// Asks for everybody who fits by the indexes of the filters, and of them for the page. Each row says how many there are: `total`.
fn by_index<D: Dialect>(view: &MemberView, index: Index) -> Statement {
    let mut arguments = Vec::new();
    let conditions = and(&of_row::<D>(&view.filter, &mut arguments));
    let sources: Vec<String> = D::by_index(&view.filter, index, &mut arguments)
        .into_iter()
        .map(|source| format!("{KEYS} {source}{conditions}"))
        .collect();
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
    Statement { sql, arguments, is_shared: is_shared(&view.filter, view.after) }
}

/// Counts a whole list. Reads all that its indexes find, or everybody.
pub(super) fn count<D: Dialect>(filter: &MemberFilter) -> Statement {
    let mut arguments = Vec::new();
    let sources = D::by_index(filter, Index::Behind, &mut arguments);
    let conditions = and(&of_row::<D>(filter, &mut arguments));
    let sources: Vec<String> = sources.into_iter().map(|source| format!("SELECT m.discord_id {source}{conditions}")).collect();
    let sql = format!("SELECT count(*) FROM (\n{}\n) found", sources.join("\n UNION\n "));
    Statement { sql, arguments, is_shared: is_shared(filter, None) }
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
pub(super) fn of_row<D: Dialect>(filter: &MemberFilter, arguments: &mut Vec<String>) -> Vec<String> {
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

pub(super) fn within<D: Dialect>(column: &str, span: Span) -> Vec<String> {
    let from = span.from.map(|at| format!("{column} >= {}", D::time(at)));
    let before = span.before.map(|at| format!("{column} < {}", D::time(at)));
    from.into_iter().chain(before).collect()
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
    (SELECT count(*) FROM users) AS accounts,
    (SELECT count(*) FROM users WHERE discord_id IS NULL) AS local,
    (SELECT count(*) FROM users u WHERE u.discord_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM guild_members m WHERE m.discord_id = u.discord_id)) AS absent
FROM guild_members";
