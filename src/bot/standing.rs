//! How the bot stands with Discord, for whoever asks: readiness, replies, tests.

use std::fmt;

/// How the bot stands with Discord. None of it makes the process unready: it can still take lists and show pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Another process has the gateway, or none can have it because the database is away.
    Standby,
    /// A session is being begun.
    Connecting,
    /// Connected; members are seen coming and going.
    Connected,
    /// Connected for commands only: the Server Members Intent is off.
    WithoutIntent,
    /// Connected, but the bot is not in the guild.
    NotInGuild,
    /// No connection; why.
    Away(String),
    /// Ended: Discord refuses the token.
    WrongToken,
    /// Ended: Discord refuses every session.
    Refused,
    /// Ended.
    Ended,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standby => f.write_str("standing by"),
            Self::Connecting => f.write_str("connecting"),
            Self::Connected => f.write_str("connected"),
            Self::WithoutIntent => f.write_str("connected without the Server Members Intent"),
            Self::NotInGuild => f.write_str("connected, but not in the guild"),
            Self::Away(reason) => write!(f, "away: {reason}"),
            Self::WrongToken => f.write_str("ended: wrong token"),
            Self::Refused => f.write_str("ended: Discord refuses every session"),
            Self::Ended => f.write_str("ended"),
        }
    }
}
