//! How the first member list comes in, for pages on which nobody is to be seen yet.
//!
//! Enters: what this program can do, and who looks. Leaves: the ways that there are, the easiest first, or what is missing.

use askama::Template;
use askama::filters::HtmlSafe;

use super::App;
use super::addresses::RUNS;
use super::session::Viewer;

/// The ways; its template is `first_list.html`.
#[derive(Template)]
#[template(path = "first_list.html")]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of the template")]
pub(in crate::http) struct FirstList<'a> {
    has_guild: bool,
    has_token: bool,
    has_key: bool,
    may_act: bool,
    runs: &'static str,
    public_url: &'a str,
}

impl HtmlSafe for FirstList<'_> {}

impl<'a> FirstList<'a> {
    pub(in crate::http) fn new(app: &'a App, viewer: &Viewer) -> Self {
        Self {
            has_guild: app.state.intake.is_some(),
            has_token: app.state.rest.is_some(),
            has_key: app.state.has_bot_key,
            may_act: viewer.account.is_superuser,
            runs: RUNS,
            public_url: &app.state.public_url,
        }
    }
}
