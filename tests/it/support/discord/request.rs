//! One request: which of Discord's routes it names, and with what.

use std::net::SocketAddr;

use poem::web::headers::authorization::Basic;
use poem::web::headers::{Authorization, HeaderMapExt as _};
use serde_json::Value;

/// The routes the fake knows. Rate limits and troubles are told by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `GET /gateway`
    Gateway,
    /// `GET /gateway/bot`
    GatewayBot,
    /// `GET /users/@me`
    Me,
    /// `GET /applications/@me`
    Application,
    /// `GET /guilds/{guild}`
    Guild,
    /// `GET /guilds/{guild}/members`
    Members,
    /// `GET /guilds/{guild}/members/{user}`
    Member,
    /// `GET /guilds/{guild}/roles`
    Roles,
    /// `PUT /applications/{application}/guilds/{guild}/commands`
    Commands,
    /// `POST /interactions/{interaction}/{token}/callback`
    Callback,
    /// `PATCH /webhooks/{application}/{token}/messages/@original`
    Original,
    /// `GET /channels/{channel}`
    Channel,
    /// `POST /channels/{channel}/messages`
    Message,
    /// `GET /oauth2/authorize`, which a browser asks for
    Authorize,
    /// `POST /oauth2/token`
    Token,
    /// Anything else.
    Unknown,
}

impl Route {
    /// The route, and the two ids its path may name.
    fn of(method: &str, path: &str) -> (Self, String, String) {
        let steps: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (route, major, minor) = match (method, &steps[..]) {
            ("GET", ["api", "v10", "gateway"]) => (Self::Gateway, "", ""),
            ("GET", ["api", "v10", "gateway", "bot"]) => (Self::GatewayBot, "", ""),
            ("GET", ["oauth2", "authorize"]) => (Self::Authorize, "", ""),
            ("POST", ["api", "oauth2", "token"]) => (Self::Token, "", ""),
            ("GET", ["api", "v10", "users", "@me"] | ["api", "users", "@me"]) => (Self::Me, "", ""),
            ("GET", ["api", "v10", "applications", "@me"]) => (Self::Application, "", ""),
            ("GET", ["api", "v10", "guilds", guild]) => (Self::Guild, *guild, ""),
            ("GET", ["api", "v10", "guilds", guild, "members"]) => (Self::Members, *guild, ""),
            ("GET", ["api", "v10", "guilds", guild, "members", user]) => (Self::Member, *guild, *user),
            ("GET", ["api", "v10", "guilds", guild, "roles"]) => (Self::Roles, *guild, ""),
            ("PUT", ["api", "v10", "applications", application, "guilds", guild, "commands"]) => {
                (Self::Commands, *guild, *application)
            }
            ("POST", ["api", "v10", "interactions", id, token, "callback"]) => (Self::Callback, *token, *id),
            ("PATCH", ["api", "v10", "webhooks", application, token, "messages", "@original"]) => {
                (Self::Original, *token, *application)
            }
            ("GET", ["api", "v10", "channels", channel]) => (Self::Channel, *channel, ""),
            ("POST", ["api", "v10", "channels", channel, "messages"]) => (Self::Message, *channel, ""),
            _ => (Self::Unknown, "", ""),
        };
        (route, major.to_owned(), minor.to_owned())
    }

    /// What a browser asks for: it says nothing of who it is, and nobody counts it.
    pub(super) fn is_of_a_browser(self) -> bool {
        self == Self::Authorize
    }

    /// Routes whose token stands in the path: they ask for no other, and the global rate limit passes them by.
    pub(super) fn is_of_an_interaction(self) -> bool {
        matches!(self, Self::Callback | Self::Original)
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET` and so on.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What stands behind the question mark.
    pub query: String,
    /// `Authorization`, empty if there is none.
    pub authorization: String,
    /// `User-Agent`, empty if there is none.
    pub user_agent: String,
    /// The body.
    pub text: String,
    /// The body as JSON; null if it is none.
    pub body: Value,
    /// The other end of its connection.
    pub peer: Option<SocketAddr>,
    /// Name and password of the scheme Basic.
    pub(super) basic: Option<(String, String)>,
    pub(super) route: Route,
    /// The guild, channel or token that a bucket of the rate limits belongs to.
    pub(super) major: String,
    /// The other id of the path.
    pub(super) minor: String,
}

impl Request {
    /// Most bytes of a body that are read.
    const MAX_BODY: usize = 1024 * 1024;

    pub(super) async fn read(mut from: poem::Request) -> Self {
        let (method, path) = (from.method().to_string(), from.uri().path().to_owned());
        let (route, major, minor) = Route::of(&method, &path);
        let body = from.take_body().into_bytes_limit(Self::MAX_BODY).await.unwrap_or_default();
        Self {
            query: from.uri().query().unwrap_or_default().to_owned(),
            authorization: from.header("authorization").unwrap_or_default().to_owned(),
            user_agent: from.header("user-agent").unwrap_or_default().to_owned(),
            basic: from
                .headers()
                .typed_get()
                .and_then(|basic: Authorization<Basic>| Some((form_decoded(basic.username())?, form_decoded(basic.password())?))),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8_lossy(&body).into_owned(),
            peer: from.remote_addr().as_socket_addr().copied(),
            method,
            path,
            route,
            major,
            minor,
        }
    }

    /// A parameter of the query.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// Name and password of a client are encoded before they are joined (RFC 6749, 2.3.1).
fn form_decoded(text: &str) -> Option<String> {
    url::form_urlencoded::parse(format!("x={text}").as_bytes()).next().map(|(_, value)| value.into_owned())
}
