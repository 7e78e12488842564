//! What the bot writes: replies to commands, and messages in a channel. Neither pings anybody.

use std::borrow::Cow;
use std::fmt::Write as _;

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::rest::Ended;
use super::{DiscordError, Rest};
use crate::domain::DiscordId;

/// Longest text of a message, in characters; a longer one is cut.
const MAX_CONTENT: usize = 2_000;
/// Bytes of a nonce; twice as many characters, of which Discord takes 25.
const NONCE: usize = 12;
/// Discord's codes for a reply that can no longer be edited: Unknown Message, Unknown Webhook, Unknown Interaction, Invalid Webhook
/// Token.
const TOO_LATE: [i64; 4] = [10_008, 10_015, 10_062, 50_027];

impl Rest {
    /// Edits the reply to a command; `false` if Discord no longer knows it: a token holds for 15 minutes. Goes without the bot's token,
    /// and does not count against its limit over all routes.
    ///
    /// # Errors
    /// [`DiscordError`].
    pub async fn edit_reply(
        &self,
        application: DiscordId,
        interaction_token: &SecretString,
        content: &str,
    ) -> Result<bool, DiscordError> {
        let token = interaction_token.expose_secret();
        let path = ["webhooks", &application.to_string(), token, "messages", "@original"];
        let body = json!({ "content": cut(content), "allowed_mentions": { "parse": [] } });
        let ask = self.ask("to edit a reply", Method::PATCH, &path).unsigned().body(body);
        match self.send_knowing(&ask, &TOO_LATE, |_| Ok(())).await {
            Ok(()) => Ok(true),
            Err(Ended::Known(_)) => Ok(false),
            Err(Ended::Failed(error)) => Err(error),
        }
    }

    /// Posts a message into a channel. Tries that reached Discord without our knowing do not become a second message.
    ///
    /// # Errors
    /// [`DiscordError`]; [`DiscordError::NoPermission`] also if the bot does not see the channel.
    pub async fn post_message(&self, channel: DiscordId, content: &str) -> Result<(), DiscordError> {
        let nonce = (self.random())()[..NONCE].iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let body = json!({
            "content": cut(content), "allowed_mentions": { "parse": [] }, "nonce": nonce, "enforce_nonce": true,
        });
        let path = ["channels", &channel.to_string(), "messages"];
        let ask = self.ask("to post into the channel", Method::POST, &path).body(body);
        let ask = ask.needs("the permissions View Channel and Send Messages in the channel of bot.report_channel");
        self.send(&ask, |_| Ok(())).await
    }
}

/// The text, or as much of it as a message holds.
fn cut(content: &str) -> Cow<'_, str> {
    if content.len() <= MAX_CONTENT || content.chars().count() <= MAX_CONTENT {
        return Cow::Borrowed(content);
    }
    Cow::Owned(content.chars().take(MAX_CONTENT - 1).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_what_a_message_holds() {
        assert_eq!(cut(&"é".repeat(2_000)), "é".repeat(2_000));
        assert_eq!(cut(&"é".repeat(2_001)), format!("{}…", "é".repeat(1_999)));
    }
}
