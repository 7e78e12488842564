//! The comparison of the guild with the accounts, in four categories (rule 7 of a sync).
//!
//! Enters: which category, what is searched for in it, which page. Leaves: that page, under the counts of all four.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::member_export::{Absent, Members};
use super::member_pages;
use super::member_view::{Columns, Head, Row, heads, key, place, search, sought};
use crate::domain::Account;
use crate::http::pages::addresses::{ACCOUNTS, COMPARISON, COMPARISON_EXPORT};
use crate::http::pages::chips::RoleNames;
use crate::http::pages::names as filters;
use crate::http::pages::pager::{Pager, Size, sizes};
use crate::http::pages::query::{Place, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::search_hint::SearchHint;
use crate::http::pages::session::Staff;
use crate::http::pages::shares::Shares;
use crate::http::pages::shell::{Section, Shell, When, html, number};
use crate::http::pages::{App, export};
use crate::store::{AbsentView, MemberFilter, MemberOrder, MemberPlace, MemberTally, MemberView, MembersFound, Search, SortBy};

const KEYS: &[&str] = &["status", "q"];

/// A category of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Category {
    GuildOnly,
    Linked,
    Left,
    NoGuild,
}

const CATEGORIES: [(&str, Category); 4] = [
    ("guild_only", Category::GuildOnly),
    ("linked", Category::Linked),
    ("left", Category::Left),
    ("no_guild", Category::NoGuild),
];

impl Category {
    fn name(self) -> &'static str {
        match self {
            Self::GuildOnly => "Guild Only",
            Self::Linked => "Linked",
            Self::Left => "Left Guild",
            Self::NoGuild => "Discord Users (No Guild)",
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Self::GuildOnly => "In the guild, without an account here.",
            Self::Linked => "In the guild, with an account here.",
            Self::Left => "With an account here, but no longer in the guild; who left last comes first.",
            Self::NoGuild => "Accounts with a Discord id that was never seen in the guild.",
        }
    }

    fn count(self, tally: &MemberTally) -> i64 {
        match self {
            Self::GuildOnly => tally.guild_only,
            Self::Linked => tally.linked_present,
            Self::Left => tally.linked_left,
            Self::NoGuild => tally.absent,
        }
    }

    /// The members in it; `None` where there are accounts instead.
    fn filter(self, search: Option<Search>) -> Option<MemberFilter> {
        let (is_present, is_linked) = match self {
            Self::GuildOnly => (true, false),
            Self::Linked => (true, true),
            Self::Left => (false, true),
            Self::NoGuild => return None,
        };
        let [is_present, is_linked] = [is_present, is_linked].map(Some);
        Some(MemberFilter { search, is_present, is_linked, is_bot: Some(false), ..MemberFilter::default() })
    }

    /// Nobody in the guild has left it, and nobody without an account has one.
    fn columns(self) -> Columns {
        Columns { account: self != Self::GuildOnly, left: self == Self::Left }
    }

    fn order(self) -> MemberOrder {
        if self == Self::Left { MemberOrder { by: SortBy::Left, is_descending: true } } else { MemberOrder::default() }
    }
}

/// A category as a tab.
struct Tab {
    address: String,
    name: &'static str,
    count: String,
    /// Its word, which also gives it its colour.
    word: &'static str,
    is_here: bool,
}

/// An account that was never seen in the guild.
struct AbsentRow {
    address: String,
    username: String,
    email: String,
    discord_id: String,
    joined: When,
    seen: Option<When>,
}

impl From<Account> for AbsentRow {
    fn from(account: Account) -> Self {
        Self {
            address: format!("{ACCOUNTS}{}/", account.id),
            username: account.shown_name().into_owned(),
            email: account.email,
            discord_id: account.discord_id.map(|id| id.to_string()).unwrap_or_default(),
            joined: account.date_joined.into(),
            seen: account.last_login.map(When::from),
        }
    }
}

#[derive(Template)]
#[template(path = "comparison.html")]
struct ComparisonPage<'a> {
    shell: Shell<'a>,
    shares: Shares,
    tabs: Vec<Tab>,
    name: &'static str,
    meaning: &'static str,
    /// Who is in no category.
    others: String,
    as_of: Option<When>,
    status: String,
    q: String,
    page_size: String,
    /// Why what is searched for cannot be.
    hint: Option<SearchHint>,
    results: Option<String>,
    heads: Vec<Head>,
    columns: Columns,
    rows: Vec<Row>,
    absent: Vec<AbsentRow>,
    sizes: Vec<Size>,
    export: String,
    all: String,
    pager: Pager,
}

/// What is on the page, members or accounts.
struct Found {
    members: MembersFound,
    absent: Vec<Account>,
    pager: Pager,
    total: Option<i64>,
}

#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read_both_ways(request, KEYS)?;
    let category = query.choice("status", &CATEGORIES)?.unwrap_or(Category::GuildOnly);
    let size = query.page_size()?;
    let (counted, roles) = tokio::try_join!(app.tally(), app.state.read.roles())?;
    let (unsearchable, found) = match sought(&query, "q") {
        Err(unsearchable) => {
            let pager = Pager::of(&query, &[], false, String::clone);
            (Some(unsearchable), Found { members: MembersFound::default(), absent: Vec::new(), pager, total: None })
        }
        Ok(None) => {
            let found = find(&app, category, None, &query, size).await?;
            (None, Found { total: Some(category.count(&counted.tally)), ..found })
        }
        Ok(search) => {
            let filter = category.filter(search.clone());
            let mut found = find(&app, category, search, &query, size).await?;
            if let (None, Some(filter), true) = (found.total, filter, counted.is_small()) {
                found.total = Some(app.state.member_lists.count_members(&filter).await?);
            }
            (None, found)
        }
    };
    if let Some(first) = found.pager.back_at_first(&query) {
        return Ok(first);
    }
    let names = RoleNames::new(roles);
    let page = ComparisonPage {
        shell: Shell::new(Some(&staff.0), Section::Comparison),
        shares: Shares::new(&counted.tally),
        tabs: tabs(&query, category, &counted.tally),
        name: category.name(),
        meaning: category.meaning(),
        others: others(&counted.tally),
        as_of: counted.as_of.map(When::from),
        status: query.text("status").to_owned(),
        q: query.text("q").to_owned(),
        page_size: query.text("page_size").to_owned(),
        hint: unsearchable.map(|why| SearchHint::new(why, query.with("q", ""), format!("Show all of {}", category.name()))),
        results: results(&found, query.is_first(), size, category).filter(|_| unsearchable.is_none()),
        heads: heads(None, category.columns()),
        columns: category.columns(),
        rows: found.members.rows.into_iter().map(|row| Row::new(row, &names, app.guild())).collect(),
        absent: found.absent.into_iter().map(AbsentRow::from).collect(),
        sizes: sizes(&query, size),
        export: query.at(COMPARISON_EXPORT),
        all: query.with("q", ""),
        pager: found.pager,
    };
    Ok(html(StatusCode::OK, page.render()?))
}

/// A category as CSV.
#[handler]
pub(super) async fn export_csv(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read(request, KEYS)?;
    let category = query.choice("status", &CATEGORIES)?.unwrap_or(Category::GuildOnly);
    let search = search(&query, "q")?;
    app.note_export(&staff.0.account, request, &query.at(COMPARISON)).await?;
    let name = CATEGORIES.iter().find(|(_, one)| *one == category).map_or("comparison", |(word, _)| *word);
    let limit = export::ROWS;
    match category.filter(search.clone()) {
        Some(filter) => {
            let view = MemberView { filter, order: category.order(), limit, ..MemberView::default() };
            let names = RoleNames::new(app.state.read.roles().await?);
            export::answer(&app, name, Members::new(view, names)).await
        }
        None => export::answer(&app, name, Absent(AbsentView { search, limit, ..AbsentView::default() })).await,
    }
}

async fn find(app: &App, category: Category, search: Option<Search>, query: &Query, size: i64) -> Result<Found, Refusal> {
    let lists = &app.state.member_lists;
    if let Some(filter) = category.filter(search.clone()) {
        let order = category.order();
        let view = MemberView { filter, order, limit: size, ..MemberView::default() };
        let members = member_pages::find(app, view, place(query)?).await?;
        let pager = Pager::of(query, &members.rows, members.has_more, |row| key(MemberPlace::of(row, order)));
        return Ok(Found { pager, total: members.total, members, absent: Vec::new() });
    }
    let (after, is_backwards) = match query.place(|key| key.parse().ok())? {
        Place::Start => (None, false),
        Place::After(id) => (Some(id), false),
        Place::Before(id) => (Some(id), true),
    };
    let mut absent = lists.list_absent(&AbsentView { search, after, is_backwards, limit: size + 1 }).await?;
    if is_backwards {
        absent.reverse();
    }
    let pager = Pager::cut(query, &mut absent, size, |account| account.id.to_string());
    let total = (query.is_first() && !pager.has_more).then(|| i64::try_from(absent.len()).unwrap_or(i64::MAX));
    Ok(Found { pager, total, absent, members: MembersFound::default() })
}

fn results(found: &Found, is_first: bool, size: i64, category: Category) -> Option<String> {
    let (one, many) = if category == Category::NoGuild { ("account", "accounts") } else { ("member", "members") };
    match found.total {
        Some(1) => Some(format!("1 {one}")),
        Some(total) => Some(format!("{} {many}", number(total))),
        None if is_first => Some(format!("More than {} {many}", number(size))),
        None => None,
    }
}

fn tabs(query: &Query, here: Category, tally: &MemberTally) -> Vec<Tab> {
    let tab = |(word, category): (&'static str, Category)| Tab {
        address: query.with("status", word),
        name: category.name(),
        count: number(category.count(tally)),
        word,
        is_here: category == here,
    };
    CATEGORIES.into_iter().map(tab).collect()
}

/// Says who is not compared, and why.
fn others(tally: &MemberTally) -> String {
    let some = |count, one: &str, many: &str| if count == 1 { format!("1 {one}") } else { format!("{} {many}", number(count)) };
    format!(
        "In no category: {}, because a bot has no account; {}, because nothing says who that is on Discord; and {} without ever \
         having had an account.",
        some(tally.bots, "bot", "bots"),
        some(tally.local, "account without a Discord id", "accounts without a Discord id"),
        some(tally.unlinked_left, "person who left", "people who left"),
    )
}
