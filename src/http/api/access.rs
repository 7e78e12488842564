//! The guard before the bot API: is it configured, is the key right, is the guild ours.

use poem::Request;
use poem::http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::Api;
use super::problem::Problem;
use crate::intake::Intake;

impl Api {
    /// The intake for a request that may use it.
    pub(super) fn admit(&self, request: &Request) -> Result<&Intake, Problem> {
        if self.state.keys.is_empty() {
            return Err(Problem::not_configured("DBOT_AUTH_KEY"));
        }
        let Some(intake) = &self.state.intake else { return Err(Problem::not_configured("GUILD_ID")) };
        let headers = request.headers();
        if !key_matches(headers, &self.state.keys) {
            return Err(self.wrong_key(request));
        }
        let guild = text(headers, "x-guild-id").and_then(|text| text.parse().ok());
        if guild == Some(intake.guild()) { Ok(intake) } else { Err(Problem::wrong_guild()) }
    }

    fn wrong_key(&self, request: &Request) -> Problem {
        match self.wrong_keys.take(&self.state.proxies.key(request), self.state.clock.now()) {
            Ok(()) => Problem::wrong_key(),
            Err(wait) => Problem::too_many_wrong_keys(wait),
        }
    }
}

/// A header as text, trimmed.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// Whether the request's key is one of the valid ones. All are compared, by their hashes, so that the time taken tells neither length nor
/// content of any.
fn key_matches(headers: &HeaderMap, keys: &[SecretString]) -> bool {
    let Some(given) = headers.get("x-api-key") else { return false };
    let given = Sha256::digest(given.as_bytes());
    let matches = keys
        .iter()
        .map(|key| Sha256::digest(key.expose_secret().as_bytes()))
        .fold(Choice::from(0), |found, key| found | key.as_slice().ct_eq(given.as_slice()));
    matches.into()
}
