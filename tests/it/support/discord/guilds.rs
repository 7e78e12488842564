//! The guild, its members and its roles.

use std::ops::Bound;

use serde_json::{Value, json};

use super::reply::Answer;
use super::request::Request;
use super::trouble::Trouble;
use super::world::{APPLICATION, GUILD, World};

/// Most members of a page.
const LONGEST_PAGE: usize = 1000;

/// The refusal of who asks for another guild, or is not in this one.
pub(super) fn outside(world: &World, guild: &str) -> Option<Answer> {
    if guild != GUILD.to_string() {
        return Some(Answer::error(404, 10004, "Unknown Guild"));
    }
    (!world.in_guild).then(|| Answer::error(403, 50001, "Missing Access"))
}

pub(super) fn guild(world: &World, asked: &Request) -> Answer {
    if let Some(refusal) = outside(world, &asked.major) {
        return refusal;
    }
    let mut guild = described(world);
    if asked.param("with_counts").as_deref() == Some("true") {
        let count = world.approximate_member_count.unwrap_or(world.member_count());
        guild["approximate_member_count"] = count.into();
        guild["approximate_presence_count"] = (count / 3).into();
    }
    Answer::json(&guild)
}

/// The guild without its counts.
pub(super) fn described(world: &World) -> Value {
    json!({
        "id": GUILD.to_string(),
        "name": world.guild_name,
        "icon": null,
        "description": null,
        "home_header": null,
        "splash": null,
        "discovery_splash": null,
        "features": ["COMMUNITY"],
        "banner": null,
        "owner_id": "100000000000000003",
        "application_id": null,
        "region": "us-central",
        "afk_channel_id": null,
        "afk_timeout": 300,
        "system_channel_id": null,
        "system_channel_flags": 0,
        "widget_enabled": false,
        "widget_channel_id": null,
        "verification_level": 1,
        "roles": world.roles,
        "default_message_notifications": 1,
        "mfa_level": 0,
        "explicit_content_filter": 2,
        "max_presences": null,
        "max_members": 2_500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": null,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "rules_channel_id": null,
        "safety_alerts_channel_id": null,
        "public_updates_channel_id": null,
        "premium_progress_bar_enabled": false,
        "nsfw": false,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
    })
}

pub(super) fn members(world: &World, asked: &Request, trouble: Option<Trouble>) -> Answer {
    if let Some(refusal) = outside(world, &asked.major) {
        return refusal;
    }
    if !world.members_intent {
        return Answer::error(403, 50001, "Missing Access");
    }
    let limit = asked.param("limit").map_or(Ok(1), |limit| limit.parse::<usize>());
    let Some(limit) = limit.ok().filter(|limit| (1..=LONGEST_PAGE).contains(limit)) else {
        return Answer::invalid("limit", "int value should be between 1 and 1000.");
    };
    let Ok(after) = asked.param("after").map_or(Ok(0), |after| after.parse::<u64>()) else {
        return Answer::invalid("after", "Value is not snowflake.");
    };

    let page = world.members.range((Bound::Excluded(after), Bound::Unbounded)).map(|(_, member)| member.as_str());
    let page: Vec<&str> = match trouble {
        Some(Trouble::CutShort(keep)) => page.take(limit.min(keep)).collect(),
        Some(Trouble::Repeat(again)) => {
            let mut repeated: Vec<&str> = world.members.range(..=after).rev().take(again).map(|(_, m)| m.as_str()).collect();
            repeated.reverse();
            repeated.into_iter().chain(page).take(limit).collect()
        }
        _ => page.take(limit).collect(),
    };
    Answer::text(format!("[{}]", page.join(",")))
}

pub(super) fn member(world: &World, asked: &Request) -> Answer {
    if let Some(refusal) = outside(world, &asked.major) {
        return refusal;
    }
    let Ok(id) = asked.minor.parse::<u64>() else {
        return Answer::invalid("user_id", "Value is not snowflake.");
    };
    match world.members.get(&id) {
        Some(member) => Answer::text(member.clone()),
        None if id == APPLICATION => Answer::json(&World::bot().member()),
        None if world.gone.contains(&id) => Answer::error(404, 10007, "Unknown Member"),
        None => Answer::error(404, 10013, "Unknown User"),
    }
}

pub(super) fn roles(world: &World, asked: &Request) -> Answer {
    outside(world, &asked.major).unwrap_or_else(|| Answer::json(&json!(world.roles)))
}
