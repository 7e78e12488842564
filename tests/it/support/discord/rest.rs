//! From a request to its answer: waits, troubles, who asks, limits, and then the route.

use std::sync::Arc;

use poem::Response;
use serde_json::json;

use super::reply::{Answer, Reply};
use super::request::{Request, Route};
use super::trouble::Trouble;
use super::world::{APPLICATION, Asked, World};
use super::{Shared, channels, guilds, interactions, oauth};

/// Of an application in fewer than a hundred guilds: the Server Members Intent is switched on.
const GATEWAY_GUILD_MEMBERS_LIMITED: u64 = 1 << 15;

/// The endpoint of everything.
pub(super) async fn answer(mut from: poem::Request) -> Response {
    let shared = from.extensions_mut().remove::<Arc<Shared>>().expect("the server gives it to every request");
    let request = Request::read(from).await;
    let reply = shared.with(|world| {
        let reply = reply(world, &request);
        world.log.push(Asked { request, status: reply.status() });
        reply
    });
    reply.send().await
}

fn reply(world: &mut World, asked: &Request) -> Reply {
    if let Some(refusal) = world.limits.early(asked) {
        return Reply::Whole(refusal);
    }
    let trouble = world.troubles.due(asked.route);
    if let Some(reply) = trouble.and_then(|trouble| trouble.instead(asked, &mut world.limits)) {
        return reply;
    }
    if asked.route.is_of_a_browser() {
        return Reply::Whole(oauth::authorize(world, asked));
    }
    if let Some(refusal) = stranger(world, asked) {
        return Reply::Whole(refusal);
    }
    let (headers, refusal) = world.limits.count(asked);
    let mut answer = refusal.unwrap_or_else(|| routed(world, asked, trouble));
    answer.headers.extend(headers);
    if matches!(trouble, Some(Trouble::CutBody)) { Reply::Cut(answer) } else { Reply::Whole(answer) }
}

/// The refusal of who does not say who they are.
fn stranger(world: &World, asked: &Request) -> Option<Answer> {
    let agent = asked.user_agent.strip_prefix("DiscordBot (").and_then(|rest| rest.split_once(')'));
    let Some((agent, _)) = agent else {
        return Some(Answer::error(400, 0, "400: the User-Agent must be \"DiscordBot ($url, $version)\""));
    };
    if agent.split_once(", ").is_none_or(|(url, version)| !url.starts_with("http") || version.is_empty()) {
        return Some(Answer::error(400, 0, "400: the User-Agent must name an address and a version"));
    }
    let holds_a_token = asked.route == Route::Me && asked.authorization.starts_with("Bearer ");
    if asked.route.is_of_an_interaction()
        || asked.route == Route::Gateway
        || asked.route == Route::Token
        || holds_a_token
        || asked.authorization == format!("Bot {}", world.token)
    {
        return None;
    }
    Some(unauthorized())
}

fn routed(world: &mut World, asked: &Request, trouble: Option<Trouble>) -> Answer {
    match asked.route {
        Route::Gateway => Answer::json(&json!({ "url": world.gateway.url })),
        Route::GatewayBot => {
            let limit = world.gateway.start_limit();
            Answer::json(&json!({ "url": world.gateway.url, "shards": 1, "session_start_limit": limit }))
        }
        Route::Me => me(world, asked),
        Route::Authorize => oauth::authorize(world, asked),
        Route::Token => oauth::token(world, asked),
        Route::Application => application(world),
        Route::Guild => guilds::guild(world, asked),
        Route::Members => guilds::members(world, asked, trouble),
        Route::Member => guilds::member(world, asked),
        Route::Roles => guilds::roles(world, asked),
        Route::Commands => interactions::commands(world, asked),
        Route::Callback => interactions::callback(world, asked),
        Route::Original => interactions::original(world, asked),
        Route::Channel => channels::channel(world, asked),
        Route::Message => channels::message(world, asked),
        Route::Unknown => Answer::error(404, 0, "404: Not Found"),
    }
}

/// The bot, or the person whose token it is.
fn me(world: &World, asked: &Request) -> Answer {
    match asked.authorization.strip_prefix("Bearer ") {
        Some(token) => oauth::me(world, token).unwrap_or_else(unauthorized),
        None => Answer::json(&World::bot().itself()),
    }
}

fn unauthorized() -> Answer {
    Answer::error(401, 0, "401: Unauthorized")
}

/// What the portal says of the application.
pub(super) fn application_flags(world: &World) -> u64 {
    if world.members_intent { GATEWAY_GUILD_MEMBERS_LIMITED } else { 0 }
}

fn application(world: &World) -> Answer {
    Answer::json(&json!({
        "id": APPLICATION.to_string(),
        "name": "Guild Sync",
        "icon": null,
        "description": "",
        "type": null,
        "bot": World::bot().user(),
        "bot_public": false,
        "bot_require_code_grant": false,
        "verify_key": "00".repeat(32),
        "flags": application_flags(world),
        "redirect_uris": [],
        "interactions_endpoint_url": null,
        "role_connections_verification_url": null,
        "owner": World::bot().user(),
        "approximate_guild_count": u8::from(world.in_guild),
        "explicit_content_filter": 0,
        "team": null,
    }))
}
