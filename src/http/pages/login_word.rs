//! The word of a login form.
//!
//! Enters: a browser that asks for the form, or sends it. Leaves: a random word, in a cookie of its own and in the form; they must be the
//! same. There is no session to lean on yet, and what browsers say of a form's origin (`forms`) is missing from some. A page that was
//! left open for too long is told so, and gets a word that works.

use cookie::time::Duration;
use poem::Response;
use poem::http::HeaderMap;
use subtle::ConstantTimeEq as _;

use super::App;
use super::cookies::set_cookie;
use super::session::{hex, is_token};

const COOKIE: &str = "guildsync_login";
/// How long a form may be left open. Each page with the form begins it anew.
const LIFETIME: Duration = Duration::hours(1);

/// A browser's word. It has no `Debug`, so that it cannot be logged.
pub(in crate::http) struct LoginWord(String);

impl LoginWord {
    /// The word a browser has.
    pub(in crate::http) fn of(app: &App, headers: &HeaderMap) -> Option<Self> {
        app.cookies.sent(headers, COOKIE).filter(|word| is_token(word)).map(Self)
    }

    /// The word for another form: the one the browser has, as another tab may hold a form with it, or a new one.
    pub(in crate::http) fn for_form(app: &App, headers: &HeaderMap) -> Self {
        Self::of(app, headers).unwrap_or_else(|| Self(hex(&(app.state.random)())))
    }

    /// What the form carries.
    pub(in crate::http) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a form carries this word.
    pub(in crate::http) fn is(&self, sent: &str) -> bool {
        self.0.as_bytes().ct_eq(sent.as_bytes()).into()
    }

    /// Leaves it with the browser.
    pub(in crate::http) fn hand_over(&self, app: &App, response: &mut Response) {
        set_cookie(response, &app.cookies.set(COOKIE, &self.0, Some(LIFETIME)));
    }
}
