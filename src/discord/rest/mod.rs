//! The REST client: one request at a time through the budget, tried again where that can help.
//!
//! Not serenity's, which knows no budget of several processes, repeats refusals without end, and fails a whole page for one odd member.
//! `ask` builds a request, `course` counts tries and time, `answer` reads what came back; what is asked stands in the files beside this
//! folder.

mod answer;
mod ask;
mod course;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Client, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Budget, DiscordError};
use crate::domain::Random;

pub(super) use ask::{Ended, malformed};

/// How long an idle connection is kept; servers close them after a minute or so, and a request must not meet that.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

/// How to reach Discord, and as whom.
pub struct RestOptions {
    /// Where Discord's API is, without `/api`: `https://discord.com`. Nothing goes to another host.
    pub api_url: String,
    /// The bot's token.
    pub token: SecretString,
    /// An address that tells whose program this is; Discord refuses programs that do not say.
    pub home: String,
    /// Spreads tries of several processes.
    pub random: Random,
    /// When to give up.
    pub patience: Patience,
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the answer to one request is there, to its last byte.
    pub answer: Duration,
    /// In all, with tries and with waits that Discord names.
    pub stand_still: Duration,
    /// After the first failure; about twice as long after each further one.
    pub first_pause: Duration,
    /// After any failure.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            stand_still: Duration::from_mins(15),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// Asks Discord. Clones of one share what it has learnt about the token.
#[derive(Clone)]
pub struct Rest {
    http: Client,
    /// Ends with `/api/v10`.
    base: Url,
    /// `Authorization` of the bot.
    token: HeaderValue,
    /// Discord has said that the token is wrong.
    refused: Arc<AtomicBool>,
    budget: Arc<dyn Budget>,
    random: Random,
    patience: Patience,
}

impl Rest {
    /// A client that asks within `budget`. Does not ask anything yet.
    ///
    /// # Errors
    /// [`DiscordError::BadAddress`] if `api_url` is none; [`DiscordError::WrongToken`] if no token can look like this one.
    pub fn new(options: RestOptions, budget: Arc<dyn Budget>) -> Result<Self, DiscordError> {
        let RestOptions { api_url, token, home, random, patience } = options;
        let base = base(&api_url)?;
        let secret = token.expose_secret().trim();
        let secret = secret.strip_prefix("Bot ").unwrap_or(secret);
        let mut token = HeaderValue::from_str(&format!("Bot {secret}")).map_err(|_| DiscordError::WrongToken)?;
        token.set_sensitive(true);
        let http = Client::builder()
            .user_agent(format!("DiscordBot ({home}, {})", env!("CARGO_PKG_VERSION")))
            // The token goes to no other host than the one that was named.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(patience.connect)
            .pool_idle_timeout(IDLE_CONNECTION)
            .build()
            .map_err(|error| DiscordError::Internal(answer::in_words(error)))?;
        Ok(Self { http, base, token, refused: Arc::default(), budget, random, patience })
    }

    pub(super) fn random(&self) -> &Random {
        &self.random
    }
}

/// The address under which version 10 of the API stands.
fn base(api_url: &str) -> Result<Url, DiscordError> {
    let bad = |fault: String| DiscordError::BadAddress {
        setting: "discord.api_url (DISCORD_API_URL)",
        fault,
        remedy: "leave it out, or write it like http://127.0.0.1:9000",
    };
    let mut url = Url::parse(api_url).map_err(|error| bad(format!("{api_url:?} is no address: {error}")))?;
    let is_site = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    match url.path_segments_mut() {
        Ok(mut steps) if is_site => steps.pop_if_empty().extend(["api", "v10"]),
        _ => return Err(bad(format!("{api_url:?} is no address of a site"))),
    };
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::super::LocalBudget;
    use super::*;

    fn made(api_url: &str, token: &str) -> Result<Rest, DiscordError> {
        let options = RestOptions {
            api_url: api_url.into(),
            token: token.into(),
            home: "https://members.example.org".into(),
            random: Arc::new(|| [7; 32]),
            patience: Patience::default(),
        };
        Rest::new(options, Arc::new(LocalBudget::new()))
    }

    #[test]
    fn the_api_stands_under_its_address() {
        for (url, base) in [
            ("https://discord.com", "https://discord.com/api/v10"),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000/api/v10"),
            ("https://gate.example/discord", "https://gate.example/discord/api/v10"),
        ] {
            assert_eq!(made(url, "t").ok().map(|rest| rest.base.to_string()).as_deref(), Some(base));
        }
        for url in ["", "discord.com", "ftp://discord.com", "https://discord.com?a", "https://discord.com#a", "https://"] {
            assert_eq!(made(url, "t").err().map(|error| error.code()), Some("bad_address"), "{url:?}");
        }
    }

    #[test]
    fn a_token_goes_as_a_bots_and_is_not_shown() {
        for token in ["abc.def", " abc.def\n", "Bot abc.def"] {
            let rest = made("https://discord.com", token).ok().unwrap();
            assert_eq!(rest.token, "Bot abc.def");
            assert!(!format!("{:?}", rest.token).contains("abc"));
        }
        assert_eq!(made("https://discord.com", "abc\ndef").err(), Some(DiscordError::WrongToken));
    }
}
