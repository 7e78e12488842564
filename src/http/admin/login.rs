//! The login with a password, and the way to the one with Discord.
//!
//! Enters: a name and a password, in a form that this browser was given. Leaves: a session under a token of its own, and the way to where
//! the visitor wanted to go. Says the same, after the same work, whether the name, the password or both are wrong.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use poem::http::{HeaderMap, StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded::parse;

use crate::domain::Account;
use crate::http::pages::App;
use crate::http::pages::addresses::{DISCORD_LOGIN, ENDED, LOGIN, own_path, see_other, with_next};
use crate::http::pages::attempts::in_words;
use crate::http::pages::forms::Form;
use crate::http::pages::login_word::LoginWord;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::landing;
use crate::http::pages::shell::{Section, Shell, html};

/// No account has a longer name. Characters.
const MAX_NAME: usize = 200;

/// Said of a form without this browser's word. It is no wrong password.
const STALE: &str = "This form had been open for too long, or your browser keeps no cookies of this site. You were not logged in; log in again \
                     here.";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    shell: Shell<'static>,
    here: &'static str,
    word: LoginWord,
    next: &'a str,
    name: &'a str,
    problem: Option<String>,
    no_staff: bool,
    /// A form was not taken, because the session had ended.
    ended: bool,
    /// Where a login with Discord begins, if people can log in with it.
    discord: Option<String>,
}

impl<'a> LoginPage<'a> {
    fn new(app: &App, headers: &HeaderMap, next: Option<&'a str>) -> Self {
        Self {
            shell: Shell::new(None, Section::None),
            here: LOGIN,
            word: LoginWord::for_form(app, headers),
            next: next.unwrap_or_default(),
            name: "",
            problem: None,
            no_staff: false,
            ended: false,
            discord: app.state.discord.as_ref().map(|_| with_next(DISCORD_LOGIN, next)),
        }
    }

    fn answer(&self, app: &App, status: StatusCode) -> Result<Response, Refusal> {
        let mut response = html(status, self.render()?);
        if !self.no_staff {
            self.word.hand_over(app, &mut response);
        }
        Ok(response)
    }
}

/// The form; staff who are logged in already are sent on.
#[handler]
pub(super) async fn show(app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let field = |wanted| parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    let (next, ended) = (field("next"), field(ENDED).is_some());
    let next = next.as_deref().and_then(own_path);
    let viewer = app.viewer(app.token(request.headers()).as_ref()).await?;
    if let Some(viewer) = viewer.filter(|viewer| viewer.account.is_staff) {
        return Ok(see_other(landing(&viewer.account, next)));
    }
    let no_staff = app.state.accounts.staff().await?.is_empty();
    LoginPage { no_staff, ended, ..LoginPage::new(&app, request.headers(), next) }.answer(&app, StatusCode::OK)
}

/// Takes the form.
#[handler]
pub(super) async fn enter(app: Data<&Arc<App>>, request: &Request, body: Body) -> Result<Response, Refusal> {
    let form = Form::read(request.headers(), body, &app.state.public_url).await?;
    let (name, next) = (form.field("name").trim(), own_path(form.field("next")));
    let page = LoginPage { name, ..LoginPage::new(&app, request.headers(), next) };
    if !LoginWord::of(&app, request.headers()).is_some_and(|word| word.is(form.field("form_word"))) {
        let problem = Some(STALE.to_owned());
        return LoginPage { problem, ..page }.answer(&app, StatusCode::FORBIDDEN);
    }
    let keys = Keys { name: name.to_lowercase(), address: app.state.proxies.key(request) };
    if let Err(wait) = keys.take(&app) {
        tracing::warn!(address = keys.address, "a login was put off after too many wrong passwords");
        return too_many(&app, page, wait);
    }
    let proven = match account_of(&app, name, form.field("password")).await {
        Ok(Some(proven)) => proven,
        Ok(None) => {
            // Without the name: people type passwords there.
            tracing::warn!(address = keys.address, "a login failed");
            let problem = Some("This name and password do not belong together. Check both and try again.".to_owned());
            return LoginPage { problem, ..page }.answer(&app, StatusCode::UNAUTHORIZED);
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

/// Opens a session, unless the password is no longer the account's.
async fn open(app: &App, request: &Request, proven: &Proven, next: Option<&str>) -> Result<Response, Refusal> {
    let (state, account) = (&app.state, &proven.account);
    state.accounts.note_login(account.id, state.clock.now()).await?;
    let token = app.open_session(request.headers(), account).await?;
    // A password that was changed meanwhile ended the sessions there were, perhaps just before this one.
    if !proven.still_holds(app).await? {
        state.sessions.close_session(&token.session_id()).await?;
        return Ok(see_other(LOGIN));
    }
    app.note_login(account).await?;
    tracing::info!(account = account.id, "logged in");
    Ok(app.welcome(&token, account, next))
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

fn too_many(app: &App, page: LoginPage<'_>, wait: Duration) -> Result<Response, Refusal> {
    let (seconds, rest) = in_words(wait);
    let problem = Some(format!("Too many wrong passwords. Nobody can log in like this for now; try again in {rest}."));
    let mut response = LoginPage { problem, ..page }.answer(app, StatusCode::TOO_MANY_REQUESTS)?;
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
        app.attempts.by_address.take(&self.address, now)?;
        app.attempts.by_name.take(&self.name, now).inspect_err(|_| app.attempts.by_address.give_back(&self.address))
    }

    fn give_back(&self, app: &App) {
        app.attempts.by_name.give_back(&self.name);
        app.attempts.by_address.give_back(&self.address);
    }
}
