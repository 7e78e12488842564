//! What a person is told of the Server Members Intent while it is off: the same words in the log, in `check`, on the overview page and in replies.

/// Where the page of an application is; messages name places from here.
pub(super) const PORTAL: &str = "the Discord Developer Portal (https://discord.com/developers/applications) > your application";

/// What is wrong while the Server Members Intent is off, and where it is turned on. Whoever says it ends the sentence.
#[must_use]
pub fn members_intent_off() -> String {
    format!(
        "The Server Members Intent is off, so Discord lets the bot neither list the members nor see them come and go. Turn it on in \
         {PORTAL} > Bot > Privileged Gateway Intents > Server Members Intent"
    )
}
