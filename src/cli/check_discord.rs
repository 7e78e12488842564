//! The doctor's look at Discord: token, intent, guild, member list, login.

use std::time::Duration;

use super::check::{Findings, fine, note};
use crate::app;
use crate::config::Config;
use crate::discord::{DiscordError, Patience, Rest};
use crate::domain::DiscordId;

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
            if let Err(error) = check_bot(&rest, guild, findings).await {
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
        findings.problem(&error.to_string(), "then run `guildsync check` again");
    }
}

async fn check_bot(rest: &Rest, guild: Option<DiscordId>, findings: &mut Findings) -> Result<(), DiscordError> {
    let bot = rest.identity().await?;
    fine(&format!("Discord knows the token: the bot is {}", bot.username));
    if bot.has_members_intent {
        fine("the Server Members Intent is on");
    } else {
        findings.problem(
            "the Server Members Intent is off, so the members can be neither listed nor watched",
            "Discord Developer Portal > your application > Bot > Privileged Gateway Intents > Server Members Intent: turn it on",
        );
    }
    let Some(guild) = guild else {
        note("without GUILD_ID nothing more can be asked of Discord");
        return Ok(());
    };
    let facts = rest.guild(guild).await?;
    let members = facts.approximate_member_count.map(|count| format!(", about {count} members")).unwrap_or_default();
    fine(&format!("the bot is in the server {}{members}", facts.name));
    if bot.has_members_intent {
        let page = rest.members_after(guild, None).await?;
        fine(&format!("the members can be listed ({} on the first page)", page.received));
    }
    Ok(())
}
