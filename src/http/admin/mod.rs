//! The pages staff see, and the login with a password. A file per page.
//!
//! Enters: a browser's request. Leaves: a page. What pages share stands in `pages`.
//!
//! Every page but the login takes a `session::Staff`, which only a logged-in member of staff can be made of: a page that shows
//! something and does not ask for one would stand out in its signature.

mod comparison;
mod login;
mod member_export;
mod member_view;
mod members;
mod overview;
mod run;
mod runs;
mod staff_log;

use poem::{RouteMethod, get};

use super::pages::addresses::{ADMIN, COMPARISON, COMPARISON_EXPORT, LOGIN, MEMBERS, MEMBERS_EXPORT, RUN, RUNS, STAFF_LOG};

/// The pages with their addresses.
pub(super) fn pages() -> Vec<(&'static str, RouteMethod)> {
    vec![
        (ADMIN, get(overview::show)),
        (LOGIN, get(login::show).post(login::enter)),
        (MEMBERS, get(members::show)),
        (MEMBERS_EXPORT, get(members::export_csv)),
        (COMPARISON, get(comparison::show)),
        (COMPARISON_EXPORT, get(comparison::export_csv)),
        (RUNS, get(runs::show)),
        (RUN, get(run::show)),
        (STAFF_LOG, get(staff_log::show)),
    ]
}
