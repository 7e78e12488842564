//! The pages staff see, and the login with a password. A file per page.
//!
//! Enters: a browser's request. Leaves: a page. What pages share stands in `pages`.
//!
//! Every page but the login takes a `session::Staff`, which only a logged-in member of staff can be made of: a page that shows
//! something and does not ask for one would stand out in its signature.

mod account;
mod accounts;
mod conflicts;
mod login;
mod member;
mod member_sync;
mod members;
mod overview;
mod run;
mod runs;
mod staff_log;
mod timeline;
mod workers;

use poem::{RouteMethod, get};

use super::pages::addresses::{ACCOUNT, ACCOUNTS, ADMIN, CONFLICTS, LOGIN, MEMBER, MEMBERS, RUN, RUNS, STAFF_LOG, WORKERS};

/// The pages with their addresses.
pub(super) fn pages() -> Vec<(&'static str, RouteMethod)> {
    vec![
        (ADMIN, get(overview::show)),
        (LOGIN, get(login::show).post(login::enter)),
        (MEMBERS, get(members::show)),
        (MEMBER, get(member::show).post(member_sync::sync_now)),
        (ACCOUNTS, get(accounts::show)),
        (ACCOUNT, get(account::show).post(account::alter)),
        (CONFLICTS, get(conflicts::show).post(conflicts::settle)),
        (RUNS, get(runs::show)),
        (RUN, get(run::show)),
        (WORKERS, get(workers::show)),
        (STAFF_LOG, get(staff_log::show)),
    ]
}
