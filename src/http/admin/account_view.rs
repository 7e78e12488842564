//! What an address asks of the list of accounts, and an account as a row of it.
//!
//! Enters: a query, and rows of the ledger. Leaves: a page for the ledger to find, and rows for the template.

use chrono::DateTime;

use super::member_view::Head;
use crate::http::pages::addresses::{ACCOUNTS, MEMBERS};
use crate::http::pages::query::{Place, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::select::{Choice, Select};
use crate::http::pages::shell::When;
use crate::store::{AccountOrder, AccountPage, AccountPlace, AccountRow, AccountSort, Membership, Rights};

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
pub(super) const KEYS: &[&str] = &["q", "staff", "active", "member", "sort"];
/// Those of them that leave accounts out.
pub(super) const NARROWING: &[&str] = &["q", "staff", "active", "member"];

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
pub(super) struct Row {
    pub address: String,
    pub name: String,
    pub email: String,
    pub is_active: bool,
    /// What it may do, if anything.
    pub rights: Option<&'static str>,
    pub discord: Option<Discord>,
    pub class: &'static str,
    pub member: &'static str,
    pub joined: When,
    pub last_login: Option<When>,
}

/// Whom an account belongs to at Discord.
pub(super) struct Discord {
    pub id: String,
    pub name: String,
    /// Where the member is, if it is or was one.
    pub address: Option<String>,
}

impl From<AccountRow> for Row {
    fn from(row: AccountRow) -> Self {
        let (class, member) = membership(row.membership);
        let is_known = matches!(row.membership, Membership::Present | Membership::Left);
        let account = row.account;
        Self {
            address: format!("{ACCOUNTS}{}/", account.id),
            rights: rights(account.is_staff, account.is_superuser),
            name: account.shown_name().into_owned(),
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

/// What the list is narrowed down by.
pub(super) fn selects(query: &Query) -> [Select; 3] {
    let select = |name, words, choices: &[(&str, &str)]| {
        Select::filter(name, words, choices.iter().map(|(value, words)| Choice::new(*value, *words, query.text(name) == *value)))
    };
    let member =
        [("present", "Member now"), ("left", "Left the guild"), ("never", "Never a member"), ("no_discord", "No Discord")];
    [
        select("staff", "Staff", &[("look", "May look"), ("act", "May act"), ("none", "Neither")]),
        select("active", "Active", &[("yes", "Yes"), ("no", "No")]),
        select("member", "Guild", &member),
    ]
}

/// What a query asks for, but for where the page begins.
pub(super) fn list(query: &Query, limit: i64) -> Result<AccountPage, Refusal> {
    Ok(AccountPage {
        search: query.text("q").to_owned(),
        rights: query.choice("staff", &RIGHTS)?,
        is_active: query.choice("active", &ACTIVE)?,
        membership: query.choice("member", &MEMBERSHIPS)?,
        order: query.choice("sort", &SORTS)?.unwrap_or_default(),
        after: None,
        is_backwards: false,
        limit,
    })
}

/// Where a page lies, as [`key`] wrote it.
pub(super) fn place(query: &Query, order: AccountOrder) -> Result<Place<AccountPlace>, Refusal> {
    let read = |key: &str| {
        let (at, id) = key.split_once('.')?;
        let at = match at {
            "" => None,
            micros => Some(DateTime::from_timestamp_micros(micros.parse().ok().filter(|micros| *micros >= 0)?)?),
        };
        let is_whole = order.by != AccountSort::Joined || at.is_some();
        is_whole.then_some(AccountPlace { at, id: id.parse().ok()? })
    };
    query.place(read)
}

/// A place as it stands in an address.
pub(super) fn key(place: AccountPlace) -> String {
    let at = place.at.map(|at| at.timestamp_micros().to_string()).unwrap_or_default();
    format!("{at}.{}", place.id)
}

/// The heads of the columns, with the ways to sort by some.
pub(super) fn heads(query: &Query, order: AccountOrder) -> Vec<Head> {
    let plain = |column, words| Head { column, words, address: None, sorted: None };
    // What a second click on the head asks for stands last.
    let sortable = |column, words, by, names: [&'static str; 2]| {
        let is_here = order.by == by;
        let is_first = SORTS.iter().any(|(name, one)| *name == names[0] && *one == order);
        let sorted = is_here.then_some(if order.is_descending { "descending" } else { "ascending" });
        Head { column, words, address: Some(query.with("sort", names[usize::from(is_first)])), sorted }
    };
    vec![
        sortable("name", "Name", AccountSort::Name, ["username", "-username"]),
        plain("email", "E-mail"),
        plain("discord", "Discord"),
        plain("guild", "Guild"),
        sortable("time", "Made", AccountSort::Joined, ["-date_joined", "date_joined"]),
        sortable("time", "Last login", AccountSort::LastLogin, ["-last_login", "last_login"]),
    ]
}

/// How the list can be sorted, where the heads of its columns are not shown.
pub(super) fn sorts(query: &Query) -> Select {
    let sorts = [
        ("", "Name"),
        ("-username", "Name, last first"),
        ("-date_joined", "Made, newest first"),
        ("date_joined", "Made, oldest first"),
        ("-last_login", "Last login, latest first"),
        ("last_login", "Last login, longest ago first"),
    ];
    let chosen = Some(query.text("sort")).filter(|sort| *sort != "username").unwrap_or_default();
    Select::order(sorts.map(|(value, words)| Choice::new(value, words, value == chosen)))
}
