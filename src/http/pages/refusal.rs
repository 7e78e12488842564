//! What a page says when it cannot be shown, and the page that says it.
//!
//! Enters: an error from anywhere below. Leaves: a page with what happened and a way on. Faults of ours are logged here, once.

use std::sync::Arc;

use askama::Template;
use poem::error::{MethodNotAllowedError, NotFoundError, ResponseError};
use poem::http::{StatusCode, header};
use poem::{Request, Response};

use super::App;
use super::addresses::{ACCOUNTS, LOGIN, ME, MEMBERS, RUNS, allowed, login_after, see_other};
use super::forms::page_of_form;
use super::session::{Token, Viewer};
use super::shell::{Section, Shell, html};
use crate::http::password::Busy;
use crate::store::StoreError;

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum Refusal {
    #[error("not logged in")]
    Stranger {
        /// Where the visitor wanted to go.
        next: Option<String>,
        /// They sent a form that was not taken.
        has_acted: bool,
    },
    /// The same view has a shorter address.
    #[error("a view that is at {0}")]
    Elsewhere(String),
    #[error("not a staff account")]
    NotStaff,
    #[error("an account that may only look")]
    MayNotAct,
    #[error("there is no sync with this id")]
    NoRun,
    #[error("there is no member with this id")]
    NoMember,
    #[error("there is no account with this number")]
    NoAccount,
    #[error("{0}")]
    Query(String),
    #[error("a form of another site")]
    ForeignForm,
    #[error("a form of another session")]
    StaleForm,
    #[error("not a form")]
    NoForm,
    #[error("a form beyond the limit")]
    LargeForm,
    #[error("a form that broke off")]
    BrokenForm,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error("a page could not be put together: {0}")]
    Template(#[from] askama::Error),
    /// What a room of pages has to say in its own words.
    #[error(transparent)]
    Told(#[from] Box<Told>),
}

/// A refusal with its own words.
#[derive(Debug, thiserror::Error)]
#[error("{log}")]
pub(in crate::http) struct Told {
    pub(in crate::http) status: StatusCode,
    pub(in crate::http) title: &'static str,
    pub(in crate::http) text: String,
    pub(in crate::http) ways: Vec<Way>,
    /// Seconds after which the same request may go better.
    pub(in crate::http) retry_after: Option<u64>,
    /// What whoever runs the site must know; empty if that is nothing.
    pub(in crate::http) log: String,
}

impl Told {
    /// With one way on, and nothing that whoever runs the site must know.
    pub(in crate::http) fn new(status: StatusCode, title: &'static str, text: impl Into<String>, way: Way) -> Self {
        Self { status, title, text: text.into(), ways: vec![way], retry_after: None, log: String::new() }
    }
}

impl From<Told> for Refusal {
    fn from(told: Told) -> Self {
        Self::Told(Box::new(told))
    }
}

/// A way on: its address and its words.
pub(in crate::http) type Way = (String, &'static str);

impl ResponseError for Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Stranger { .. } | Self::Elsewhere(_) => StatusCode::SEE_OTHER,
            Self::NotStaff | Self::MayNotAct | Self::ForeignForm | Self::StaleForm => StatusCode::FORBIDDEN,
            Self::NoRun | Self::NoMember | Self::NoAccount => StatusCode::NOT_FOUND,
            Self::Query(_) => StatusCode::BAD_REQUEST,
            Self::NoForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::LargeForm => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokenForm => StatusCode::REQUEST_TIMEOUT,
            Self::Store(error) if error.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Busy(Busy::Crowded | Busy::BrokenOff) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) | Self::Busy(_) | Self::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Told(told) => told.status,
        }
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    shell: Shell<'a>,
    status: u16,
    title: &'static str,
    text: String,
    ways: Vec<Way>,
}

const TO_MEMBERS: (&str, &str) = (MEMBERS, "See the members");
const TO_SYNCS: (&str, &str) = (RUNS, "See the syncs");
const TO_ACCOUNTS: (&str, &str) = (ACCOUNTS, "See the accounts");
const TO_LOGIN: (&str, &str) = (LOGIN, "Log in");
const TO_ME: (&str, &str) = (ME, "See your account");

/// What was asked when something went wrong.
pub(in crate::http) struct Asked {
    token: Option<Token>,
    path: String,
    /// The page whose form it was.
    form: Option<String>,
}

impl Asked {
    pub(in crate::http) fn new(app: &App, request: &Request) -> Self {
        let form = page_of_form(request.headers(), &app.state.public_url);
        Self { token: app.token(request.headers()), path: request.uri().path().to_owned(), form }
    }
}

/// The page for an error.
pub(in crate::http) async fn answer(app: &Arc<App>, error: poem::Error, asked: Asked) -> Response {
    let Asked { token, path, form } = asked;
    let status = error.status();
    let refusal = error.downcast_ref::<Refusal>();
    let retry_after = match refusal {
        Some(Refusal::Told(told)) => told.retry_after,
        _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5),
    };
    if status.is_server_error() && !matches!(refusal, Some(Refusal::Told(told)) if told.log.is_empty()) {
        tracing::error!(%path, status = status.as_u16(), "a page could not be shown: {error}");
    }
    if let Some(Refusal::Stranger { next, has_acted }) = refusal {
        return see_other(&login_after(next.as_deref(), *has_acted));
    }
    if let Some(Refusal::Elsewhere(address)) = refusal {
        return see_other(address);
    }
    // With the ledger away, asking it who is looking would only make the visitor wait again.
    let viewer = if status.is_server_error() { None } else { app.viewer(token.as_ref()).await.ok().flatten() };
    let mut response = match page(&error, refusal, (&path, form), viewer.as_ref()).render() {
        Ok(page) => html(status, page),
        Err(_) => html(status, "This page could not be put together. Go back and try again.".to_owned()),
    };
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if error.is::<MethodNotAllowedError>() {
        let methods = allowed(&path).iter().filter_map(|method| method.as_str().parse().ok());
        methods.for_each(|method| _ = response.headers_mut().append(header::ALLOW, method));
    }
    response
}

fn page<'a>(
    error: &poem::Error,
    refusal: Option<&Refusal>,
    (path, form): (&str, Option<String>),
    viewer: Option<&'a Viewer>,
) -> RefusalPage<'a> {
    let status = error.status();
    let (title, text) = words(error, refusal);
    let ways = match refusal {
        Some(Refusal::Told(told)) => told.ways.clone(),
        Some(Refusal::Query(_)) if viewer.is_some_and(|viewer| viewer.account.is_staff) => vec![list(path)],
        Some(Refusal::ForeignForm | Refusal::StaleForm | Refusal::NoForm | Refusal::LargeForm | Refusal::BrokenForm)
            if viewer.is_some_and(|viewer| viewer.account.is_staff) =>
        {
            let page = form.or_else(|| Section::of(path).address().map(str::to_owned));
            vec![page.map_or_else(|| (TO_MEMBERS.0.to_owned(), TO_MEMBERS.1), |page| (page, "Open the page anew"))]
        }
        _ => ways(refusal, path, status, viewer).iter().map(|(address, words)| ((*address).to_owned(), *words)).collect(),
    };
    // What was asked of a list is mended there.
    let section = if matches!(refusal, Some(Refusal::Query(_))) { Section::of(path) } else { Section::None };
    RefusalPage { shell: Shell::new(viewer, section), status: status.as_u16(), title, text, ways }
}

/// The way to the beginning of the list that an address, or its export, is about.
fn list(path: &str) -> Way {
    (path.strip_suffix("export.csv").unwrap_or(path).to_owned(), "See it from the beginning")
}

fn ways(
    refusal: Option<&Refusal>,
    path: &str,
    status: StatusCode,
    viewer: Option<&Viewer>,
) -> &'static [(&'static str, &'static str)] {
    let is_staff = viewer.map(|viewer| viewer.account.is_staff);
    match refusal {
        Some(Refusal::NoRun) => &[TO_SYNCS, TO_MEMBERS],
        Some(Refusal::NoMember) => &[TO_MEMBERS],
        Some(Refusal::NoAccount) => &[TO_ACCOUNTS, TO_MEMBERS],
        // Nobody was asked who is looking.
        _ if status.is_server_error() && path.starts_with("/accounts/") => &[TO_ME],
        _ if status.is_server_error() || is_staff == Some(true) => &[TO_MEMBERS],
        _ if is_staff == Some(false) => &[TO_ME],
        _ => &[TO_LOGIN],
    }
}

fn words(error: &poem::Error, refusal: Option<&Refusal>) -> (&'static str, String) {
    let (title, text) = match refusal {
        Some(Refusal::Query(fault)) => return ("This address asks for something that does not exist", fault.clone()),
        Some(Refusal::Told(told)) => return (told.title, told.text.clone()),
        Some(Refusal::NotStaff) => (
            "These pages are for staff",
            "You are logged in, but this account is not a staff account. Someone who runs this site can make you one; or log out \
             and come back with another account.",
        ),
        Some(Refusal::NoRun) => (
            "There is no such sync",
            "No sync has this id. It may have been swept after its time was up, or the address was cut short.",
        ),
        Some(Refusal::NoMember) => {
            ("There is no such member", "Nobody with this id was ever seen in the guild, or the address was cut short.")
        }
        Some(Refusal::NoAccount) => ("There is no such account", "No account has this number. It may have been removed."),
        Some(Refusal::MayNotAct) => (
            "This account may look, not act",
            "Nothing was done. Someone who may act here can do it, or let you act, too (Accounts, your name, “may act”).",
        ),
        Some(Refusal::ForeignForm) => (
            "This form did not come from here",
            "Your browser says that another site sent it, so nothing was done. Open the page here and try again.",
        ),
        Some(Refusal::StaleForm) => (
            "This form is out of date",
            "It was made for another login than the one you have now, so nothing was done. Open the page anew and try again.",
        ),
        Some(Refusal::NoForm) => ("This is not a form", "Only forms of these pages can be sent here. Nothing was done."),
        Some(Refusal::LargeForm) => ("This form is too large", "Forms here have at most 16 KiB. Nothing was done."),
        Some(Refusal::BrokenForm) => ("The form broke off", "It did not arrive whole, so nothing was done. Send it again."),
        Some(Refusal::Store(store)) if store.is_transient() => (
            "The database is away",
            "It cannot be reached or is too busy at this moment. Nothing was changed and nothing is lost; try again in a few seconds.",
        ),
        Some(Refusal::Busy(Busy::Crowded | Busy::BrokenOff)) => (
            "Too many logins at this moment",
            "Passwords are checked a few at a time, and the queue is full. Nothing was changed; try again in a few seconds.",
        ),
        None if error.is::<NotFoundError>() => {
            ("There is no such page", "The address may be mistyped, or what it showed is gone.")
        }
        None if error.is::<MethodNotAllowedError>() => (
            "This address cannot be used like that",
            "It does not take this kind of request. Nothing was done; go on from here instead.",
        ),
        _ => (
            "Something went wrong on our side",
            "The page could not be put together. Nothing was changed. The log of the server says more; if it happens again, tell \
             someone who can read it.",
        ),
    };
    (title, text.to_owned())
}
