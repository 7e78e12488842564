//! Why a login with Discord came to nothing, in words for the person before the browser.

use std::time::Duration;

use poem::http::StatusCode;

use crate::discord::OAuthError;
use crate::http::pages::addresses::{DISCORD_LOGIN, LOGIN, ME, with_next};
use crate::http::pages::attempts::in_words;
use crate::http::pages::refusal::{Refusal, Told, Way};

/// A login that came to nothing.
pub(super) struct NotLoggedIn {
    pub(super) why: Why,
    /// Where the visitor wanted to go: another try leads there.
    pub(super) next: Option<String>,
}

pub(super) enum Why {
    /// Nobody can log in with Discord here.
    NotSetUp,
    /// Not begun in this browser, or too long ago, or already at its end.
    Foreign,
    /// The person said no at Discord.
    Cancelled,
    /// Discord could not or would not say who it is.
    Discord(OAuthError),
    /// Only members may log in, and the person of this name is none.
    NoMember(String),
    /// The account may not log in.
    Deactivated,
    /// Too many tries from this address.
    TooMany(Duration),
    /// Too many people are logging in at once.
    Crowded,
}

impl From<NotLoggedIn> for Refusal {
    fn from(NotLoggedIn { why, next }: NotLoggedIn) -> Self {
        let (status, title, text) = words(&why);
        let ways = ways(&why, next.as_deref());
        let (retry_after, log) = match &why {
            Why::TooMany(wait) => (Some(in_words(*wait).0), String::new()),
            Why::Crowded => (Some(5), "too many logins wait for Discord at once".to_owned()),
            Why::Discord(error) => (None, error.to_string()),
            _ => (None, String::new()),
        };
        Box::new(Told { status, title, text, ways, retry_after, log }).into()
    }
}

fn ways(why: &Why, next: Option<&str>) -> Vec<Way> {
    let again = |words| (with_next(DISCORD_LOGIN, next), words);
    let password = (with_next(LOGIN, next), "Log in with a password");
    match why {
        Why::NotSetUp => vec![password],
        // Whoever loads the page of a login that went well once more is logged in.
        Why::Foreign => vec![again("Begin again"), (ME.to_owned(), "See your account")],
        Why::Cancelled | Why::Discord(OAuthError::Code) => vec![again("Begin again")],
        Why::NoMember(_) => vec![again("Try again")],
        Why::Deactivated => Vec::new(),
        Why::Discord(_) | Why::TooMany(_) | Why::Crowded => vec![again("Try again"), password],
    }
}

fn words(why: &Why) -> (StatusCode, &'static str, String) {
    let (status, title, text) = match why {
        Why::NotSetUp => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Logins with Discord are not set up",
            "This site is not connected to an application at Discord, so nobody can log in that way yet. Whoever runs it finds the steps \
             in docs/discord-setup.md under “Login with Discord”. Staff can log in with a password.",
        ),
        Why::Foreign => (
            StatusCode::BAD_REQUEST,
            "This login cannot go on",
            "It was begun in another browser or tab, or it took more than 10 minutes, or it has come to its end already. Nobody was logged \
             in just now. You can begin again.",
        ),
        Why::Cancelled => (
            StatusCode::FORBIDDEN,
            "You cancelled the login",
            "Discord told us nothing about you, and nothing was saved. You can begin again whenever you like.",
        ),
        Why::Discord(OAuthError::Code) => (
            StatusCode::BAD_REQUEST,
            "This login has run out",
            "Discord does not take it any more: each login works once, and only for a short while. Nobody was logged in just now. You can \
             begin again.",
        ),
        Why::Discord(OAuthError::Away(_) | OAuthError::Busy(_)) => (
            StatusCode::BAD_GATEWAY,
            "Discord cannot be reached",
            "It did not tell us who you are, so you were not logged in, and nothing was changed. Try again in a minute.",
        ),
        Why::Discord(_) => (
            StatusCode::BAD_GATEWAY,
            "Discord did not let the login through",
            "It did not tell us who you are, so you were not logged in, and nothing was changed. The log of the server says more; if it \
             happens again, tell someone who can read it.",
        ),
        Why::Deactivated => (
            StatusCode::FORBIDDEN,
            "Your account is deactivated",
            "Discord says who you are, but your account here may not be used at present, so you were not logged in. Someone who runs this \
             site can activate it again.",
        ),
        Why::Crowded => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many logins at this moment",
            "Many people are logging in with Discord just now. Nothing was changed; try again in a few seconds.",
        ),
        Why::NoMember(name) => return (StatusCode::FORBIDDEN, "Logins are for members of our Discord server", no_member(name)),
        Why::TooMany(wait) => {
            let text = format!(
                "Too many logins with Discord from your address came to nothing. Nothing was changed; try again in {}.",
                in_words(*wait).1
            );
            return (StatusCode::TOO_MANY_REQUESTS, "Too many logins from your address", text);
        }
    };
    (status, title, text.to_owned())
}

fn no_member(name: &str) -> String {
    format!(
        "At Discord you are “{name}”, and we do not see you among the server’s members, so no account was made. If you have just joined, \
         try again in a few minutes. If you have several accounts at Discord, change to the one that is a member there, then try again."
    )
}
