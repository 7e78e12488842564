//! The list of accounts.
//!
//! Enters: what is searched for and filtered by. Leaves: a page of the list; its whole state is in its address.

use std::sync::Arc;

use askama::Template;
use chrono::DateTime;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::account_export::Accounts as Exported;
use super::member_view::{Head, Size, sizes};
use crate::http::pages::addresses::{ACCOUNTS, ACCOUNTS_EXPORT, CONFLICTS, MEMBERS};
use crate::http::pages::filters;
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html, number};
use crate::http::pages::{App, export};
use crate::store::{AccountOrder, AccountPage, AccountPlace, AccountRow, AccountSort, AccountTotals, Membership, Rights};

const RIGHTS: [(&str, Rights); 3] = [("look", Rights::Look), ("act", Rights::Act), ("none", Rights::None)];
const ACTIVE: [(&str, bool); 2] = [("yes", true), ("no", false)];
/// How accounts stand to the guild, in the words of the filter.
pub(super) const MEMBERSHIPS: [(&str, Membership); 4] = [
    ("present", Membership::Present),
    ("left", Membership::Left),
    ("never", Membership::Never),
    ("no_discord", Membership::NoDiscord),
];
/// What the list knows.
const KEYS: &[&str] = &["q", "staff", "active", "member", "sort"];
/// Those of them that leave accounts out.
const NARROWING: &[&str] = &["q", "staff", "active", "member"];

/// What can be sorted by.
const SORTS: [(&str, AccountOrder); 6] = [
    ("username", AccountOrder { by: AccountSort::Name, is_descending: false }),
    ("-username", AccountOrder { by: AccountSort::Name, is_descending: true }),
    ("date_joined", AccountOrder { by: AccountSort::Joined, is_descending: false }),
    ("-date_joined", AccountOrder { by: AccountSort::Joined, is_descending: true }),
    ("last_login", AccountOrder { by: AccountSort::LastLogin, is_descending: false }),
    ("-last_login", AccountOrder { by: AccountSort::LastLogin, is_descending: true }),
];

/// How an account stands to the guild: a class for its colour, and words.
pub(super) fn membership(membership: Membership) -> (&'static str, &'static str) {
    match membership {
        Membership::Present => ("state-succeeded", "member"),
        Membership::Left => ("", "left"),
        Membership::Never => ("", "never a member"),
        Membership::NoDiscord => ("", "no Discord"),
    }
}

/// A row as the template shows it.
struct Row {
    address: String,
    name: String,
    email: String,
    is_active: bool,
    /// What it may do, if anything.
    rights: Option<&'static str>,
    discord: Option<Discord>,
    class: &'static str,
    member: &'static str,
    joined: When,
    last_login: Option<When>,
}

/// Whom an account belongs to at Discord.
struct Discord {
    id: String,
    name: String,
    /// Where the member is, if it is or was one.
    address: Option<String>,
}

impl From<AccountRow> for Row {
    fn from(row: AccountRow) -> Self {
        let (class, member) = membership(row.membership);
        let is_known = matches!(row.membership, Membership::Present | Membership::Left);
        let account = row.account;
        Self {
            address: format!("{ACCOUNTS}{}/", account.id),
            rights: rights(account.is_staff, account.is_superuser),
            name: account.username,
            email: account.email,
            is_active: account.is_active,
            discord: account.discord_id.map(|id| Discord {
                id: id.to_string(),
                name: row.discord_username,
                address: is_known.then(|| format!("{MEMBERS}{id}/")),
            }),
            class,
            member,
            joined: account.date_joined.into(),
            last_login: account.last_login.map(When::from),
        }
    }
}

/// What an account may do here, in a word.
pub(super) fn rights(is_staff: bool, is_superuser: bool) -> Option<&'static str> {
    match (is_staff, is_superuser) {
        (false, _) => None,
        (true, false) => Some("may look"),
        (true, true) => Some("may act"),
    }
}

/// A word that a filter takes.
struct Choice {
    word: &'static str,
    words: &'static str,
    is_chosen: bool,
}

/// A filter, with all its words.
struct Filter {
    name: &'static str,
    words: &'static str,
    choices: Vec<Choice>,
}

impl Filter {
    fn new(query: &Query, name: &'static str, words: &'static str, choices: &[(&'static str, &'static str)]) -> Self {
        let is_chosen = |word| query.text(name) == word;
        let choices = choices.iter().map(|(word, words)| Choice { word, words, is_chosen: is_chosen(*word) });
        Self { name, words, choices: choices.collect() }
    }
}

fn filters(query: &Query) -> [Filter; 3] {
    let staff = [("", "Any"), ("look", "May look"), ("act", "May act"), ("none", "Neither")];
    let active = [("", "Any"), ("yes", "Yes"), ("no", "No")];
    let member = [
        ("", "Any"),
        ("present", "Member now"),
        ("left", "Left the guild"),
        ("never", "Never a member"),
        ("no_discord", "No Discord"),
    ];
    [
        Filter::new(query, "staff", "Staff", &staff),
        Filter::new(query, "active", "Active", &active),
        Filter::new(query, "member", "Guild", &member),
    ]
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage<'a> {
    shell: Shell<'a>,
    list: &'static str,
    conflicts_page: &'static str,
    totals: [(&'static str, String); 3],
    conflicts: i64,
    search: &'a str,
    filters: [Filter; 3],
    sort: &'a str,
    page_size: &'a str,
    is_narrowed: bool,
    /// How many fit.
    results: Option<String>,
    /// The totals are counted with the page.
    as_of: Option<When>,
    export: String,
    sizes: Vec<Size>,
    heads: Vec<Head>,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

/// What a query asks for, but for where the page begins.
fn list(query: &Query, limit: i64) -> Result<AccountPage, Refusal> {
    Ok(AccountPage {
        search: query.text("q").to_owned(),
        rights: query.choice("staff", &RIGHTS)?,
        is_active: query.choice("active", &ACTIVE)?,
        membership: query.choice("member", &MEMBERSHIPS)?,
        order: query.choice("sort", &SORTS)?.unwrap_or_default(),
        after: None,
        limit,
    })
}

/// Where a page begins, as [`key`] wrote it.
fn after(query: &Query, order: AccountOrder) -> Result<Option<AccountPlace>, Refusal> {
    let read = |key: &str| {
        let (at, id) = key.split_once('.')?;
        let at = match at {
            "" => None,
            micros => Some(DateTime::from_timestamp_micros(micros.parse().ok().filter(|micros| *micros >= 0)?)?),
        };
        let is_whole = order.by != AccountSort::Joined || at.is_some();
        is_whole.then_some(AccountPlace { at, id: id.parse().ok()? })
    };
    let Some(key) = query.after()? else { return Ok(None) };
    read(key).map(Some).ok_or_else(|| Refusal::Query("“after” cannot be read; begin at the first page of this list.".into()))
}

/// A place as it stands in an address.
fn key(place: AccountPlace) -> String {
    let at = place.at.map(|at| at.timestamp_micros().to_string()).unwrap_or_default();
    format!("{at}.{}", place.id)
}

/// A page of the list.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read(request, KEYS)?;
    let size = query.page_size()?;
    // One row more than is shown says whether there is a next page.
    let mut page = list(&query, size + 1)?;
    let order = page.order;
    page.after = after(&query, order)?;
    let lists = &app.state.account_lists;
    let (mut rows, totals) = tokio::try_join!(lists.accounts(&page), lists.account_totals())?;
    let shown = usize::try_from(size).unwrap_or(usize::MAX);
    let has_more = rows.len() > shown;
    rows.truncate(shown);
    let page = AccountsPage {
        shell: Shell::new(Some(&staff.0), Section::Accounts),
        list: ACCOUNTS,
        conflicts_page: CONFLICTS,
        totals: figures(totals),
        conflicts: totals.conflicts,
        search: query.text("q"),
        filters: filters(&query),
        sort: query.text("sort"),
        page_size: query.text("page_size"),
        is_narrowed: query.is_narrowed(NARROWING),
        results: results(&query, &rows, has_more, totals.all),
        as_of: None,
        export: query.at(ACCOUNTS_EXPORT),
        sizes: sizes(&query, size),
        heads: heads(&query, order),
        first: (!query.is_first()).then(|| query.first()),
        next: rows.last().filter(|_| has_more).map(|last| query.next(&key(AccountPlace::of(&last.account, order)))),
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

/// How many fit: all there are, or as many as the only page shows, or at least those.
fn results(query: &Query, rows: &[AccountRow], has_more: bool, all: i64) -> Option<String> {
    let shown = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    match (query.is_narrowed(NARROWING), query.is_first()) {
        (false, _) if all == 1 => Some("1 account".to_owned()),
        (false, _) => Some(format!("{} accounts", number(all))),
        (true, true) if has_more => Some(format!("More than {} accounts", number(shown))),
        (true, true) if shown == 1 => Some("1 account".to_owned()),
        (true, true) => Some(format!("{} accounts", number(shown))),
        (true, false) => None,
    }
}

/// The heads of the columns, with the ways to sort by some.
fn heads(query: &Query, order: AccountOrder) -> Vec<Head> {
    let plain = |words| Head { words, address: None, sorted: None };
    // What a second click on the head asks for stands last.
    let sortable = |words, by, names: [&'static str; 2]| {
        let is_here = order.by == by;
        let is_first = SORTS.iter().any(|(name, one)| *name == names[0] && *one == order);
        let sorted = is_here.then_some(if order.is_descending { "descending" } else { "ascending" });
        Head { words, address: Some(query.with("sort", names[usize::from(is_first)])), sorted }
    };
    vec![
        sortable("Name", AccountSort::Name, ["username", "-username"]),
        plain("E-mail"),
        plain("Discord"),
        plain("Guild"),
        sortable("Joined", AccountSort::Joined, ["-date_joined", "date_joined"]),
        sortable("Last login", AccountSort::LastLogin, ["-last_login", "last_login"]),
    ]
}

fn figures(totals: AccountTotals) -> [(&'static str, String); 3] {
    [("Accounts", totals.all), ("Staff", totals.staff), ("Deactivated", totals.inactive)]
        .map(|(words, count)| (words, number(count)))
}
