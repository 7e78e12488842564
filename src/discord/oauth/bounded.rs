//! The HTTP client of logins: one request, one answer, both within bounds, and to no other host.

use std::pin::Pin;
use std::time::Duration;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::redirect::Policy;

use super::OAuthError;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one answer may take in all. A login waits for two.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer that is read; Discord's have about 1 KiB. Bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// An HTTP client that follows nobody and waits and reads no longer than it should. Clones share its connections.
#[derive(Debug, Clone)]
pub(super) struct Bounded(pub(super) reqwest::Client);

impl Bounded {
    /// One that says whose it is: Discord asks for the address of a site and a version, and may block who does not tell.
    pub(super) fn new(home: &str) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            // A redirect, or a proxy of the environment, would carry the secret to another host.
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .user_agent(format!("DiscordBot ({home}, {})", env!("CARGO_PKG_VERSION")));
        client.build().map(Self)
    }

    /// One request and its whole answer, within bounds.
    pub(super) async fn fetch(&self, request: reqwest::Request) -> Result<HttpResponse, OAuthError> {
        let mut response = self.0.execute(request).await.map_err(|error| away(&error))?;
        let status = response.status();
        if status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS {
            return Err(OAuthError::Busy(status.as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| away(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(OAuthError::Unreadable("it is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Bounded {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let request = request.try_into().map_err(|_| OAuthError::Unreadable("a request to it could not be made"))?;
            self.fetch(request).await
        })
    }
}

/// Words of our own: those of the client name addresses.
fn away(error: &reqwest::Error) -> OAuthError {
    OAuthError::Away(if error.is_timeout() {
        "it took too long to answer"
    } else if error.is_connect() {
        "there is no connection to it"
    } else {
        "the connection broke off"
    })
}
