//! Logins with Discord: who is the person behind this browser?
//!
//! Enters: the code that a browser brings back from Discord. Leaves: a [`DiscordUser`], or why there is none. The authorization code
//! grant (RFC 6749) with PKCE S256 (RFC 7636). The token that Discord hands out is used for one question and dropped.

mod bounded;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use oauth2::basic::{BasicClient, BasicErrorResponse, BasicErrorResponseType};
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse as _, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::read_user;
use crate::domain::{DiscordId, Random};
use bounded::Bounded;

/// Longest e-mail address (RFC 5321). Characters.
const MAX_EMAIL: usize = 254;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// What a login with Discord is set up with.
#[derive(Debug, Clone)]
pub struct OAuthOptions {
    /// Where Discord is, without a slash at its end. Nothing goes to any other host.
    pub api_url: String,
    /// The application.
    pub client_id: DiscordId,
    /// Its secret.
    pub client_secret: SecretString,
    /// Where Discord sends people back to; it must be registered at the application, letter by letter.
    pub redirect_url: String,
}

/// A login that is about to begin.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// Where the browser goes.
    pub url: Url,
    /// What it must bring back; only the browser that began the login may know it.
    pub state: String,
    /// What proves, when the code is exchanged, that we began the login.
    pub verifier: SecretString,
}

/// A person who has logged in at Discord.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscordUser {
    /// Who.
    pub id: DiscordId,
    /// The name, with `#` and a discriminator where Discord still has one.
    pub username: String,
    /// The e-mail address, if Discord has verified it; one that is not verified could be anybody's.
    pub email: Option<String>,
}

/// Why nobody was logged in. In no case was anything changed.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The settings cannot be used.
    #[error("logins with Discord cannot be set up: {0}")]
    Setup(String),
    /// Discord cannot be reached; the next try may succeed.
    #[error("Discord could not be asked who logs in: {0}; nobody was logged in, and a later try may succeed")]
    Away(&'static str),
    /// Discord is there, but turns requests away; the next try may succeed.
    #[error("Discord answered {0} when it was asked who logs in; nobody was logged in, and a later try may succeed")]
    Busy(u16),
    /// The code was used before, is too old, or was never one.
    #[error("Discord does not take the code of this login: it was used before or is too old; the person must begin again")]
    Code,
    /// Discord does not take this application.
    #[error(
        "Discord refuses this application ({0}); nobody can log in with Discord until DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET are \
         those of the application and {{PUBLIC_URL}}/accounts/discord/login/callback/ is registered at it as a redirect"
    )]
    Application(String),
    /// Discord's answer is not what it should be.
    #[error("Discord's answer cannot be used: {0}; nobody was logged in")]
    Unreadable(&'static str),
}

/// Logs people in with Discord. Clones share their connections.
#[derive(Debug, Clone)]
pub struct OAuth {
    client: Client,
    http: Bounded,
    me: Url,
}

impl OAuth {
    /// Sets logins up; nothing is sent yet.
    ///
    /// # Errors
    /// [`OAuthError::Setup`] if an address cannot be used.
    pub fn new(options: OAuthOptions) -> Result<Self, OAuthError> {
        let setup = |what: &str| OAuthError::Setup(format!("{what} is no address"));
        let OAuthOptions { api_url, client_id, client_secret, redirect_url } = options;
        let redirect = RedirectUrl::new(redirect_url).map_err(|_| setup("PUBLIC_URL"))?;
        let home = redirect.url().origin().ascii_serialization();
        let client = BasicClient::new(ClientId::new(client_id.to_string()))
            .set_client_secret(ClientSecret::new(client_secret.expose_secret().to_owned()))
            .set_auth_uri(AuthUrl::new(format!("{api_url}/oauth2/authorize")).map_err(|_| setup("DISCORD_API_URL"))?)
            .set_token_uri(TokenUrl::new(format!("{api_url}/api/oauth2/token")).map_err(|_| setup("DISCORD_API_URL"))?)
            .set_redirect_uri(redirect);
        let http = Bounded::new(&home).map_err(|error| OAuthError::Setup(error.to_string()))?;
        let me = Url::parse(&format!("{api_url}/api/v10/users/@me")).map_err(|_| setup("DISCORD_API_URL"))?;
        Ok(Self { client, http, me })
    }

    /// Begins a login: asks for the person's name and e-mail address, no more.
    #[must_use]
    pub fn authorize(&self, random: &Random) -> Authorization {
        // 64 characters: RFC 7636 wants 43 to 128 of a verifier.
        let verifier = PkceCodeVerifier::new(hex(&random()));
        let request = self
            .client
            .authorize_url(|| CsrfToken::new(hex(&random())))
            .add_scopes(["identify", "email"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        let (url, state) = request.url();
        Authorization { url, state: state.into_secret(), verifier: verifier.into_secret().into() }
    }

    /// Asks Discord whose code this is. Asks once, for it must not be asked twice: a code works once.
    ///
    /// # Errors
    /// [`OAuthError`]; nothing was changed.
    pub async fn log_in(&self, code: &str, verifier: &SecretString) -> Result<DiscordUser, OAuthError> {
        let verifier = PkceCodeVerifier::new(verifier.expose_secret().to_owned());
        let exchange = self.client.exchange_code(AuthorizationCode::new(code.to_owned())).set_pkce_verifier(verifier);
        let token = exchange.request_async(&self.http).await.map_err(refused)?;
        let bearer = token.access_token().secret();
        let request = self.http.0.get(self.me.clone()).bearer_auth(bearer).build();
        let answer = self.http.fetch(request.map_err(|_| OAuthError::Unreadable("the token it gave cannot be sent"))?).await?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(OAuthError::Unreadable("it does not take the token that it gave"));
        }
        read(answer.body())
    }
}

/// What the token endpoint means.
fn refused(error: RequestTokenError<OAuthError, BasicErrorResponse>) -> OAuthError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(answer) => match answer.error() {
            BasicErrorResponseType::InvalidGrant => OAuthError::Code,
            // What somebody else sent stays short.
            other => OAuthError::Application(other.as_ref().chars().filter(char::is_ascii_graphic).take(40).collect()),
        },
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => OAuthError::Unreadable(
            "it gives neither a token nor a known reason; check that DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET are those of the application",
        ),
    }
}

/// A person as Discord describes them, as far as it can be kept.
fn read(answer: &[u8]) -> Result<DiscordUser, OAuthError> {
    let user: Value = serde_json::from_slice(answer).map_err(|_| OAuthError::Unreadable("it does not say who the person is"))?;
    let person = read_user(&user).map_err(|_| OAuthError::Unreadable("it describes a person whom nobody can be"))?;
    let is_verified = user["verified"] == Value::Bool(true);
    let email = user["email"]
        .as_str()
        .filter(|email| is_verified && (1..=MAX_EMAIL).contains(&email.chars().count()) && !email.chars().any(char::is_control));
    Ok(DiscordUser { id: person.id, username: person.username, email: email.map(str::to_owned) })
}

/// Random bytes as a word.
fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
