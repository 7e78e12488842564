//! Where a login with Discord begins.
//!
//! Enters: where the visitor wants to go. Leaves: a way to Discord, and a cookie that knows the visitor again afterwards.

use std::sync::Arc;

use poem::web::Data;
use poem::{Request, Response, handler};
use url::form_urlencoded::parse;

use super::begun::Begun;
use super::refused::{NotLoggedIn, Why};
use crate::http::pages::App;
use crate::http::pages::addresses::{own_path, see_other};
use crate::http::pages::cookies::set_cookie;
use crate::http::pages::refusal::Refusal;

/// Sends the browser to Discord.
#[handler]
pub(super) fn begin(Data(app): Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let next = parse(query.as_bytes()).find(|(name, _)| name == "next").map(|(_, value)| value.into_owned());
    let next = next.as_deref().and_then(own_path);
    let refuse = |why| NotLoggedIn { why, next: next.map(str::to_owned) };
    let Some(oauth) = &app.state.discord else { return Err(refuse(Why::NotSetUp).into()) };
    let begun = app.attempts.begun.take(&app.state.proxies.key(request), app.state.clock.now());
    begun.map_err(|wait| refuse(Why::TooMany(wait)))?;
    let login = oauth.authorize(&app.state.random);
    let mut response = see_other(login.url.as_str());
    set_cookie(&mut response, &Begun::new(login.state.into(), login.verifier, next).set(app.cookies));
    Ok(response)
}
