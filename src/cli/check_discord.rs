//! The doctor's look at Discord: token, intent, guild, member list, report channel, login.

use std::time::Duration;

use super::check::{Findings, fine, note};
use crate::app;
use crate::config::Config;
use crate::discord::{DiscordError, Patience, Rest, members_intent_off};
use crate::domain::DiscordId;

/// What is left to do where the problem says the rest.
const AGAIN: &str = "then run `guildsync check` again";
/// A person is waiting.
const PATIENCE: Patience = Patience {
    connect: Duration::from_secs(3),
    answer: Duration::from_secs(5),
    stand_still: Duration::from_secs(10),
    first_pause: Duration::from_millis(500),
    longest_pause: Duration::from_secs(5),
};

/// Looks at all that these settings want of Discord.
pub(super) async fn check_discord(config: &Config, guild: Option<DiscordId>, findings: &mut Findings) {
    if config.discord.oauth_client().is_some() {
        let public = config.public_url();
        fine("logins with Discord are configured");
        note(&format!("the page OAuth2 of your application must list this redirect: {public}/accounts/discord/login/callback/"));
    } else {
        note("DISCORD_CLIENT_ID is not set: nobody can log in with Discord");
    }
    let redis = app::redis_options(config);
    match app::rest(config, redis.as_ref(), PATIENCE) {
        Ok(None) => note("DISCORD_TOKEN is not set: no bot, and no member list from Discord"),
        Ok(Some(rest)) => {
            if let Err(error) = check_bot(&rest, guild, config, findings).await {
                tell(&error, config.discord.api_url(), findings);
            }
        }
        Err(error) => findings.problem(&format!("Discord: {error}"), "correct the setting"),
    }
}

/// Discord's errors say themselves what to do; those that pass need nobody.
fn tell(error: &DiscordError, api_url: &str, findings: &mut Findings) {
    if error.is_transient() {
        let remedy =
            "see whether this machine reaches it, and look at https://discordstatus.com; what needs Discord waits meanwhile";
        findings.problem(&format!("Discord ({api_url}) does not answer as it should just now"), remedy);
    } else {
        findings.problem(&error.to_string(), AGAIN);
    }
}

async fn check_bot(rest: &Rest, guild: Option<DiscordId>, config: &Config, findings: &mut Findings) -> Result<(), DiscordError> {
    let bot = rest.identity().await?;
    fine(&format!("Discord knows the token: the bot is {}", bot.username));
    if bot.has_members_intent {
        fine("the Server Members Intent is on");
    } else {
        findings.problem(&members_intent_off(), AGAIN);
    }
    let Some(guild) = guild else {
        note("without GUILD_ID nothing more can be asked of Discord");
        return Ok(());
    };
    if let Err(error) = check_guild(rest, guild, bot.has_members_intent).await {
        tell(&error, config.discord.api_url(), findings);
    }
    // The settings were read, so the id is one.
    if let Ok(Some(channel)) = config.report_channel() {
        check_channel(rest, Place { guild, bot: bot.user, channel }, findings).await?;
    }
    Ok(())
}

async fn check_guild(rest: &Rest, guild: DiscordId, has_members_intent: bool) -> Result<(), DiscordError> {
    let facts = rest.guild(guild).await?;
    let members = facts.approximate_member_count.map(|count| format!(", about {count} members")).unwrap_or_default();
    fine(&format!("the bot is in the server {}{members}", facts.name));
    if has_members_intent {
        let page = rest.members_after(guild, None).await?;
        fine(&format!("the members can be listed ({} on the first page)", page.received));
    }
    Ok(())
}

/// Where reports are to go, and who writes them.
#[derive(Clone, Copy)]
struct Place {
    guild: DiscordId,
    bot: DiscordId,
    channel: DiscordId,
}

/// Looks at the channel for reports.
async fn check_channel(rest: &Rest, place: Place, findings: &mut Findings) -> Result<(), DiscordError> {
    let Place { guild, bot, channel } = place;
    let facts = rest.channel(channel).await?;
    let name = facts.name.map(|name| format!(" (#{name})")).unwrap_or_default();
    if facts.guild != Some(guild) {
        findings.problem(
            &format!("the report channel {channel}{name} is not in the server of GUILD_ID"),
            "right-click a channel of that server > Copy Channel ID, and put it into bot.report_channel",
        );
    } else if facts.holds_messages {
        let lacks = match &facts.overwrites {
            Some(overwrites) => rest.lacks_to_write(guild, bot, overwrites).await?,
            None => None,
        };
        match lacks {
            None => fine(&format!("the bot sees the report channel{name}; whether it may write there shows at the first report")),
            Some(lacks) if lacks.is_empty() => fine(&format!("the bot may write in the report channel{name}")),
            Some(lacks) => findings.problem(
                &format!("the bot may not write in the report channel {channel}{name}: it lacks {}", lacks.join(" and ")),
                "right-click the channel > Edit Channel > Permissions, add the bot or its role, and allow that",
            ),
        }
    } else {
        findings.problem(
            &format!("the report channel {channel}{name} holds no messages: it is a category or a forum"),
            "right-click a text channel > Copy Channel ID, and put it into bot.report_channel",
        );
    }
    Ok(())
}
