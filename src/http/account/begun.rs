//! A login with Discord that was begun in this browser and has not come back yet.
//!
//! Enters: what the login was begun with. Leaves: a cookie, and the same again when the browser is back. It lives in the browser alone,
//! so whoever begins logins fills nothing of ours, and a login that was begun in one browser is worth nothing in another.

use cookie::time::Duration;
use poem::http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::form_urlencoded::{Serializer, parse};

use crate::http::pages::addresses::own_path;
use crate::http::pages::cookies::Cookies;

const COOKIE: &str = "guildsync_discord_login";
/// How long a person may take at Discord.
const LIFETIME: Duration = Duration::minutes(10);
/// Longest value of the cookie; browsers drop those with more than 4 KiB in all. Bytes.
const MAX_VALUE: usize = 3_500;

/// What a browser must have when it comes back from Discord. It has no `Debug`, so that it cannot be logged.
pub(super) struct Begun {
    state: SecretString,
    pub(super) verifier: SecretString,
    /// Where the visitor wanted to go: a path of ours.
    pub(super) next: Option<String>,
}

impl Begun {
    pub(super) fn new(state: SecretString, verifier: SecretString, next: Option<&str>) -> Self {
        Self { state, verifier, next: next.map(str::to_owned) }
    }

    /// The login that a browser says it has begun.
    pub(super) fn of(cookies: Cookies, headers: &HeaderMap) -> Option<Self> {
        let value = cookies.sent(headers, COOKIE)?;
        let field = |wanted: &str| parse(value.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
        let word = |name| field(name).filter(|word| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let next = field("next").filter(|next| own_path(next).is_some());
        Some(Self { state: word("state")?.into(), verifier: word("verifier")?.into(), next })
    }

    /// Whether it is this login that Discord speaks of.
    pub(super) fn has_state(&self, state: &str) -> bool {
        self.state.expose_secret().as_bytes().ct_eq(state.as_bytes()).into()
    }

    /// The `Set-Cookie` that leaves it with the browser.
    pub(super) fn set(&self, cookies: Cookies) -> String {
        let words = [("state", self.state.expose_secret()), ("verifier", self.verifier.expose_secret())];
        let bare = Serializer::new(String::new()).extend_pairs(words).finish();
        let full = self.next.as_ref().map(|next| Serializer::new(bare.clone()).append_pair("next", next).finish());
        // Better to arrive somewhere else than not at all.
        let value = full.filter(|full| full.len() <= MAX_VALUE).unwrap_or(bare);
        cookies.set(COOKIE, &value, Some(LIFETIME))
    }

    /// The `Set-Cookie` that makes the browser forget it.
    pub(super) fn forget(cookies: Cookies) -> String {
        cookies.forget(COOKIE)
    }
}

#[cfg(test)]
mod tests {
    use poem::http::header;

    use super::*;

    fn sent(value: &str) -> Option<Begun> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("theme=dark; {COOKIE}={value}").parse().unwrap());
        Begun::of(Cookies::Plain, &headers)
    }

    /// The value as the browser sends it back.
    fn kept(begun: &Begun) -> String {
        let set = begun.set(Cookies::Plain);
        set.strip_prefix(&format!("{COOKIE}=")).and_then(|rest| rest.split(';').next()).unwrap().to_owned()
    }

    fn begun(next: Option<&str>) -> Begun {
        Begun::new("a1".repeat(32).into(), "b2".repeat(32).into(), next)
    }

    #[test]
    fn it_comes_back_as_it_was_sent() {
        for next in [None, Some("/admin/sync/?deltas=1&x=a;b,c\"%20+"), Some("/accounts/me/")] {
            let back = sent(&kept(&begun(next))).unwrap();
            assert_eq!(back.next.as_deref(), next);
            assert_eq!(back.verifier.expose_secret(), "b2".repeat(32));
            assert!(back.has_state(&"a1".repeat(32)));
            for other in ["", "a1", &"A1".repeat(32), &"b2".repeat(32)] {
                assert!(!back.has_state(other), "{other}");
            }
        }
    }

    #[test]
    fn a_browser_can_hold_it_whatever_was_wanted() {
        let long = format!("/{}", "\"".repeat(1_900));
        assert_eq!(own_path(&long), Some(long.as_str()));
        let set = begun(Some(&long)).set(Cookies::OfHost);
        assert!(set.len() < 4_096, "{}", set.len());
        assert_eq!(sent(&kept(&begun(Some(&long)))).unwrap().next, None);
    }

    #[test]
    fn what_does_not_look_like_one_is_none() {
        let [state, verifier] = ["a1", "b2"].map(|two| two.repeat(32));
        for bad in ["", "x", &format!("state={state}"), "state=&verifier=", &format!("state={state}&verifier=short")] {
            assert!(sent(bad).is_none(), "{bad}");
        }
        let elsewhere = sent(&format!("state={state}&verifier={verifier}&next=https%3A%2F%2Fevil.example")).unwrap();
        assert_eq!(elsewhere.next, None);
    }
}
