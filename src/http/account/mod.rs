//! The pages of everybody who has an account, staff or not, and the way in with Discord. A file per page.
//!
//! Enters: a browser's request. Leaves: a page. What pages share stands in `pages`; `admin` is not known here.
//!
//! A login with Discord: `discord_login` sends the browser away with a `begun` login in a cookie, Discord sends it back to
//! `discord_callback`, and `refused` has the words for all that can go wrong.

mod begun;
mod discord_callback;
mod discord_login;
mod logout;
mod me;
mod refused;

use poem::{RouteMethod, get, post};

use super::pages::addresses::{DISCORD_CALLBACK, DISCORD_LOGIN, LOGOUT, ME};

/// The pages with their addresses.
pub(super) fn pages() -> Vec<(&'static str, RouteMethod)> {
    vec![
        (ME, get(me::show)),
        (LOGOUT, post(logout::leave)),
        (DISCORD_LOGIN, get(discord_login::begin)),
        (DISCORD_CALLBACK, get(discord_callback::arrive)),
    ]
}
