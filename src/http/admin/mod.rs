//! The pages staff see.
//!
//! Enters: a browser's request. Leaves: a page, without script and under a strict policy. A file per page; `session` is the guard
//! before them, `forms` judges what is posted, `refusal` shows what went wrong, `shell` is what pages share.
//!
//! Every page but the login takes a `session::Staff`, which only a logged-in member of staff can be made of: a page that shows
//! something and does not ask for one would stand out in its signature.

mod assets;
mod forms;
mod login;
mod logout;
mod members;
mod refusal;
mod run;
mod runs;
mod session;
mod shell;

use std::sync::Arc;
use std::time::Duration;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, EndpointExt as _, Request, Response, Route, RouteMethod, get, handler, post};

use super::password::PasswordCheck;
use super::throttle::Throttle;
use crate::config;
use crate::domain::{Clock, Random};
use crate::store::{Accounts, Read, SessionLimits, Sessions};
use session::Token;

/// What the admin pages need.
#[derive(Clone)]
pub struct AdminState {
    /// Members and runs.
    pub read: Arc<dyn Read>,
    /// Who may log in.
    pub accounts: Arc<dyn Accounts>,
    /// Who is logged in.
    pub sessions: Arc<dyn Sessions>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Session tokens are made of it.
    pub random: Random,
    /// How long sessions last and how many wrong passwords are too many.
    pub login: config::Login,
    /// The address people reach the pages under, without a slash at its end. With `https:` cookies are marked `Secure`.
    pub public_url: String,
}

/// The window of `login.wrong_per_name` and `login.wrong_per_address`.
const LOGIN_WINDOW: Duration = Duration::from_mins(15);
/// Names, and addresses, whose failures are remembered.
const LOGIN_KEYS: usize = 4_096;

const MEMBERS: &str = "/admin/accounts/guildmember/";
const RUNS: &str = "/admin/sync/";
const RUN: &str = "/admin/sync/:id/";
const LOGIN: &str = "/admin/login/";
const LOGOUT: &str = "/accounts/logout/";

/// The state of the pages, shared by all requests.
struct App {
    state: AdminState,
    passwords: PasswordCheck,
    by_name: Throttle,
    by_address: Throttle,
}

impl App {
    fn new(state: AdminState) -> Self {
        let throttle = |limit| Throttle::new(limit, LOGIN_WINDOW, LOGIN_KEYS);
        Self {
            passwords: PasswordCheck::default(),
            by_name: throttle(state.login.wrong_per_name),
            by_address: throttle(state.login.wrong_per_address),
            state,
        }
    }

    fn secure_cookies(&self) -> bool {
        self.state.public_url.starts_with("https:")
    }

    fn session_limits(&self) -> SessionLimits {
        let minutes = |minutes: u32| chrono::TimeDelta::minutes(i64::from(minutes));
        SessionLimits { idle: minutes(self.state.login.session_idle_mins), max: minutes(self.state.login.session_max_mins) }
    }
}

/// The pages and their assets: `/`, `/admin/…`, `/accounts/logout/` and `/static/…`. Answers every other address with a 404 page.
#[must_use]
pub fn routes(state: AdminState) -> impl Endpoint<Output = Response> {
    let app = Arc::new(App::new(state));
    let mut route = Route::new().at("/", get(home)).at("/static/:name", get(assets::serve));
    for (path, methods) in [
        ("/admin/", get(home)),
        (LOGIN, get(login::show).post(login::enter)),
        (LOGOUT, post(logout::leave)),
        (MEMBERS, get(members::show)),
        (RUNS, get(runs::show)),
        (RUN, get(run::show)),
    ] {
        route = page(route, path, methods);
    }
    Pages { inner: route.data(Arc::clone(&app)), app }
}

/// Adds a page under its path, and a redirect to it under the path without the slash.
fn page(route: Route, path: &str, methods: RouteMethod) -> Route {
    route.at(path, methods).at(path.trim_end_matches('/'), add_slash)
}

#[handler]
fn add_slash(request: &Request) -> Response {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    redirect(StatusCode::PERMANENT_REDIRECT, &format!("{}/{query}", request.uri().path()))
}

#[handler]
fn home(_staff: session::Staff) -> Response {
    see_other(MEMBERS)
}

/// Sends the browser on to a path of ours with a GET.
fn see_other(path: &str) -> Response {
    redirect(StatusCode::SEE_OTHER, path)
}

fn redirect(status: StatusCode, path: &str) -> Response {
    Response::builder().status(status).header(header::LOCATION, path).finish()
}

/// Around all pages: shows errors as pages and sets the headers that every page has.
struct Pages<E> {
    inner: E,
    app: Arc<App>,
}

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' https://cdn.discordapp.com; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

impl<E: Endpoint<Output = Response>> Endpoint for Pages<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let token = Token::of(request.headers());
        let path = request.uri().path().to_owned();
        let mut response = match self.inner.call(request).await {
            Ok(response) => response,
            Err(error) => refusal::answer(&self.app, error, token, &path).await,
        };
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// The methods an address of ours takes, for the `Allow` of a 405.
fn allowed(path: &str) -> &'static [Method] {
    match path {
        LOGIN => &[Method::GET, Method::HEAD, Method::POST],
        LOGOUT => &[Method::POST],
        _ => &[Method::GET, Method::HEAD],
    }
}
