//! The pages staff see, and the login with a password. A file per page.
//!
//! Enters: a browser's request. Leaves: a page. What pages share stands in `pages`.
//!
//! Every page but the login takes a `session::Staff`, which only a logged-in member of staff can be made of: a page that shows
//! something and does not ask for one would stand out in its signature.

mod account;
mod account_export;
mod account_view;
mod accounts;
mod change_bar;
mod comparison;
mod conflicts;
mod login;
mod member;
mod member_export;
mod member_history;
mod member_pages;
mod member_sync;
mod member_view;
mod members;
mod overview;
mod role_filter;
mod run;
mod runs;
mod staff_log;
mod start;
mod timeline;
mod workers;

use poem::{RouteMethod, get, post};

use super::pages::addresses::{
    ACCOUNT, ACCOUNTS, ACCOUNTS_EXPORT, ADMIN, COMPARISON, COMPARISON_EXPORT, CONFLICTS, LOGIN, MEMBER, MEMBER_EXPORT, MEMBERS,
    MEMBERS_EXPORT, RUN, RUN_CANCEL, RUN_DECIDE, RUN_EVENTS, RUN_EXPORT, RUN_RETRY, RUN_UNDO, RUNS, RUNS_FROM_DISCORD,
    RUNS_FROM_FILE, STAFF_LOG, STAFF_LOG_EXPORT, WORKERS,
};

/// The addresses of all that staff see and do, with `:id` where an id stands: whoever checks them all forgets none.
#[must_use]
pub fn addresses() -> Vec<&'static str> {
    pages().into_iter().map(|(address, _)| address).collect()
}

/// The pages with their addresses.
pub(super) fn pages() -> Vec<(&'static str, RouteMethod)> {
    vec![
        (ADMIN, get(overview::show)),
        (LOGIN, get(login::show).post(login::enter)),
        (MEMBERS, get(members::show)),
        (MEMBERS_EXPORT, get(members::export_csv)),
        (COMPARISON, get(comparison::show)),
        (COMPARISON_EXPORT, get(comparison::export_csv)),
        (MEMBER, get(member::show).post(member_sync::sync_now)),
        (MEMBER_EXPORT, get(member_history::export_csv)),
        (ACCOUNTS, get(accounts::show)),
        (ACCOUNTS_EXPORT, get(accounts::export_csv)),
        (ACCOUNT, get(account::show).post(account::alter)),
        (CONFLICTS, get(conflicts::show).post(conflicts::settle)),
        (RUNS, get(runs::show)),
        (RUN, get(run::show)),
        (RUN_EVENTS, get(run::watch)),
        (RUN_EXPORT, get(run::export_csv)),
        (RUNS_FROM_DISCORD, post(start::from_discord)),
        (RUNS_FROM_FILE, post(start::from_file)),
        (RUN_CANCEL, post(run::cancel)),
        (RUN_RETRY, post(run::retry)),
        (RUN_UNDO, post(run::undo)),
        (RUN_DECIDE, post(run::decide)),
        (WORKERS, get(workers::show)),
        (STAFF_LOG, get(staff_log::show)),
        (STAFF_LOG_EXPORT, get(staff_log::export_csv)),
    ]
}
