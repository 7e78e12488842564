//! Whom a run holds back, to be decided about.
//!
//! Enters: a held run, what is searched for among them, and where in the list a page begins. Leaves: its rows, and how many fit.

use crate::domain::{DiscordId, MemberRow, Run, RunState, nothing_held};
use crate::http::admin::member_pages::find;
use crate::http::admin::member_view::sought;
use crate::http::pages::App;
use crate::http::pages::addresses::MEMBERS;
use crate::http::pages::avatar::Avatar;
use crate::http::pages::chips::{Chips, RoleNames};
use crate::http::pages::pager::Pager;
use crate::http::pages::query::{Place, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::search_hint::SearchHint;
use crate::http::pages::shell::{When, number};
use crate::store::{Hold, MemberFilter, MemberPlace, MemberView, MembersFound};

/// What the list is searched by.
pub(super) const HELD_Q: &str = "held_q";
/// Most who can be ticked at once, over all pages of the list: a form of so many ids is taken.
const MOST_TICKED: usize = 500;

/// A held departure as the template shows it.
pub(super) struct Row {
    pub id: DiscordId,
    pub avatar: Avatar,
    pub name: String,
    pub address: String,
    pub roles: Chips,
    pub joined: Option<When>,
    /// Newer evidence has come: it will not be marked.
    pub is_newer: bool,
}

/// A page of held departures.
pub(super) struct Held {
    pub q: String,
    pub page_size: String,
    /// Why what is searched for cannot be.
    pub hint: Option<SearchHint>,
    /// How many of those who are held fit the search.
    pub results: Option<String>,
    /// The list without the search.
    pub all: String,
    pub rows: Vec<Row>,
    pub most_ticked: usize,
    pub pager: Pager,
}

/// Those whom a run holds.
pub(super) fn held_by(run: &Run) -> MemberFilter {
    let hold = Hold { run: run.id, count: run.counts.departures_held };
    MemberFilter { hold: Some(hold), ..MemberFilter::default() }
}

impl Held {
    /// Whether there is something to decide about.
    pub(super) fn is_open(run: &Run) -> bool {
        run.state == RunState::Held && nothing_held(run.state, run.held_reason).is_none()
    }

    /// Reads a page of whom a run holds back.
    pub(super) async fn read(app: &App, run: &Run, query: &Query) -> Result<Self, Refusal> {
        let (place, size) = (query.place(|id| Some(MemberPlace { at: None, id: id.parse().ok()? }))?, query.page_size()?);
        let sought = sought(query, HELD_Q);
        let found = match &sought {
            Ok(search) => listed(app, MemberFilter { search: search.clone(), ..held_by(run) }, place, size).await?,
            Err(_) => MembersFound::default(),
        };
        let pager = Pager::of(query, &found.rows, found.has_more, |row| row.member.id.to_string()).at("#list");
        let roles = RoleNames::new(app.state.read.roles().await?);
        let row = |row: MemberRow| Row {
            id: row.member.id,
            avatar: Avatar::new(&row.member, app.guild()),
            name: row.member.shown_name().into_owned(),
            address: format!("{MEMBERS}{}/", row.member.id),
            roles: roles.chips(&row.member),
            joined: row.member.joined_at.map(When::from),
            is_newer: row.observed_at > run.observed_at || row.date_left.is_some(),
        };
        let all = query.with(HELD_Q, "");
        Ok(Self {
            q: query.text(HELD_Q).to_owned(),
            page_size: query.text("page_size").to_owned(),
            results: results(&found, query, run).filter(|_| sought.is_ok()),
            hint: sought.err().map(|why| SearchHint::new(why, format!("{all}#list"), "Show all who are held").below()),
            all,
            rows: found.rows.into_iter().map(row).collect(),
            most_ticked: MOST_TICKED,
            pager,
        })
    }
}

async fn listed(app: &App, filter: MemberFilter, place: Place<MemberPlace>, size: i64) -> Result<MembersFound, Refusal> {
    Ok(find(app, MemberView { filter, limit: size, ..MemberView::default() }, place).await?)
}

/// How many fit what is searched for, as far as is known.
fn results(found: &MembersFound, query: &Query, run: &Run) -> Option<String> {
    let of_all = number(run.counts.departures_held);
    let shown = i64::try_from(found.rows.len()).unwrap_or(i64::MAX);
    match found.total {
        _ if query.text(HELD_Q).is_empty() => None,
        Some(total) => Some(format!("{} of {of_all} found", number(total))),
        None if query.is_first() => Some(format!("More than {} of {of_all} found", number(shown))),
        None => None,
    }
}
