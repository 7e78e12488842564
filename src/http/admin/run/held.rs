//! Whom a run holds back, to be decided about.
//!
//! Enters: a held run, and where in the list a page begins. Leaves: its rows.

use crate::domain::{DiscordId, MemberRow, Run, RunState, nothing_held};
use crate::http::pages::App;
use crate::http::pages::addresses::MEMBERS;
use crate::http::pages::avatar::Avatar;
use crate::http::pages::chips::{Chips, RoleNames};
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::shell::When;

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
    pub rows: Vec<Row>,
    pub next: Option<String>,
}

impl Held {
    /// Whether there is something to decide about.
    pub(super) fn is_open(run: &Run) -> bool {
        run.state == RunState::Held && nothing_held(run.state, run.held_reason).is_none()
    }

    /// Reads a page of whom a run holds back.
    pub(super) async fn read(app: &App, run: &Run, query: &Query) -> Result<Self, Refusal> {
        let place = |text: &str| text.parse().map_err(|_| Refusal::Query("“after” is no place in this list.".into()));
        let after: Option<DiscordId> = query.after()?.map(place).transpose()?;
        let size = query.page_size()?;
        // One more than is shown says whether there is a next page.
        let mut found = app.state.runs.held(run.id, after, size + 1).await?;
        let shown = usize::try_from(size).unwrap_or(usize::MAX);
        let has_more = found.len() > shown;
        found.truncate(shown);
        let next = found.last().filter(|_| has_more).map(|row| query.next(&row.member.id.to_string()));
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
        Ok(Self { rows: found.into_iter().map(row).collect(), next })
    }
}
