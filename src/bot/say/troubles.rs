//! Standing conditions that a person must know of, and most of which only a person can end. They stand in the log, on the overview page, and
//! in replies.

use crate::discord::{DiscordError, members_intent_off};
use crate::domain::DiscordId;

/// Discord does not let the bot see members come and go (close code 4014).
pub(in crate::bot) fn intent() -> String {
    format!("{}. Until then the bot answers commands only; it tries again by itself.", members_intent_off())
}

/// Discord does not take the token (close code 4004, or 401).
pub(in crate::bot) fn token() -> String {
    format!("{}. The bot has stopped.", DiscordError::WrongToken)
}

/// The bot is not in the guild.
pub(in crate::bot) fn guild(guild: DiscordId, invitation: &str) -> String {
    format!(
        "The bot is not in the Discord server {guild} (GUILD_ID), so it sees none of its members. Invite it: {invitation} - or correct GUILD_ID. It \
         begins by itself once it is there."
    )
}

/// Discord's gateway cannot be reached, or does not answer as it should.
pub(in crate::bot) fn gateway(reason: &str) -> String {
    format!(
        "The bot has no connection to Discord ({reason}). It keeps trying; changes of members and commands are not seen meanwhile, and a full sync \
         follows once it is back."
    )
}

/// Discord ends every session with a close code after which none of the same kind can succeed.
pub(in crate::bot) fn refused(code: u16) -> String {
    let (why, remedy) = match code {
        4011 => (
            "it is in more servers than one session may serve",
            "Give this server a bot of its own: make another application in the Discord Developer Portal, put its token into DISCORD_TOKEN",
        ),
        4012 => ("it no longer speaks the version of the gateway that this program does", NEWER),
        4013 => ("it does not know what this version of the program asks to be told of", NEWER),
        _ => ("it does not take what this version of the program identifies with", NEWER),
    };
    format!(
        "Discord refuses the bot every session (close code {code}): {why}. The bot has stopped. {remedy} and start this process again."
    )
}

/// What to do about a refusal of what the program says.
const NEWER: &str = "Install a newer version of guildsync";

/// Sessions end again and again.
pub(in crate::bot) fn restless() -> String {
    "Discord ends every session soon after it began; is the same token used by another program?".to_owned()
}

/// The commands could not be registered.
pub(in crate::bot) fn commands(reason: &str, invitation: &str) -> String {
    format!(
        "The commands /sync_members and /sync_status could not be registered ({reason}). If the bot was invited without the scope \
         applications.commands, invite it again: {invitation}"
    )
}

/// The report channel could not be written to.
pub(in crate::bot) fn channel(channel: DiscordId, reason: &str) -> String {
    format!(
        "The report channel {channel} (bot.report_channel) could not be written to ({reason}); what it would have been told is in the log. Check the \
         channel's id, and that the bot may view the channel and send messages there."
    )
}
