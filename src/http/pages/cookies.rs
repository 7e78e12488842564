//! The cookies of this site: what they are called and how they are set.
//!
//! Enters: a bare name and a value. Leaves: a `Set-Cookie`, or the value that a browser sent.
//!
//! Under an https address names begin with `__Host-`: browsers keep such a cookie only from this very host, over https, for all paths, so
//! that no neighbour under the same domain can plant one. A bare name counts for nothing there. Without https browsers would drop them.

use cookie::time::Duration;
use cookie::{Cookie, CookieBuilder, SameSite};
use poem::Response;
use poem::http::{HeaderMap, header};

/// What cookies are called and how they are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Cookies {
    /// Over http, at home or for a trial.
    Plain,
    /// Over https.
    OfHost,
}

impl Cookies {
    /// Those of a site under this address.
    pub(in crate::http) fn of_site(public_url: &str) -> Self {
        if public_url.starts_with("https:") { Self::OfHost } else { Self::Plain }
    }

    fn name(self, bare: &str) -> String {
        match self {
            Self::Plain => bare.to_owned(),
            Self::OfHost => format!("__Host-{bare}"),
        }
    }

    /// The value that a browser sent.
    pub(in crate::http) fn sent(self, headers: &HeaderMap, bare: &str) -> Option<String> {
        let name = self.name(bare);
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut ours = sent.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == name);
        ours.next().map(|cookie| cookie.value().to_owned())
    }

    /// The `Set-Cookie` that leaves a value with the browser: for so long, or until it is closed.
    pub(in crate::http) fn set(self, bare: &str, value: &str, lifetime: Option<Duration>) -> String {
        let cookie = self.base(bare, value);
        lifetime.into_iter().fold(cookie, CookieBuilder::max_age).build().to_string()
    }

    /// The `Set-Cookie` that makes the browser forget it.
    pub(in crate::http) fn forget(self, bare: &str) -> String {
        self.set(bare, "", Some(Duration::ZERO))
    }

    /// `Lax`: people come back from Discord, and from links in chats, and are still who they are.
    fn base(self, bare: &str, value: &str) -> CookieBuilder<'static> {
        let cookie = Cookie::build((self.name(bare), value.to_owned()));
        cookie.http_only(true).same_site(SameSite::Lax).path("/").secure(self == Self::OfHost)
    }
}

/// Hands a cookie over with a response.
pub(in crate::http) fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(site: Cookies, cookies: &str) -> Option<String> {
        let headers = [(header::COOKIE, cookies.parse().unwrap())].into_iter().collect();
        site.sent(&headers, "word")
    }

    #[test]
    fn over_https_only_this_host_can_have_set_a_cookie() {
        let [plain, host] = ["http://127.0.0.1:8080", "https://members.example.org"].map(Cookies::of_site);
        assert_eq!(plain.set("word", "a", None), "word=a; HttpOnly; SameSite=Lax; Path=/");
        assert_eq!(host.set("word", "a", None), "__Host-word=a; HttpOnly; SameSite=Lax; Secure; Path=/");
        assert_eq!(host.forget("word"), "__Host-word=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
        let both = "theme=dark; word=planted; __Host-word=ours";
        assert_eq!(sent(plain, both).as_deref(), Some("planted"));
        assert_eq!(sent(host, both).as_deref(), Some("ours"));
        assert_eq!(sent(host, "word=planted; __host-word=planted"), None);
    }
}
