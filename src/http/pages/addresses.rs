//! Where everything is, and how a browser is sent there.
//!
//! Enters: an address. Leaves: a redirect, or the word that it is none of ours.

use poem::Response;
use poem::http::{Method, StatusCode, header};
use url::form_urlencoded::byte_serialize;

pub(in crate::http) const ADMIN: &str = "/admin/";
pub(in crate::http) const MEMBERS: &str = "/admin/accounts/guildmember/";
pub(in crate::http) const MEMBER: &str = "/admin/accounts/guildmember/:id/";
pub(in crate::http) const MEMBER_EXPORT: &str = "/admin/accounts/guildmember/:id/export.csv";
pub(in crate::http) const MEMBERS_EXPORT: &str = "/admin/accounts/guildmember/export.csv";
pub(in crate::http) const COMPARISON_EXPORT: &str = "/admin/accounts/guildmember/comparison/export.csv";
pub(in crate::http) const COMPARISON: &str = "/admin/accounts/guildmember/comparison/";
pub(in crate::http) const ACCOUNTS: &str = "/admin/accounts/user/";
pub(in crate::http) const ACCOUNT: &str = "/admin/accounts/user/:id/";
pub(in crate::http) const ACCOUNTS_EXPORT: &str = "/admin/accounts/user/export.csv";
/// Where claims to Discord ids are decided, behind the public address of the pages.
pub const CONFLICTS: &str = "/admin/accounts/user/conflicts/";
pub(in crate::http) const STAFF_LOG: &str = "/admin/log/";
pub(in crate::http) const STAFF_LOG_EXPORT: &str = "/admin/log/export.csv";
pub(in crate::http) const WORKERS: &str = "/admin/workers/";
pub(in crate::http) const RUNS: &str = "/admin/sync/";
pub(in crate::http) const RUN: &str = "/admin/sync/:id/";
pub(in crate::http) const RUN_EVENTS: &str = "/admin/sync/:id/events";
pub(in crate::http) const RUN_EXPORT: &str = "/admin/sync/:id/export.csv";
pub(in crate::http) const RUNS_FROM_DISCORD: &str = "/admin/sync/discord/";
pub(in crate::http) const RUNS_FROM_FILE: &str = "/admin/sync/file/";
pub(in crate::http) const RUN_CANCEL: &str = "/admin/sync/:id/cancel/";
pub(in crate::http) const RUN_RETRY: &str = "/admin/sync/:id/retry/";
pub(in crate::http) const RUN_UNDO: &str = "/admin/sync/:id/undo/";
pub(in crate::http) const RUN_DECIDE: &str = "/admin/sync/:id/decide/";
pub(in crate::http) const LOGIN: &str = "/admin/login/";
pub(in crate::http) const ME: &str = "/accounts/me/";
pub(in crate::http) const LOGOUT: &str = "/accounts/logout/";
pub(in crate::http) const DISCORD_LOGIN: &str = "/accounts/discord/login/";
/// Where Discord sends people back to. It is registered there, behind the public address of the pages.
pub const DISCORD_CALLBACK: &str = "/accounts/discord/login/callback/";

/// In the address of the login: a form was not taken, because the session had ended.
pub(in crate::http) const ENDED: &str = "ended";

/// Longest address that is kept through a login. Bytes.
const MAX_NEXT: usize = 2_000;

/// `next`, if it is a path of this site and nothing that a browser could read as another one.
pub(in crate::http) fn own_path(next: &str) -> Option<&str> {
    let is_plain = next.len() <= MAX_NEXT && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_plain && next.starts_with('/') && !next.starts_with("//")).then_some(next)
}

/// The address of a login that knows where its visitor wants to go.
pub(in crate::http) fn with_next(login: &str, next: Option<&str>) -> String {
    match next {
        None | Some("" | "/" | ADMIN) => login.to_owned(),
        Some(next) => format!("{login}?next={}", byte_serialize(next.as_bytes()).collect::<String>()),
    }
}

/// The login for whoever is not logged in, or not any more. It says so if what they sent was not taken.
pub(in crate::http) fn login_after(next: Option<&str>, has_acted: bool) -> String {
    let login = with_next(LOGIN, next);
    if has_acted { format!("{login}{}{ENDED}=1", if login.contains('?') { '&' } else { '?' }) } else { login }
}

/// Sends the browser on with a GET.
pub(in crate::http) fn see_other(address: &str) -> Response {
    redirect(StatusCode::SEE_OTHER, address)
}

/// Sends the browser on.
pub(in crate::http) fn redirect(status: StatusCode, address: &str) -> Response {
    Response::builder().status(status).header(header::LOCATION, address).finish()
}

/// What is done about one run.
const RUN_ACTS: [&str; 4] = ["/cancel/", "/retry/", "/undo/", "/decide/"];

/// Whether a path is that of one member or account of a list.
fn is_one_of(list: &str, path: &str) -> bool {
    let number = path.strip_prefix(list).and_then(|rest| rest.strip_suffix('/'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The methods an address of ours takes, for the `Allow` of a 405.
pub(in crate::http) fn allowed(path: &str) -> &'static [Method] {
    match path {
        LOGOUT | RUNS_FROM_DISCORD | RUNS_FROM_FILE => &[Method::POST],
        act if act.starts_with(RUNS) && RUN_ACTS.iter().any(|end| act.ends_with(end)) => &[Method::POST],
        LOGIN | CONFLICTS => &[Method::GET, Method::HEAD, Method::POST],
        path if is_one_of(MEMBERS, path) || is_one_of(ACCOUNTS, path) => &[Method::GET, Method::HEAD, Method::POST],
        _ => &[Method::GET, Method::HEAD],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_site_are_followed() {
        for good in ["/", "/admin/sync/", "/admin/accounts/guildmember/?after=5&page_size=25"] {
            assert_eq!(own_path(good), Some(good));
        }
        let long = format!("/{}", "a".repeat(MAX_NEXT));
        for bad in [
            "",
            "admin/",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            " /admin/",
            "/ä",
            &long,
        ] {
            assert_eq!(own_path(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_login_is_told_where_to_go_unless_it_goes_there_anyway() {
        assert_eq!(
            with_next(LOGIN, Some("/admin/sync/?deltas=1&x=%")),
            "/admin/login/?next=%2Fadmin%2Fsync%2F%3Fdeltas%3D1%26x%3D%25"
        );
        for nowhere in [None, Some(""), Some("/"), Some("/admin/")] {
            assert_eq!(with_next(LOGIN, nowhere), LOGIN);
        }
    }
}
