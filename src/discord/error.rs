//! Why something asked of Discord did not come, said so that a person knows which switch to turn and where.

use std::time::Duration;

use super::intent::{PORTAL, members_intent_off};

/// Why Discord did not do as asked. Nothing here holds a token or speaks of a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscordError {
    /// 401. Discord is not asked again by the same [`Rest`](super::Rest): the token will not get better.
    #[error(
        "Discord does not accept the bot's token: it is wrong, or was reset. Make a new one in {PORTAL} > Bot > Reset Token, put \
        it into DISCORD_TOKEN and start again"
    )]
    WrongToken,
    /// 403 with code 50001 where the guild was asked for.
    #[error(
        "Discord refuses the bot access to the server (Missing Access, 50001), for one of two reasons. {}. Or the bot is not in the \
        server of GUILD_ID: invite it with the link that OAuth2 > URL Generator makes there, scopes bot and applications.commands",
        members_intent_off()
    )]
    MissingAccess,
    /// 403: a permission is missing.
    #[error(
        "Discord refuses {action} ({message}, {code}). Give the bot {needs}: Discord > Server Settings > Roles > the bot's role \
        > Permissions, or the channel's own settings > Permissions"
    )]
    NoPermission {
        /// What was refused: `to list the members`.
        action: &'static str,
        /// What it takes: `the permissions View Channel and Send Messages`.
        needs: &'static str,
        /// Discord's code for the refusal; 50013 is a missing permission.
        code: i64,
        /// Discord's words for it.
        message: String,
    },
    /// 403 that Discord's API did not speak: its edge refuses this machine.
    #[error(
        "Discord's edge refuses this machine's address (403 without an answer of the API). That passes within hours; it comes of \
        many refused requests from the address, so see what else runs on it, and whether its token and permissions are right"
    )]
    Blocked,
    /// 404 with code 10004.
    #[error(
        "Discord knows no server with the id in GUILD_ID. Copy it again (Discord > Settings > Advanced > Developer Mode, then \
        right-click the server > Copy Server ID), and invite the bot with the link of {PORTAL} > OAuth2 > URL Generator, scopes \
        bot and applications.commands"
    )]
    UnknownGuild,
    /// 404 with code 10003.
    #[error(
        "Discord knows no such channel, or it was deleted. Copy its id again (right-click the channel > Copy Channel ID) and put it \
        into bot.report_channel"
    )]
    UnknownChannel,
    /// Any other refusal; Discord would refuse the same again.
    #[error("Discord refuses {action}: {message} (status {status}, code {code}); please report this")]
    Refused {
        /// What was refused.
        action: &'static str,
        /// The status.
        status: u16,
        /// Discord's code for it, or 0.
        code: i64,
        /// Discord's words for it.
        message: String,
    },
    /// Discord fails or cannot be reached, at every try.
    #[error("Discord is not available: {tries} tries {action} failed, the last one because {fault}. It is asked again later")]
    Unavailable {
        /// What was asked.
        action: &'static str,
        /// How often.
        tries: u32,
        /// What became of the last try.
        fault: String,
    },
    /// Waits that Discord named, and failures, took up all the time there was.
    #[error(
        "Discord had {action} stand still for {} s and wants {} s more. Its rate limit is used up: see what else uses the bot's \
        token. It is asked again later", .waited.as_secs(), .wanted.as_secs()
    )]
    StoodStill {
        /// What was asked.
        action: &'static str,
        /// How long it has waited.
        waited: Duration,
        /// How much longer it should have waited.
        wanted: Duration,
    },
    /// Answers that cannot be read, at every try.
    #[error(
        "Discord's answers cannot be read: {tries} tries {action} came to nothing, the last one because {fault}. Check \
        DISCORD_API_URL and any proxy between; it is asked again later"
    )]
    BadAnswer {
        /// What was asked.
        action: &'static str,
        /// How often.
        tries: u32,
        /// What is wrong with the last answer.
        fault: String,
    },
    /// The address is none, or what stands there is no Discord API.
    #[error("{setting} does not lead to what it should: {fault}; {remedy}")]
    BadAddress {
        /// The setting that holds the address.
        setting: &'static str,
        /// What is wrong.
        fault: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A defect of ours, or of the machine.
    #[error("Discord cannot be asked from here: {0}; please report this")]
    Internal(String),
}

impl DiscordError {
    /// A word for programs: in answers, and as the reason of a failed run.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongToken => "wrong_token",
            Self::MissingAccess => "missing_access",
            Self::NoPermission { .. } => "no_permission",
            Self::Blocked => "blocked",
            Self::UnknownGuild => "unknown_guild",
            Self::UnknownChannel => "unknown_channel",
            Self::Refused { .. } => "refused",
            Self::Unavailable { .. } => "discord_unavailable",
            Self::StoodStill { .. } => "stood_still",
            Self::BadAnswer { .. } => "bad_answer",
            Self::BadAddress { .. } => "bad_address",
            Self::Internal(_) => "internal",
        }
    }

    /// Whether the same may succeed later without anybody turning a switch.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Blocked | Self::Unavailable { .. } | Self::StoodStill { .. } | Self::BadAnswer { .. } => true,
            Self::WrongToken
            | Self::MissingAccess
            | Self::NoPermission { .. }
            | Self::UnknownGuild
            | Self::UnknownChannel
            | Self::Refused { .. }
            | Self::BadAddress { .. }
            | Self::Internal(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(error: &DiscordError, code: &str, transient: bool, words: &[&str]) {
        assert_eq!((error.code(), error.is_transient()), (code, transient));
        let text = error.to_string();
        for word in words {
            assert!(text.contains(word), "{text:?} does not say {word:?}");
        }
        assert!(!text.contains("  "), "{text:?}");
    }

    #[test]
    fn each_names_the_switch_and_where_it_is() {
        says(&DiscordError::WrongToken, "wrong_token", false, &["Developer Portal", "Bot > Reset Token", "DISCORD_TOKEN"]);
        says(
            &DiscordError::MissingAccess,
            "missing_access",
            false,
            &[
                &members_intent_off(),
                "Bot > Privileged Gateway Intents > Server Members Intent",
                "not in the server of GUILD_ID",
                "invite it",
                "50001",
            ],
        );
        says(&DiscordError::UnknownGuild, "unknown_guild", false, &["GUILD_ID", "Copy Server ID", "invite the bot"]);
        says(&DiscordError::UnknownChannel, "unknown_channel", false, &["bot.report_channel", "Copy Channel ID"]);
        says(&DiscordError::Blocked, "blocked", true, &["this machine's address"]);
        let message = || "Missing Permissions".to_owned();
        let needs = "the permissions View Channel and Send Messages";
        says(
            &DiscordError::NoPermission { action: "to post into the channel", needs, code: 50_013, message: message() },
            "no_permission",
            false,
            &["to post into the channel", needs, "50013", "Server Settings > Roles"],
        );
        let (action, tries, fault) = ("to list the members", 8, "it answered 503".to_owned());
        says(
            &DiscordError::Unavailable { action, tries, fault: fault.clone() },
            "discord_unavailable",
            true,
            &["8 tries to list the members failed", "it answered 503"],
        );
        says(&DiscordError::BadAnswer { action, tries, fault }, "bad_answer", true, &["8 tries", "DISCORD_API_URL"]);
        let stood = DiscordError::StoodStill { action, waited: Duration::from_mins(14), wanted: Duration::from_hours(1) };
        says(&stood, "stood_still", true, &["840 s", "3600 s", "rate limit"]);
        says(&DiscordError::Refused { action, status: 400, code: 0, message: message() }, "refused", false, &["400"]);
        let (setting, fault, remedy) = ("DISCORD_API_URL", "it is no address".into(), "leave it out");
        says(&DiscordError::BadAddress { setting, fault, remedy }, "bad_address", false, &["DISCORD_API_URL does not lead"]);
        says(&DiscordError::Internal("no TLS".into()), "internal", false, &["no TLS"]);
    }
}
