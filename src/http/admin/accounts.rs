//! The list of accounts.
//!
//! Enters: what is searched for and filtered by. Leaves: a page of the list; its whole state is in its address.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::account_export::Accounts as Exported;
use super::account_view::{KEYS, NARROWING, Row, heads, key, list, place, selects, sorts};
use super::member_view::Head;
use crate::http::pages::addresses::{ACCOUNTS, ACCOUNTS_EXPORT, CONFLICTS};
use crate::http::pages::names as filters;
use crate::http::pages::pager::{Pager, Size, sizes};
use crate::http::pages::query::{Place, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::select::Select;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html, number};
use crate::http::pages::tally::SMALL;
use crate::http::pages::{App, export};
use crate::store::{AccountPlace, AccountTotals};

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage<'a> {
    shell: Shell<'a>,
    list: &'static str,
    conflicts_page: &'static str,
    totals: [(&'static str, String); 3],
    conflicts: i64,
    search: &'a str,
    selects: [Select; 3],
    sorts: Select,
    page_size: &'a str,
    is_narrowed: bool,
    /// How many fit.
    results: Option<String>,
    as_of: Option<When>,
    export: String,
    sizes: Vec<Size>,
    heads: Vec<Head>,
    rows: Vec<Row>,
    pager: Pager,
}

/// A page of the list.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read_both_ways(request, KEYS)?;
    let size = query.page_size()?;
    // One row more than is shown says whether there is another page.
    let mut page = list(&query, size + 1)?;
    let order = page.order;
    (page.after, page.is_backwards) = match place(&query, order)? {
        Place::Start => (None, false),
        Place::After(place) => (Some(place), false),
        Place::Before(place) => (Some(place), true),
    };
    let lists = &app.state.account_lists;
    let (mut rows, totals, counted) = tokio::try_join!(lists.accounts(&page), lists.account_totals(), app.tally())?;
    let all = counted.tally.accounts;
    let pager = Pager::cut(&query, &mut rows, size, |row| key(AccountPlace::of(&row.account, order)));
    if let Some(first) = pager.back_at_first(&query) {
        return Ok(first);
    }
    let total = match (query.is_narrowed(NARROWING), query.is_first() && !pager.has_more) {
        (false, _) => Some(all),
        (true, true) => Some(i64::try_from(rows.len()).unwrap_or(i64::MAX)),
        (true, false) if all <= SMALL => Some(lists.count(&page).await?),
        (true, false) => None,
    };
    let page = AccountsPage {
        shell: Shell::new(Some(&staff.0), Section::Accounts),
        list: ACCOUNTS,
        conflicts_page: CONFLICTS,
        totals: figures(all, totals),
        conflicts: totals.conflicts,
        search: query.text("q"),
        selects: selects(&query),
        sorts: sorts(&query),
        page_size: query.text("page_size"),
        is_narrowed: query.is_narrowed(NARROWING),
        results: results(total, query.is_first(), size),
        as_of: counted.as_of.map(When::from),
        export: query.at(ACCOUNTS_EXPORT),
        sizes: sizes(&query, size),
        heads: heads(&query, order),
        pager,
        rows: rows.into_iter().map(Row::from).collect(),
    };
    Ok(html(StatusCode::OK, page.render()?))
}

/// The list as CSV.
#[handler]
pub(super) async fn export_csv(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read(request, KEYS)?;
    let list = list(&query, export::ROWS)?;
    app.note_export(&staff.0.account, request, &query.at(ACCOUNTS)).await?;
    export::answer(&app, "accounts", Exported::of(list)).await
}

/// How many fit, or at least the first page.
fn results(total: Option<i64>, is_first: bool, size: i64) -> Option<String> {
    match total {
        Some(1) => Some("1 account".to_owned()),
        Some(total) => Some(format!("{} accounts", number(total))),
        None if is_first => Some(format!("More than {} accounts", number(size))),
        None => None,
    }
}

fn figures(all: i64, totals: AccountTotals) -> [(&'static str, String); 3] {
    [("Accounts", all), ("Staff", totals.staff), ("Deactivated", totals.inactive)].map(|(words, count)| (words, number(count)))
}
