//! What an address asks of a list of members, and a member as a row of one.
//!
//! Enters: a query, and rows of the ledger. Leaves: a view for the ledger, and rows for the templates.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use crate::domain::{DiscordId, MemberRow, account_name, check_role};
use crate::http::pages::addresses::{ACCOUNTS, MEMBERS};
use crate::http::pages::avatar::Avatar;
use crate::http::pages::chips::{Chips, RoleNames};
use crate::http::pages::query::{Place, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::shell::When;
use crate::store::{MemberFilter, MemberOrder, MemberPlace, Search, SortBy, Span, Unsearchable};

/// What the list of members knows.
pub(super) const KEYS: &[&str] =
    &["q", "status", "linked", "bot", "role", "joined_from", "joined_to", "left_from", "left_to", "sort"];
/// Those of them that leave members out.
pub(super) const NARROWING: &[&str] =
    &["q", "status", "linked", "bot", "role", "joined_from", "joined_to", "left_from", "left_to"];

pub(super) const STATUS: [(&str, bool); 2] = [("present", true), ("left", false)];
pub(super) const YES_NO: [(&str, bool); 2] = [("yes", true), ("no", false)];

/// What can be sorted by.
const SORTS: [(&str, MemberOrder); 6] = [
    ("id", MemberOrder { by: SortBy::Id, is_descending: false }),
    ("-id", MemberOrder { by: SortBy::Id, is_descending: true }),
    ("joined_at", MemberOrder { by: SortBy::Joined, is_descending: false }),
    ("-joined_at", MemberOrder { by: SortBy::Joined, is_descending: true }),
    ("date_left", MemberOrder { by: SortBy::Left, is_descending: false }),
    ("-date_left", MemberOrder { by: SortBy::Left, is_descending: true }),
];

/// What is searched for under a key. One character would fit almost everybody, and many words would be looked for one by one.
pub(super) fn sought(query: &Query, key: &str) -> Result<Option<Search>, Unsearchable> {
    let text = query.text(key);
    if text.is_empty() { Ok(None) } else { Search::new(text).map(Some) }
}

/// What is searched for, where what cannot be is not answered with a hint.
pub(super) fn search(query: &Query, key: &str) -> Result<Option<Search>, Refusal> {
    sought(query, key).map_err(|unsearchable| Refusal::Query(format!("“{key}” cannot be searched for: {unsearchable}.")))
}

/// The filters, the search apart.
pub(super) fn filter(query: &Query) -> Result<MemberFilter, Refusal> {
    let role = match query.text("role") {
        "" => None,
        text => {
            check_role(text).map_err(|broken| Refusal::Query(format!("“role” {broken}.")))?;
            Some(text.to_owned())
        }
    };
    Ok(MemberFilter {
        search: None,
        is_present: query.choice("status", &STATUS)?,
        is_linked: query.choice("linked", &YES_NO)?,
        is_bot: query.choice("bot", &YES_NO)?,
        role,
        joined: span(query.date("joined_from")?, query.date("joined_to")?),
        left: span(query.date("left_from")?, query.date("left_to")?),
        hold: None,
    })
}

/// From the start of the first day to the end of the last one.
fn span(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Span {
    let start = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    Span { from: from.map(start), before: to.and_then(|day| day.checked_add_days(Days::new(1))).map(start) }
}

pub(super) fn order(query: &Query) -> Result<MemberOrder, Refusal> {
    Ok(query.choice("sort", &SORTS)?.unwrap_or_default())
}

/// Where a page lies, as [`key`] wrote it.
pub(super) fn place(query: &Query) -> Result<Place<MemberPlace>, Refusal> {
    let read = |key: &str| {
        let (at, id) = key.split_once('.')?;
        let at = match at {
            "" => None,
            micros => Some(DateTime::<Utc>::from_timestamp_micros(micros.parse().ok()?)?),
        };
        Some(MemberPlace { at, id: id.parse().ok()? })
    };
    query.place(read)
}

/// A place as it stands in an address.
pub(super) fn key(place: MemberPlace) -> String {
    let at = place.at.map(|at| at.timestamp_micros().to_string()).unwrap_or_default();
    format!("{at}.{}", place.id)
}

/// A member as the template shows it.
pub(super) struct Row {
    pub id: DiscordId,
    pub address: String,
    pub avatar: Avatar,
    pub name: String,
    pub username: String,
    pub is_bot: bool,
    pub roles: Chips,
    /// Where the account is, and its name.
    pub account: Option<(String, String)>,
    pub joined: Option<When>,
    pub left: Option<When>,
    pub modified: When,
}

impl Row {
    pub fn new(row: MemberRow, names: &RoleNames, guild: Option<DiscordId>) -> Self {
        let member = row.member;
        Self {
            id: member.id,
            address: format!("{MEMBERS}{}/", member.id),
            avatar: Avatar::new(&member, guild),
            roles: names.chips(&member),
            // Of somebody who was only seen to leave, nothing but the id may be known.
            name: member.shown_name().into_owned(),
            username: member.username,
            is_bot: member.is_bot,
            account: row.account.map(|(number, name)| (format!("{ACCOUNTS}{number}/"), account_name(&name, number).into_owned())),
            joined: member.joined_at.map(When::from),
            left: row.date_left.map(When::from),
            modified: row.date_modified.into(),
        }
    }
}

/// The head of a column.
pub(super) struct Head {
    /// What the style sheet knows the column by.
    pub column: &'static str,
    pub words: &'static str,
    /// The list sorted by it, or the other way round.
    pub address: Option<String>,
    /// How it is sorted by this column.
    pub sorted: Option<&'static str>,
}

/// The columns that a list may do without, because they are the same in all its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    pub account: bool,
    pub left: bool,
}

impl Columns {
    /// All of them.
    pub const ALL: Self = Self { account: true, left: true };
}

/// The heads of a list, with the ways to sort it if it can be sorted.
pub(super) fn heads(sorting: Option<(&Query, MemberOrder)>, columns: Columns) -> Vec<Head> {
    let plain = |column, words| Head { column, words, address: None, sorted: None };
    let sortable = |words, by, name: [&str; 2]| {
        let Some((query, order)) = sorting else { return plain("time", words) };
        let is_here = order.by == by;
        // The newest first is what is looked for.
        let other = if is_here && order.is_descending { name[0] } else { name[1] };
        let sorted = is_here.then_some(if order.is_descending { "descending" } else { "ascending" });
        Head { column: "time", words, address: Some(query.with("sort", other)), sorted }
    };
    let all = [
        Some(plain("name", "Name")),
        Some(plain("username", "Username")),
        Some(plain("roles", "Roles")),
        columns.account.then(|| plain("account", "Account")),
        Some(sortable("Joined", SortBy::Joined, ["joined_at", "-joined_at"])),
        columns.left.then(|| sortable("Left", SortBy::Left, ["date_left", "-date_left"])),
        Some(plain("time", "Modified")),
    ];
    all.into_iter().flatten().collect()
}
