//! The page about yourself.
//!
//! Enters: who asks. Leaves: what we know of their account and of their membership.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Response, handler};

use crate::domain::{DiscordId, MemberRow};
use crate::http::pages::App;
use crate::http::pages::addresses::ADMIN;
use crate::http::pages::avatar::Avatar;
use crate::http::pages::names as filters;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Person;
use crate::http::pages::shell::{Section, Shell, When, html};

/// What is known of a membership.
enum Membership {
    /// The account has no Discord id, so nobody can know.
    Unknown,
    /// Never seen in the guild.
    None,
    Present(Known),
    Left(When, Known),
}

/// What the guild knows of a member.
struct Known {
    joined: Option<When>,
    nickname: String,
    roles: usize,
}

#[derive(Template)]
#[template(path = "me.html")]
struct MePage<'a> {
    shell: Shell<'a>,
    avatar: Option<Avatar>,
    name: &'a str,
    email: &'a str,
    discord_id: Option<DiscordId>,
    joined: When,
    /// Where the pages of staff are, for staff.
    admin: Option<&'static str>,
    membership: Membership,
}

/// The page.
#[handler]
pub(super) async fn show(Person(viewer): Person, app: Data<&Arc<App>>) -> Result<Response, Refusal> {
    let account = &viewer.account;
    let row = match account.discord_id {
        Some(id) => app.state.read.member(id).await?,
        None => None,
    };
    let page = MePage {
        shell: Shell::new(Some(&viewer), Section::None),
        avatar: row.as_ref().map(|row| Avatar::new(&row.member, app.guild())),
        name: &account.username,
        email: &account.email,
        discord_id: account.discord_id,
        joined: account.date_joined.into(),
        admin: account.is_staff.then_some(ADMIN),
        membership: membership(account.discord_id, row),
    };
    Ok(html(StatusCode::OK, page.render()?))
}

fn membership(id: Option<DiscordId>, row: Option<MemberRow>) -> Membership {
    let Some(row) = row else { return if id.is_some() { Membership::None } else { Membership::Unknown } };
    let known = Known {
        joined: row.member.joined_at.map(When::from),
        roles: row.member.roles.to_vec().len(),
        nickname: row.member.nickname,
    };
    match row.date_left {
        None => Membership::Present(known),
        Some(left) => Membership::Left(left.into(), known),
    }
}
