//! Where a login with Discord comes back.
//!
//! Enters: what Discord told the browser to bring. Leaves: a session for the account that belongs to the person's Discord id, which is
//! made if there is none yet; or a page that says why not. Whatever comes of a login, it comes of it once.

use std::sync::Arc;

use poem::web::Data;
use poem::{Request, Response, handler};
use url::form_urlencoded::parse;

use super::begun::Begun;
use super::refused::{NotLoggedIn, Why};
use crate::discord::{DiscordUser, OAuth, OAuthError};
use crate::domain::Account;
use crate::http::pages::App;
use crate::http::pages::cookies::set_cookie;
use crate::http::pages::refusal::{self, Refusal};
use crate::store::DiscordLogin;

/// Longest code that is passed on; Discord's have 30 characters. Bytes.
const MAX_CODE: usize = 512;

/// What Discord told the browser to bring.
struct Brought {
    state: String,
    code: String,
    error: String,
}

impl Brought {
    fn read(query: &str) -> Self {
        let field = |wanted: &str| parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
        let [state, code, error] = ["state", "code", "error"].map(|name| field(name).unwrap_or_default());
        Self { state, code, error }
    }
}

/// Takes the browser back.
#[handler]
pub(super) async fn arrive(app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let refuse = |why| NotLoggedIn { why, next: None };
    let oauth = app.state.discord.as_ref().ok_or_else(|| refuse(Why::NotSetUp))?;
    let brought = Brought::read(request.uri().query().unwrap_or_default());
    // A login that was begun here and is not this one stays as it is: another tab may yet come back for it, and no link on another site
    // can end it.
    let begun = Begun::of(app.cookies, request.headers()).filter(|begun| begun.has_state(&brought.state));
    let begun = begun.ok_or_else(|| refuse(Why::Foreign))?;
    let mut response = match finish(&app, oauth, request, &app.state.proxies.key(request), &begun, &brought).await {
        Ok(response) => response,
        Err(error) => refusal::answer(&app, error.into(), refusal::Asked::new(&app, request)).await,
    };
    set_cookie(&mut response, &Begun::forget(app.cookies));
    Ok(response)
}

/// Brings a login to its end.
async fn finish(
    app: &App,
    oauth: &OAuth,
    request: &Request,
    address: &str,
    begun: &Begun,
    brought: &Brought,
) -> Result<Response, Refusal> {
    let refuse = |why| Refusal::from(NotLoggedIn { why, next: begun.next.clone() });
    match brought.error.as_str() {
        "" => {}
        "access_denied" => return Err(refuse(Why::Cancelled)),
        _ => return Err(refuse(Why::Discord(OAuthError::Unreadable("it sent the browser back with an error")))),
    }
    let user = ask(app, oauth, address, begun, &brought.code).await.map_err(refuse)?;
    let account = account_of(app, user).await?.map_err(refuse)?;
    let token = app.open_session(request.headers(), &account).await?;
    app.note_login(&account).await?;
    app.attempts.begun.give_back(address);
    tracing::info!(account = account.id, "logged in with Discord");
    Ok(app.welcome(&token, &account, begun.next.as_deref()))
}

/// Whose code this is. A code that Discord does not take counts against the address.
async fn ask(app: &App, oauth: &OAuth, address: &str, begun: &Begun, code: &str) -> Result<DiscordUser, Why> {
    if code.is_empty() || code.len() > MAX_CODE {
        return Err(Why::Discord(OAuthError::Code));
    }
    let codes = &app.attempts.codes;
    codes.take(address, app.state.clock.now()).map_err(Why::TooMany)?;
    let asked = match app.attempts.at_discord.try_acquire() {
        Ok(_turn) => oauth.log_in(code, &begun.verifier).await.map_err(Why::Discord),
        Err(_) => Err(Why::Crowded),
    };
    match &asked {
        Err(Why::Discord(OAuthError::Code)) => tracing::warn!(address, "Discord does not take the code of a login"),
        _ => codes.give_back(address),
    }
    asked
}

/// The account of a person, if there may be one.
async fn account_of(app: &App, user: DiscordUser) -> Result<Result<Account, Why>, Refusal> {
    let (state, now) = (&app.state, app.state.clock.now());
    if state.login.require_member {
        let member = state.read.member(user.id).await?;
        if member.is_none_or(|member| member.date_left.is_some()) {
            return Ok(Err(Why::NoMember(user.username)));
        }
    }
    let login = DiscordLogin { id: user.id, username: user.username, email: user.email };
    let account = state.accounts.log_in_with_discord(&login, now).await?;
    Ok(if account.is_active { Ok(account) } else { Err(Why::Deactivated) })
}
