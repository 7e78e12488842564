//! Who is asking: the cookie, the session behind it, and the guards of the pages.
//!
//! Enters: the cookie of a request. Leaves: a [`Viewer`], or a refusal. The cookie holds 32 random bytes as hex, drawn anew at each
//! login, whichever way it went; the ledger keeps their SHA-256 alone.
//!
//! A form of a logged-in page carries a second word that only this browser's session can know: a hash of the same token under another
//! label. Neither hash says anything about the other.

use std::fmt::Write as _;
use std::sync::Arc;

use poem::http::{HeaderMap, Method};
use poem::web::Data;
use poem::{FromRequest, Request, RequestBody, Response};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::App;
use super::addresses::{ADMIN, ME, see_other};
use super::cookies::{Cookies, set_cookie};
use super::forms::page_of_form;
use super::refusal::Refusal;
use crate::domain::{Account, StaffAct};
use crate::store::StoreError;

const COOKIE: &str = "guildsync_session";
const FORM_LABEL: &[u8] = b"guildsync form ";

/// The secret in the cookie; it has no `Debug`, so that it cannot be logged.
#[derive(Clone)]
pub(in crate::http) struct Token(String);

impl Token {
    pub(in crate::http) fn new(random: [u8; 32]) -> Self {
        Self(hex(&random))
    }

    /// The token a browser sent, if it has the shape of one.
    pub(in crate::http) fn of(cookies: Cookies, headers: &HeaderMap) -> Option<Self> {
        cookies.sent(headers, COOKIE).filter(|token| is_token(token)).map(Self)
    }

    /// What the ledger knows the session by.
    pub(in crate::http) fn session_id(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The word that forms of this session carry.
    pub(in crate::http) fn form_word(&self) -> String {
        hex(&Sha256::new().chain_update(FORM_LABEL).chain_update(&self.0).finalize())
    }

    /// Whether a form carries the word of this session.
    pub(in crate::http) fn owns_form(&self, word: &str) -> bool {
        self.form_word().as_bytes().ct_eq(word.as_bytes()).into()
    }

    /// The `Set-Cookie` that hands the token to the browser.
    fn set(&self, cookies: Cookies) -> String {
        cookies.set(COOKIE, &self.0, None)
    }

    /// The `Set-Cookie` that makes the browser forget it.
    pub(in crate::http) fn forget(cookies: Cookies) -> String {
        cookies.forget(COOKIE)
    }
}

/// Whether this looks like 32 bytes as [`hex`].
pub(in crate::http) fn is_token(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Bytes as lower-case hex.
pub(in crate::http) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Who is logged in.
pub(in crate::http) struct Viewer {
    pub(in crate::http) account: Account,
    /// What the forms of the page carry.
    pub(in crate::http) form_word: String,
}

impl App {
    /// The token a browser sent.
    pub(in crate::http) fn token(&self, headers: &HeaderMap) -> Option<Token> {
        Token::of(self.cookies, headers)
    }

    /// Whose session `token` is.
    pub(in crate::http) async fn viewer(&self, token: Option<&Token>) -> Result<Option<Viewer>, StoreError> {
        let Some(token) = token else { return Ok(None) };
        let now = self.state.clock.now();
        let account = self.state.sessions.session(&token.session_id(), self.session_limits(), now).await?;
        Ok(account.map(|account| Viewer { account, form_word: token.form_word() }))
    }

    /// Whose session `token` still is, for what goes on in it by itself; nothing if that cannot be told just now.
    pub(in crate::http) async fn watcher(&self, token: &Token) -> Option<Option<Account>> {
        let now = self.state.clock.now();
        self.state.sessions.look_at_session(&token.session_id(), self.session_limits(), now).await.ok()
    }

    /// Opens a session under a new token, and ends the one the browser had.
    pub(in crate::http) async fn open_session(&self, headers: &HeaderMap, account: &Account) -> Result<Token, StoreError> {
        if let Some(old) = self.token(headers) {
            self.state.sessions.close_session(&old.session_id()).await?;
        }
        let token = Token::new((self.state.random)());
        self.state.sessions.open_session(&token.session_id(), account.id, self.state.clock.now()).await?;
        Ok(token)
    }

    /// Notes a login in the log of staff, if it is one of theirs.
    pub(in crate::http) async fn note_login(&self, account: &Account) -> Result<(), StoreError> {
        if account.is_staff { self.note(account, StaffAct::LogIn, "", "").await } else { Ok(()) }
    }

    /// Hands a session to the browser and sends it on: staff to where they wanted to go, anybody else to the page about themselves.
    pub(in crate::http) fn welcome(&self, token: &Token, account: &Account, next: Option<&str>) -> Response {
        let mut response = see_other(landing(account, next));
        set_cookie(&mut response, &token.set(self.cookies));
        response
    }
}

/// Where an account goes after a login.
pub(in crate::http) fn landing<'a>(account: &Account, next: Option<&'a str>) -> &'a str {
    if account.is_staff { next.unwrap_or(ADMIN) } else { ME }
}

/// A person who is logged in, staff or not; a page that takes one is shown to no stranger.
pub(in crate::http) struct Person(pub(in crate::http) Viewer);

impl<'a> FromRequest<'a> for Person {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let app = Data::<&Arc<App>>::from_request_without_body(request).await?;
        let viewer = app.viewer(app.token(request.headers()).as_ref()).await.map_err(Refusal::from)?;
        viewer.map(Self).ok_or_else(|| stranger(request, &app.state.public_url).into())
    }
}

/// Sends a stranger to the login, which leads back to the page they wanted, or to the one whose form they sent.
fn stranger(request: &Request, public_url: &str) -> Refusal {
    let has_acted = !matches!(*request.method(), Method::GET | Method::HEAD);
    let next = if has_acted {
        page_of_form(request.headers(), public_url)
    } else {
        request.uri().path_and_query().map(ToString::to_string)
    };
    Refusal::Stranger { next, has_acted }
}

/// A logged-in member of staff; a page that takes one is shown to nobody else.
pub(in crate::http) struct Staff(pub(in crate::http) Viewer);

impl<'a> FromRequest<'a> for Staff {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let Person(viewer) = Person::from_request(request, body).await?;
        if viewer.account.is_staff { Ok(Self(viewer)) } else { Err(Refusal::NotStaff.into()) }
    }
}

#[cfg(test)]
mod tests {
    use poem::http::header;

    use super::*;

    fn sent(cookies: &str) -> Option<Token> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookies.parse().unwrap());
        Token::of(Cookies::Plain, &headers)
    }

    #[test]
    fn the_cookie_is_found_among_others_and_must_have_its_shape() {
        let token = Token::new([0xab; 32]);
        let found = sent(&format!("theme=dark; guildsync_session={}; x=y", "ab".repeat(32))).unwrap();
        assert_eq!(found.session_id(), token.session_id());
        for bad in ["", "guildsync_session=", "guildsync_session=short", &format!("guildsync_session={}", "AB".repeat(32))] {
            assert!(sent(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_form_belongs_to_one_session_and_its_word_is_no_session_id() {
        let (one, other) = (Token::new([1; 32]), Token::new([2; 32]));
        assert!(one.owns_form(&one.form_word()));
        assert!(!one.owns_form(&other.form_word()));
        assert!(!one.owns_form(""));
        assert_ne!(one.form_word(), hex(&one.session_id()));
    }
}
