//! The way out.
//!
//! Enters: the log-out form of any page. Leaves: an ended session and a browser that has forgotten it. Any account may log out, staff or
//! not, and a session that has run out meanwhile is as good as ended.

use std::sync::Arc;

use poem::http::header;
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::forms::Form;
use super::refusal::Refusal;
use super::session::Token;
use super::{App, LOGIN, see_other};

/// Takes the form.
#[handler]
pub(super) async fn leave(app: Data<&Arc<App>>, request: &Request, body: Body) -> Result<Response, Refusal> {
    let form = Form::read(request.headers(), body, &app.state.public_url).await?;
    if let Some(token) = Token::of(request.headers()) {
        if !token.owns_form(form.field("form_word")) {
            return Err(Refusal::StaleForm);
        }
        app.state.sessions.close_session(&token.session_id()).await?;
    }
    let mut response = see_other(LOGIN);
    if let Ok(cookie) = Token::forget(app.secure_cookies()).parse() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
