//! The list of accounts.
//!
//! Enters: what is searched for and filtered by. Leaves: a page of the list, by name.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use crate::http::pages::App;
use crate::http::pages::addresses::{ACCOUNTS, CONFLICTS, MEMBERS};
use crate::http::pages::filters;
use crate::http::pages::query::{PAGE_SIZES, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html, number};
use crate::store::{AccountPage, AccountRow, AccountTotals, Membership, Rights};

const RIGHTS: [(&str, Rights); 3] = [("look", Rights::Look), ("act", Rights::Act), ("none", Rights::None)];
const ACTIVE: [(&str, bool); 2] = [("yes", true), ("no", false)];
const MEMBERSHIPS: [(&str, Membership); 4] = [
    ("present", Membership::Present),
    ("left", Membership::Left),
    ("never", Membership::Never),
    ("no_discord", Membership::NoDiscord),
];
/// What narrows the list down.
const FILTERS: [&str; 4] = ["q", "staff", "active", "member"];

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

/// A length of the page that can be chosen.
struct Size {
    rows: i64,
    address: String,
    is_chosen: bool,
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
    page_size: &'a str,
    is_narrowed: bool,
    sizes: [Size; 4],
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

/// A page of the list.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read(request, &FILTERS)?;
    let size = query.page_size()?;
    let number_of = |text: &str| text.parse().map_err(|_| Refusal::Query("“after” must be a number.".to_owned()));
    let page = AccountPage {
        search: query.text("q").to_owned(),
        rights: query.choice("staff", &RIGHTS)?,
        is_active: query.choice("active", &ACTIVE)?,
        membership: query.choice("member", &MEMBERSHIPS)?,
        after: query.after()?.map(number_of).transpose()?,
        // One row more than is shown says whether there is a next page.
        limit: size + 1,
    };
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
        page_size: query.text("page_size"),
        is_narrowed: query.is_narrowed(&FILTERS),
        sizes: PAGE_SIZES.map(|rows| Size { rows, address: query.with_page_size(rows), is_chosen: rows == size }),
        first: (!query.is_first()).then(|| query.first()),
        next: rows.last().filter(|_| has_more).map(|last| query.next(&last.account.id.to_string())),
        rows: rows.into_iter().map(Row::from).collect(),
    };
    Ok(html(StatusCode::OK, page.render()?))
}

fn figures(totals: AccountTotals) -> [(&'static str, String); 3] {
    [("Accounts", totals.all), ("Staff", totals.staff), ("Deactivated", totals.inactive)]
        .map(|(words, count)| (words, number(count)))
}
