//! What a browser posts, and whether it was our own page that made it do so.
//!
//! Enters: headers and the body of a POST. Leaves: the fields of the form, or a refusal.
//!
//! Against forms on foreign sites stand two things. Every POST is judged by what browsers themselves say of its origin
//! (`Sec-Fetch-Site`, else `Origin` against the host asked and the public address), which no page can forge. A caller that says neither is
//! no browser and carries nobody's cookies. And every form carries a word: that of its session (see `session`), or, as the login form has
//! no session to lean on, one from a cookie of its own (see `login_word`).

use std::collections::HashMap;
use std::time::Duration;

use poem::Body;
use poem::error::ReadBodyError;
use poem::http::{HeaderMap, Method, header};
use url::form_urlencoded::parse;
use url::{Position, Url};

use super::addresses::{allowed, own_path};
use super::refusal::Refusal;

/// Largest form. Bytes.
const MAX_FORM: usize = 16 * 1024;
/// How long a form may take to come in.
const PATIENCE: Duration = Duration::from_secs(10);

/// The fields of a form. It has no `Debug`, because passwords travel in it.
pub(in crate::http) struct Form(HashMap<String, Vec<String>>);

impl Form {
    /// Reads a form that one of our own pages posted.
    pub(in crate::http) async fn read(headers: &HeaderMap, body: Body, public_url: &str) -> Result<Self, Refusal> {
        if !is_our_own(headers, public_url) {
            return Err(Refusal::ForeignForm);
        }
        let kind = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::NoForm);
        }
        let bytes = match tokio::time::timeout(PATIENCE, body.into_bytes_limit(MAX_FORM)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(ReadBodyError::PayloadTooLarge)) => return Err(Refusal::LargeForm),
            Ok(Err(_)) | Err(_) => return Err(Refusal::BrokenForm),
        };
        let mut fields = HashMap::new();
        for (name, value) in parse(&bytes) {
            fields.entry(name.into_owned()).or_insert_with(Vec::new).push(value.into_owned());
        }
        Ok(Self(fields))
    }

    /// A field, or empty; of one sent twice the first.
    pub(in crate::http) fn field(&self, name: &str) -> &str {
        self.fields(name).first().map_or("", String::as_str)
    }

    /// All values of a field, such as those of ticked boxes.
    pub(in crate::http) fn fields(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}

/// Whether a page of ours sent it, as far as the browser says.
pub(super) fn is_our_own(headers: &HeaderMap, public_url: &str) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(headers, header::ORIGIN.as_str()) else { return true };
    Url::parse(origin).is_ok_and(|origin| is_own_origin(headers, public_url, &origin))
}

/// The page of ours from which a request came, as far as the browser says.
pub(super) fn page_before(headers: &HeaderMap, public_url: &str) -> Option<String> {
    let page = Url::parse(text(headers, header::REFERER.as_str())?).ok()?;
    let path = &page[Position::BeforePath..Position::AfterQuery];
    own_path(path).filter(|_| is_own_origin(headers, public_url, &page)).map(str::to_owned)
}

/// The same, if it can be opened again: that of a form, unless what came of an earlier form stood there.
pub(super) fn page_of_form(headers: &HeaderMap, public_url: &str) -> Option<String> {
    page_before(headers, public_url).filter(|page| allowed(page.split('?').next().unwrap_or_default()).contains(&Method::GET))
}

fn is_own_origin(headers: &HeaderMap, public_url: &str, origin: &Url) -> bool {
    let is_public = Url::parse(public_url).is_ok_and(|public| public.origin() == origin.origin());
    let asked = text(headers, header::HOST.as_str()).and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok());
    is_public || asked.is_some_and(|asked| asked.origin().is_tuple() && asked.origin() == origin.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        is_our_own(&headers, "https://members.example.org")
    }

    #[test]
    fn what_the_browser_says_of_the_origin_decides() {
        assert!(judged(&[("sec-fetch-site", "same-origin")]));
        assert!(judged(&[("sec-fetch-site", "none")]));
        assert!(!judged(&[("sec-fetch-site", "same-site")]));
        assert!(!judged(&[("sec-fetch-site", "cross-site"), ("origin", "https://members.example.org")]));
    }

    #[test]
    fn the_way_back_is_a_page_of_ours() {
        let page = |referer: &'static str| {
            let pairs = [("referer", referer), ("host", "127.0.0.1:8080")];
            let headers = pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            page_before(&headers, "https://members.example.org")
        };
        assert_eq!(page("https://members.example.org/admin/sync/?deltas=1#top").as_deref(), Some("/admin/sync/?deltas=1"));
        assert_eq!(page("http://127.0.0.1:8080/admin/sync/").as_deref(), Some("/admin/sync/"));
        for foreign in ["https://evil.example/admin/", "https://members.example.org//evil.example/", "/admin/", "null", "data:,x"]
        {
            assert_eq!(page(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn an_older_browser_is_judged_by_its_origin() {
        assert!(judged(&[("origin", "https://members.example.org"), ("host", "127.0.0.1:8080")]));
        assert!(judged(&[("origin", "http://10.0.0.5:8080"), ("host", "10.0.0.5:8080")]));
        assert!(judged(&[("origin", "http://pages"), ("host", "pages:80")]));
        assert!(!judged(&[("origin", "http://members.example.org"), ("host", "other")]));
        assert!(!judged(&[("origin", "https://evil.example"), ("host", "members.example.org")]));
        assert!(!judged(&[("origin", "null"), ("host", "members.example.org")]));
        assert!(judged(&[("host", "members.example.org")]), "no browser");
    }
}
