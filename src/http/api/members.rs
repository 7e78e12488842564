//! `GET /api/dbot/members/{discord_id}`: one member, and under `…/events` what happened to the row since it was made.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::{Data, Json, Path};
use poem::{IntoResponse as _, Request, Response, handler};
use serde::Serialize;

use super::Api;
use super::problem::Problem;
use super::waiting::{limit, member_id, query};
use crate::domain::{DiscordId, Event, MemberRow, RunId};
use crate::intake::Rule;

/// A row of `guild_members`, by the names of its columns.
#[derive(Serialize)]
struct MemberAnswer {
    discord_id: DiscordId,
    username: String,
    display_name: String,
    nickname: String,
    avatar_hash: String,
    guild_avatar_hash: String,
    roles: Vec<String>,
    joined_at: Option<DateTime<Utc>>,
    is_bot: bool,
    date_created: DateTime<Utc>,
    date_modified: DateTime<Utc>,
    date_left: Option<DateTime<Utc>>,
    observed_at: DateTime<Utc>,
    created_run_id: Option<RunId>,
    account: Option<AccountAnswer>,
}

/// The account that the member is linked to.
#[derive(Serialize)]
struct AccountAnswer {
    id: i64,
    username: String,
}

impl From<MemberRow> for MemberAnswer {
    fn from(row: MemberRow) -> Self {
        let member = row.member;
        Self {
            discord_id: member.id,
            roles: member.roles.to_vec(),
            guild_avatar_hash: member.guild_avatar().to_owned(),
            username: member.username,
            display_name: member.display_name,
            nickname: member.nickname,
            avatar_hash: member.avatar_hash,
            joined_at: member.joined_at,
            is_bot: member.is_bot,
            date_created: row.date_created,
            date_modified: row.date_modified,
            date_left: row.date_left,
            observed_at: row.observed_at,
            created_run_id: row.created_run_id,
            account: row.account.map(|(id, username)| AccountAnswer { id, username }),
        }
    }
}

/// A page of events, newest first.
#[derive(Serialize)]
struct Events {
    events: Vec<Event>,
    /// What `before` is for the next page; null on the last.
    next: Option<i64>,
}

#[handler]
pub(super) async fn show(api: Data<&Arc<Api>>, request: &Request, id: poem::Result<Path<String>>) -> Response {
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    find(&api, request, &id).await.unwrap_or_else(Problem::into_response)
}

async fn find(api: &Api, request: &Request, id: &str) -> Result<Response, Problem> {
    api.admit(request)?;
    let row = known(api, member_id(id)?).await?;
    Ok(Json(MemberAnswer::from(row)).into_response())
}

#[handler]
pub(super) async fn events(api: Data<&Arc<Api>>, request: &Request, id: poem::Result<Path<String>>) -> Response {
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    history(&api, request, &id).await.unwrap_or_else(Problem::into_response)
}

async fn history(api: &Api, request: &Request, id: &str) -> Result<Response, Problem> {
    api.admit(request)?;
    let (id, limit) = (member_id(id)?, limit(request)?);
    let before = query(request, "before")?.map(|text| text.parse::<i64>()).transpose();
    let before = before.map_err(|_| Problem::fault("before", Rule::Form, "must be the number of an event"))?;
    known(api, id).await?;
    let mut found = api.state.read.history(id, before, limit + 1).await?;
    let is_last = i64::try_from(found.len()).is_ok_and(|length| length <= limit);
    if !is_last {
        found.pop();
    }
    let next = found.last().filter(|_| !is_last).map(|event| event.number);
    Ok(Json(Events { events: found, next }).into_response())
}

async fn known(api: &Api, id: DiscordId) -> Result<MemberRow, Problem> {
    let row = api.state.read.member(id).await?;
    row.ok_or_else(|| Problem::not_found("No member with this id has been seen in the guild."))
}
