//! The way out.
//!
//! Enters: the log-out form of any page. Leaves: an ended session and a browser that has forgotten it. Any account may log out, staff or
//! not, and a session that has run out meanwhile is as good as ended.

use std::sync::Arc;

use poem::web::Data;
use poem::{Body, Request, Response, handler};

use crate::domain::StaffAct;
use crate::http::pages::App;
use crate::http::pages::addresses::{LOGIN, see_other};
use crate::http::pages::cookies::set_cookie;
use crate::http::pages::forms::Form;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Token;

/// Takes the form.
#[handler]
pub(super) async fn leave(app: Data<&Arc<App>>, request: &Request, body: Body) -> Result<Response, Refusal> {
    let form = Form::read(request.headers(), body, &app.state.public_url).await?;
    if let Some(token) = app.token(request.headers()) {
        if !token.owns_form(form.field("form_word")) {
            return Err(Refusal::StaleForm);
        }
        let viewer = app.viewer(Some(&token)).await?;
        app.state.sessions.close_session(&token.session_id()).await?;
        if let Some(viewer) = viewer.filter(|viewer| viewer.account.is_staff) {
            app.note(&viewer.account, StaffAct::LogOut, "", "").await?;
        }
    }
    let mut response = see_other(LOGIN);
    set_cookie(&mut response, &Token::forget(app.cookies));
    Ok(response)
}
