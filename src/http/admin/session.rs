//! Who is asking: the cookie, the session behind it, and the guard of the pages.
//!
//! Enters: the cookie of a request. Leaves: a [`Viewer`], or a refusal. The cookie holds 32 random bytes as hex, drawn anew at each
//! login; the ledger keeps their SHA-256 alone.
//!
//! A form of a logged-in page carries a second word that only this browser's session can know: a hash of the same token under another
//! label. Neither hash says anything about the other.

use std::fmt::Write as _;
use std::sync::Arc;

use cookie::{Cookie, SameSite};
use poem::http::{HeaderMap, Method, header};
use poem::web::Data;
use poem::{FromRequest, Request, RequestBody};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::App;
use super::refusal::Refusal;
use crate::domain::Account;
use crate::store::StoreError;

const COOKIE: &str = "guildsync_session";
const FORM_LABEL: &[u8] = b"guildsync form ";

/// The secret in the cookie; it has no `Debug`, so that it cannot be logged.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn new(random: [u8; 32]) -> Self {
        Self(hex(&random))
    }

    /// The token a browser sent, if it has the shape of one.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut ours = sent.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == COOKIE);
        let token = ours.next()?.value().to_owned();
        let shaped = token.len() == 64 && token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        shaped.then_some(Self(token))
    }

    /// What the ledger knows the session by.
    pub(super) fn session_id(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The word that forms of this session carry.
    pub(super) fn form_word(&self) -> String {
        hex(&Sha256::new().chain_update(FORM_LABEL).chain_update(&self.0).finalize())
    }

    /// Whether a form carries the word of this session.
    pub(super) fn owns_form(&self, word: &str) -> bool {
        self.form_word().as_bytes().ct_eq(word.as_bytes()).into()
    }

    /// The `Set-Cookie` that hands the token to the browser.
    pub(super) fn set(&self, secure: bool) -> String {
        base(self.0.clone(), secure).build().to_string()
    }

    /// The `Set-Cookie` that makes the browser forget it.
    pub(super) fn forget(secure: bool) -> String {
        base(String::new(), secure).max_age(cookie::time::Duration::ZERO).build().to_string()
    }
}

fn base(value: String, secure: bool) -> cookie::CookieBuilder<'static> {
    Cookie::build((COOKIE, value)).http_only(true).same_site(SameSite::Lax).path("/").secure(secure)
}

/// Bytes as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Who is logged in.
pub(super) struct Viewer {
    pub(super) account: Account,
    /// What the forms of the page carry.
    pub(super) form_word: String,
}

impl App {
    /// Whose session `token` is.
    pub(super) async fn viewer(&self, token: Option<&Token>) -> Result<Option<Viewer>, StoreError> {
        let Some(token) = token else { return Ok(None) };
        let now = self.state.clock.now();
        let account = self.state.sessions.session(&token.session_id(), self.session_limits(), now).await?;
        Ok(account.map(|account| Viewer { account, form_word: token.form_word() }))
    }
}

/// A logged-in member of staff; a page that takes one is shown to nobody else.
pub(super) struct Staff(pub(super) Viewer);

impl<'a> FromRequest<'a> for Staff {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let app = Data::<&Arc<App>>::from_request_without_body(request).await?;
        let viewer = app.viewer(Token::of(request.headers()).as_ref()).await.map_err(Refusal::from)?;
        let Some(viewer) = viewer else {
            let wanted = request.uri().path_and_query().filter(|_| matches!(*request.method(), Method::GET | Method::HEAD));
            return Err(Refusal::Stranger { next: wanted.map(ToString::to_string) }.into());
        };
        if viewer.account.is_staff { Ok(Self(viewer)) } else { Err(Refusal::NotStaff.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookies: &str) -> Option<Token> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookies.parse().unwrap());
        Token::of(&headers)
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
