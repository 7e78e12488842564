//! The login.
//!
//! Enters: a name and a password. Leaves: a session under a token of its own, and the way to where the visitor wanted to go. Says the
//! same, after the same work, whether the name, the password or both are wrong.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use poem::http::{StatusCode, header};
use poem::web::{Data, RemoteAddr};
use poem::{Addr, Body, Request, Response, handler};
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded::parse;

use super::forms::Form;
use super::refusal::Refusal;
use super::session::Token;
use super::shell::{Section, Shell, html};
use super::{App, LOGIN, MEMBERS, see_other};
use crate::domain::Account;

/// No account has a longer name. Characters.
const MAX_NAME: usize = 200;
/// Longest address that is kept through the login. Bytes.
const MAX_NEXT: usize = 2_000;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    shell: Shell<'static>,
    next: &'a str,
    name: &'a str,
    problem: Option<String>,
    no_staff: bool,
}

impl<'a> LoginPage<'a> {
    fn new(next: &'a str) -> Self {
        Self { shell: Shell::new(None, Section::None), next, name: "", problem: None, no_staff: false }
    }

    fn answer(&self, status: StatusCode) -> Result<Response, Refusal> {
        Ok(html(status, self.render()?))
    }
}

/// The form; staff who are logged in already are sent on.
#[handler]
pub(super) async fn show(app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let next = parse(query.as_bytes()).find(|(name, _)| name == "next").map(|(_, value)| value.into_owned());
    let next = next.as_deref().and_then(own_path);
    let viewer = app.viewer(Token::of(request.headers()).as_ref()).await?;
    if viewer.is_some_and(|viewer| viewer.account.is_staff) {
        return Ok(see_other(next.unwrap_or(MEMBERS)));
    }
    let no_staff = app.state.accounts.staff().await?.is_empty();
    LoginPage { no_staff, ..LoginPage::new(next.unwrap_or_default()) }.answer(StatusCode::OK)
}

/// Takes the form.
#[handler]
pub(super) async fn enter(app: Data<&Arc<App>>, request: &Request, peer: &RemoteAddr, body: Body) -> Result<Response, Refusal> {
    let form = Form::read(request.headers(), body, &app.state.public_url).await?;
    let (name, next) = (form.field("name").trim(), own_path(form.field("next")));
    let page = LoginPage { name, ..LoginPage::new(next.unwrap_or_default()) };
    let keys = Keys { name: name.to_lowercase(), address: address_key(&peer.0) };
    if let Err(wait) = keys.take(&app) {
        tracing::warn!(address = keys.address, "a login was put off after too many wrong passwords");
        return too_many(page, wait);
    }
    let proven = match account_of(&app, name, form.field("password")).await {
        Ok(Some(proven)) => proven,
        Ok(None) => {
            // Without the name: people type passwords there.
            tracing::warn!(address = keys.address, "a login failed");
            let problem = Some("This name and password do not belong together. Check both and try again.".to_owned());
            return LoginPage { problem, ..page }.answer(StatusCode::UNAUTHORIZED);
        }
        Err(refusal) => {
            // Not the visitor's fault.
            keys.give_back(&app);
            return Err(refusal);
        }
    };
    keys.give_back(&app);
    open(&app, request, &proven, next).await
}

/// Opens a session under a new token, and ends the one the browser had.
async fn open(app: &App, request: &Request, proven: &Proven, next: Option<&str>) -> Result<Response, Refusal> {
    let (state, account, now) = (&app.state, &proven.account, app.state.clock.now());
    if let Some(old) = Token::of(request.headers()) {
        state.sessions.close_session(&old.session_id()).await?;
    }
    let token = Token::new((state.random)());
    state.accounts.note_login(account.id, now).await?;
    state.sessions.open_session(&token.session_id(), account.id, now).await?;
    // A password that was changed meanwhile ended the sessions there were, perhaps just before this one.
    if !proven.still_holds(app).await? {
        state.sessions.close_session(&token.session_id()).await?;
        return Ok(see_other(LOGIN));
    }
    tracing::info!(account = account.id, "logged in");
    let mut response = see_other(next.unwrap_or(MEMBERS));
    if let Ok(cookie) = token.set(app.secure_cookies()).parse() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// An active account whose password was given.
struct Proven {
    account: Account,
    hash: Option<SecretString>,
}

impl Proven {
    /// Whether the account still has that password.
    async fn still_holds(&self, app: &App) -> Result<bool, Refusal> {
        let found = app.state.accounts.credentials(&self.account.username).await?;
        let text = |hash: &Option<SecretString>| hash.as_ref().map(|hash| hash.expose_secret().to_owned());
        Ok(found.is_some_and(|now| now.account.is_active && text(&now.password_hash) == text(&self.hash)))
    }
}

/// The active account that name and password belong to.
async fn account_of(app: &App, name: &str, password: &str) -> Result<Option<Proven>, Refusal> {
    // What cannot be a name is not asked for: databases refuse a NUL.
    let is_name = name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control);
    let found = if is_name { app.state.accounts.credentials(name).await? } else { None };
    let (account, hash) = found.map(|found| (found.account, found.password_hash)).unzip();
    let hash = hash.flatten();
    let fits = app.passwords.fits(SecretString::from(password), hash.clone()).await?;
    Ok(account.filter(|account| fits && account.is_active).map(|account| Proven { account, hash }))
}

fn too_many(page: LoginPage<'_>, wait: Duration) -> Result<Response, Refusal> {
    let seconds = wait.as_secs() + 1;
    let rest = match seconds.div_ceil(60) {
        1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    let problem = Some(format!("Too many wrong passwords. Nobody can log in like this for now; try again in {rest}."));
    let mut response = LoginPage { problem, ..page }.answer(StatusCode::TOO_MANY_REQUESTS)?;
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    Ok(response)
}

/// Whom wrong passwords are counted for.
struct Keys {
    name: String,
    address: String,
}

impl Keys {
    /// Counts this try as a failure, for now.
    fn take(&self, app: &App) -> Result<(), Duration> {
        let now = app.state.clock.now();
        app.by_address.take(&self.address, now)?;
        app.by_name.take(&self.name, now).inspect_err(|_| app.by_address.give_back(&self.address))
    }

    fn give_back(&self, app: &App) {
        app.by_name.give_back(&self.name);
        app.by_address.give_back(&self.address);
    }
}

/// The peer without its port. Of an IPv6 address the first half: whoever has one has the rest of that network too.
fn address_key(peer: &Addr) -> String {
    match peer.as_socket_addr().map(|address| address.ip().to_canonical()) {
        Some(std::net::IpAddr::V6(ip)) => format!("{:x}/64", ip.to_bits() >> 64),
        Some(ip) => ip.to_string(),
        None => peer.to_string(),
    }
}

/// `next`, if it is a path of this site and nothing that a browser could read as another one.
fn own_path(next: &str) -> Option<&str> {
    let is_plain = next.len() <= MAX_NEXT && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_plain && next.starts_with('/') && !next.starts_with("//")).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_followed() {
        for good in ["/", "/admin/sync/", "/admin/accounts/guildmember/?after=5&page_size=25"] {
            assert_eq!(own_path(good), Some(good));
        }
        let long = format!("/{}", "a".repeat(MAX_NEXT));
        for bad in [
            "",
            "admin/",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            " /admin/",
            "/ä",
            &long,
        ] {
            assert_eq!(own_path(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn addresses_are_counted_without_port_and_by_network() {
        let key = |address: &str| address_key(&Addr::socket(address.parse().unwrap()));
        assert_eq!(key("192.0.2.7:4711"), "192.0.2.7");
        assert_eq!(key("[::ffff:192.0.2.7]:1"), "192.0.2.7");
        assert_eq!(key("[2001:db8:1:2:3:4:5:6]:1"), key("[2001:db8:1:2::1]:2"));
        assert_ne!(key("[2001:db8:1:2::1]:1"), key("[2001:db8:1:3::1]:1"));
    }
}
