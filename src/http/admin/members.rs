//! The list of members.
//!
//! Enters: which page of the list. Leaves: that page. Paging goes by id, so any depth is as quick as the first page.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};
use url::form_urlencoded::parse;

use crate::domain::{DiscordId, MemberRow};
use crate::http::pages::App;
use crate::http::pages::addresses::MEMBERS;
use crate::http::pages::avatar::Avatar;
use crate::http::pages::chips::{Chips, RoleNames};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html, number};
use crate::store::{MemberPage, MemberTotals};

const PAGE_SIZES: [i64; 4] = [25, 50, 100, 200];
const DEFAULT_SIZE: i64 = 100;

/// What the address asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct View {
    after: Option<DiscordId>,
    page_size: i64,
}

impl View {
    fn read(query: &str) -> Result<Self, Refusal> {
        let (mut after, mut page_size) = (None, None);
        for (name, value) in parse(query.as_bytes()) {
            let twice = match name.as_ref() {
                "after" => after
                    .replace(value.parse().map_err(|fault| Refusal::Query(format!("“after” cannot be used: {fault}.")))?)
                    .is_some(),
                "page_size" => {
                    let size = value.parse().ok().filter(|size| PAGE_SIZES.contains(size));
                    let fault = || Refusal::Query("“page_size” must be 25, 50, 100 or 200.".to_owned());
                    page_size.replace(size.ok_or_else(fault)?).is_some()
                }
                other => {
                    let other = other.chars().take(40).collect::<String>();
                    return Err(Refusal::Query(format!("This list does not know “{other}”; it knows “after” and “page_size”.")));
                }
            };
            if twice {
                return Err(Refusal::Query(format!("“{name}” is given twice.")));
            }
        }
        Ok(Self { after, page_size: page_size.unwrap_or(DEFAULT_SIZE) })
    }

    /// The address of a view; defaults are left out of it.
    fn address(self) -> String {
        let after = self.after.map(|after| format!("after={after}"));
        let size = (self.page_size != DEFAULT_SIZE).then(|| format!("page_size={}", self.page_size));
        let query = after.into_iter().chain(size).collect::<Vec<_>>().join("&");
        if query.is_empty() { MEMBERS.to_owned() } else { format!("{MEMBERS}?{query}") }
    }
}

/// A row as the template shows it.
struct Row {
    id: DiscordId,
    avatar: Avatar,
    name: String,
    username: String,
    is_bot: bool,
    roles: Chips,
    account: Option<String>,
    joined: Option<When>,
    left: Option<When>,
}

impl Row {
    fn new(row: MemberRow, names: &RoleNames, guild: Option<DiscordId>) -> Self {
        let member = row.member;
        Self {
            id: member.id,
            avatar: Avatar::new(&member, guild),
            roles: names.chips(&member),
            // Of somebody who was only seen to leave, nothing but the id may be known.
            name: Some(member.shown_name()).filter(|name| !name.is_empty()).map_or_else(|| member.id.to_string(), str::to_owned),
            username: member.username,
            is_bot: member.is_bot,
            account: row.account.map(|(_, name)| name),
            joined: member.joined_at.map(When::from),
            left: row.date_left.map(When::from),
        }
    }
}

/// A length of the page that can be chosen.
struct Size {
    rows: i64,
    address: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "members.html")]
struct MembersPage<'a> {
    shell: Shell<'a>,
    totals: [(&'static str, String); 3],
    rows: Vec<Row>,
    sizes: [Size; 4],
    /// Where the first page is, unless this is it.
    first: Option<String>,
    /// Where the next page is, if there is one.
    next: Option<String>,
    public_url: &'a str,
}

/// A page of the list.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let view = View::read(request.uri().query().unwrap_or_default())?;
    let read = &app.state.read;
    // One row more than is shown says whether there is a next page.
    let page = MemberPage { after: view.after, limit: view.page_size + 1 };
    let (mut members, totals, roles) = tokio::try_join!(read.members(page), read.member_totals(), read.roles())?;
    let names = RoleNames::new(roles);
    let shown = usize::try_from(view.page_size).unwrap_or(usize::MAX);
    let has_more = members.len() > shown;
    members.truncate(shown);
    let last = members.last().map(|row| row.member.id).filter(|_| has_more);
    let page = MembersPage {
        shell: Shell::new(Some(&staff.0), Section::Members),
        totals: figures(totals),
        rows: members.into_iter().map(|row| Row::new(row, &names, app.guild())).collect(),
        sizes: PAGE_SIZES.map(|rows| Size {
            rows,
            address: View { page_size: rows, ..view }.address(),
            is_chosen: rows == view.page_size,
        }),
        first: view.after.map(|_| View { after: None, ..view }.address()),
        next: last.map(|last| View { after: Some(last), ..view }.address()),
        public_url: &app.state.public_url,
    };
    Ok(html(StatusCode::OK, page.render()?))
}

pub(super) fn figures(totals: MemberTotals) -> [(&'static str, String); 3] {
    [("Present", totals.present), ("Left", totals.left), ("Linked", totals.linked)].map(|(word, count)| (word, number(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_its_own_address() {
        for query in ["", "after=5", "page_size=25", "after=9223372036854775807&page_size=200"] {
            let view = View::read(query).unwrap();
            assert_eq!(View::read(view.address().trim_start_matches(MEMBERS).trim_start_matches('?')).unwrap(), view);
        }
        assert_eq!(View::read("page_size=100").unwrap().address(), MEMBERS);
    }

    #[test]
    fn what_cannot_be_asked_for_is_named() {
        for (query, named) in [
            ("after=", "“after”"),
            ("after=x", "“after”"),
            ("page_size=101", "“page_size”"),
            ("page_size=-25", "“page_size”"),
            ("q=anna", "“q”"),
            ("after=1&after=2", "“after” is given twice"),
        ] {
            let fault = View::read(query).unwrap_err().to_string();
            assert!(fault.contains(named), "{query}: {fault}");
        }
    }
}
