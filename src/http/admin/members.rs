//! The list of members.
//!
//! Enters: what is searched for and filtered by, the order, and which page. Leaves: that page; its whole state is in its address.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::member_export::Members;
use super::member_pages::find;
use super::member_view::{Columns, Head, KEYS, NARROWING, Row, filter, heads, key, order, place, search, sought};
use super::role_filter;
use crate::domain::GuildRole;
use crate::http::pages::addresses::{MEMBERS, MEMBERS_EXPORT};
use crate::http::pages::chips::RoleNames;
use crate::http::pages::first_list::FirstList;
use crate::http::pages::names as filters;
use crate::http::pages::pager::{Pager, Size, sizes};
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::role_counts::RolesCounted;
use crate::http::pages::search_hint::SearchHint;
use crate::http::pages::select::{Choice, Select};
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html, number};
use crate::http::pages::tally::Counted;
use crate::http::pages::{App, export};
use crate::store::{MemberFilter, MemberPlace, MemberTally, MemberView, MembersFound};

/// A filter by a day.
struct Day {
    name: &'static str,
    words: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "members.html")]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of the template")]
struct MembersPage<'a> {
    shell: Shell<'a>,
    q: String,
    /// How it can be sorted, where the heads of its columns are not shown.
    sorts: Select,
    page_size: String,
    selects: Vec<Select>,
    days: Vec<Day>,
    /// One of the days is set, so they are shown open.
    has_day: bool,
    /// Something beside the search narrows the list down.
    is_filtered: bool,
    is_narrowed: bool,
    /// Why what is searched for cannot be.
    hint: Option<SearchHint>,
    is_empty_guild: bool,
    /// That days which follow each other were given the other way round.
    backwards: Option<&'static str>,
    /// How many fit.
    results: Option<String>,
    as_of: Option<When>,
    heads: Vec<Head>,
    columns: Columns,
    rows: Vec<Row>,
    sizes: Vec<Size>,
    /// The list in its own order, unless this is it.
    unsorted: Option<String>,
    export: String,
    all: &'static str,
    pager: Pager,
    first_list: FirstList<'a>,
}

/// A page of the list.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read_both_ways(request, KEYS)?;
    let (order, size, place) = (order(&query)?, query.page_size()?, place(&query)?);
    let mut view = MemberView { filter: filter(&query)?, order, limit: size, ..MemberView::default() };
    let sought = sought(&query, "q");
    let unsearchable = sought.as_ref().err().copied();
    view.filter.search = sought.unwrap_or_default();
    let (counted, roles) = tokio::try_join!(app.tally(), app.state.read.roles())?;
    let of_roles = app.role_counts(&counted.tally).await?;
    view.at_most = view.filter.role.as_deref().and_then(|role| of_roles.members(role));
    let found = if unsearchable.is_some() { MembersFound::default() } else { find(&app, view.clone(), place).await? };
    let pager = Pager::of(&query, &found.rows, found.has_more, |row| key(MemberPlace::of(row, order)));
    if let Some(first) = pager.back_at_first(&query) {
        return Ok(first);
    }
    let total = match found.total.or_else(|| kept(&view.filter, &counted.tally)) {
        None if counted.is_small() => Some(app.state.member_lists.count_members(&view.filter).await?),
        known => known,
    };
    let results = results(total, query.is_first(), size).filter(|_| unsearchable.is_none());
    let selects = selects(&query, &counted, &roles, &of_roles);
    let names = RoleNames::new(roles);
    let page = MembersPage {
        shell: Shell::new(Some(&staff.0), Section::Members),
        q: query.text("q").to_owned(),
        sorts: sorts(&query),
        page_size: query.text("page_size").to_owned(),
        selects,
        days: days(&query),
        has_day: query.is_narrowed(&["joined_from", "joined_to", "left_from", "left_to"]),
        is_filtered: query.is_narrowed(&NARROWING[1..]),
        is_narrowed: query.is_narrowed(NARROWING),
        hint: unsearchable.map(|why| SearchHint::new(why, MEMBERS, "Show all members")),
        is_empty_guild: counted.tally.present + counted.tally.left == 0 && !query.is_narrowed(NARROWING),
        backwards: backwards(&query)?,
        results,
        as_of: counted.as_of.map(When::from),
        heads: heads(Some((&query, order)), Columns::ALL),
        columns: Columns::ALL,
        rows: found.rows.into_iter().map(|row| Row::new(row, &names, app.guild())).collect(),
        sizes: sizes(&query, size),
        unsorted: (!query.text("sort").is_empty()).then(|| query.with("sort", "")),
        export: query.at(MEMBERS_EXPORT),
        all: MEMBERS,
        pager,
        first_list: FirstList::new(&app, &staff.0),
    };
    Ok(html(StatusCode::OK, page.render()?))
}

/// The list as CSV.
#[handler]
pub(super) async fn export_csv(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read(request, KEYS)?;
    let filter = MemberFilter { search: search(&query, "q")?, ..filter(&query)? };
    let view = MemberView { filter, order: order(&query)?, limit: export::ROWS, ..MemberView::default() };
    app.note_export(&staff.0.account, request, &query.at(MEMBERS)).await?;
    let names = RoleNames::new(app.state.read.roles().await?);
    export::answer(&app, "members", Members::new(view, names)).await
}

/// How many fit: found with the page, or counted for all pages, or at least as many as are shown.
fn results(total: Option<i64>, is_first: bool, size: i64) -> Option<String> {
    match total {
        Some(1) => Some("1 member".into()),
        Some(total) => Some(format!("{} members", number(total))),
        None if is_first => Some(format!("More than {} members", number(size))),
        None => None,
    }
}

/// What is counted for all pages, if the filter asks for just that.
fn kept(filter: &MemberFilter, tally: &MemberTally) -> Option<i64> {
    let all = tally.present + tally.left;
    let of = |is_present, is_linked, is_bot| MemberFilter { is_present, is_linked, is_bot, ..MemberFilter::default() };
    let counts = [
        (of(None, None, None), all),
        (of(Some(true), None, None), tally.present),
        (of(Some(false), None, None), tally.left),
        (of(None, Some(true), None), tally.linked),
        (of(None, Some(false), None), all - tally.linked),
        (of(None, None, Some(true)), tally.bots),
        (of(None, None, Some(false)), all - tally.bots),
        (of(Some(true), Some(false), Some(false)), tally.guild_only),
        (of(Some(true), Some(true), Some(false)), tally.linked_present),
        (of(Some(false), Some(true), Some(false)), tally.linked_left),
    ];
    counts.into_iter().find(|(counted, _)| counted == filter).map(|(_, count)| count)
}

fn selects(query: &Query, counted: &Counted, roles: &[GuildRole], of_roles: &RolesCounted) -> Vec<Select> {
    let tally = &counted.tally;
    let all = tally.present + tally.left;
    let select = |name, words, choices: [(&str, &str, i64); 2]| {
        let choice =
            |(value, words, count)| Choice::new(value, format!("{words} ({})", number(count)), query.text(name) == value);
        Select::filter(name, words, choices.map(choice))
    };
    let mut selects = vec![
        select("status", "Status", [("present", "Present", tally.present), ("left", "Left", tally.left)]),
        select("linked", "Account", [("yes", "Linked", tally.linked), ("no", "Not linked", all - tally.linked)]),
        select("bot", "Kind", [("no", "People", all - tally.bots), ("yes", "Bots", tally.bots)]),
    ];
    let of_roles = role_filter::choices(query.text("role"), roles, of_roles);
    if !of_roles.is_empty() {
        selects.push(Select::filter("role", "Role", of_roles));
    }
    selects
}

fn days(query: &Query) -> Vec<Day> {
    let days =
        [("joined_from", "Joined from"), ("joined_to", "Joined until"), ("left_from", "Left from"), ("left_to", "Left until")];
    days.map(|(name, words)| Day { name, words, value: query.text(name).to_owned() }).into_iter().collect()
}

/// What nobody can fit, because the last day lies before the first.
fn backwards(query: &Query) -> Result<Option<&'static str>, Refusal> {
    let is_backwards = |from, to| Ok::<_, Refusal>(query.date(from)?.zip(query.date(to)?).is_some_and(|(from, to)| to < from));
    if is_backwards("joined_from", "joined_to")? {
        return Ok(Some("“Joined from” is a later day than “Joined until”, so nobody can fit. Swap them."));
    }
    let left = is_backwards("left_from", "left_to")?;
    Ok(left.then_some("“Left from” is a later day than “Left until”, so nobody can fit. Swap them."))
}

fn sorts(query: &Query) -> Select {
    let sorts = [
        ("", "Id"),
        ("-id", "Id, newest first"),
        ("-joined_at", "Joined, newest first"),
        ("joined_at", "Joined, oldest first"),
        ("-date_left", "Left, newest first"),
        ("date_left", "Left, oldest first"),
    ];
    let chosen = Some(query.text("sort")).filter(|sort| *sort != "id").unwrap_or_default();
    Select::order(sorts.map(|(value, words)| Choice::new(value, words, value == chosen)))
}
