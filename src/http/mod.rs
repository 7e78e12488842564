//! ENTRY: browsers and bots.
//!
//! Enters: HTTP requests. Leaves: pages and answers. Imports `domain`, `config`, `password`, `intake`, of `discord` the login and the question after one member, and of
//! `store` the reading, account and session handles; never `worker`, the taking side of `queue`, or another entry.
//!
//! For browsers: `site` puts the pages of `admin` (staff) and `account` (everybody who has an account) under their addresses; `pages`
//! is what both stand on.

mod account;
mod admin;
pub mod api;
mod inflate;
mod pages;
mod password;
mod site;
pub mod throttle;
mod unread;
mod visitor;

use poem::{Endpoint, Request, Response};

pub use admin::addresses as staff_addresses;
pub use api::ApiState;
pub use pages::PagesState;
pub use pages::addresses::{CONFLICTS, DISCORD_CALLBACK};
pub use site::routes as page_routes;
pub use visitor::TrustedProxies;

/// All addresses: the API and the probes, and pages for everything else.
#[must_use]
pub fn routes(api: ApiState, pages: PagesState) -> impl Endpoint<Output = Response> {
    Entrance { api: api::routes(api), pages: site::routes(pages) }
}

/// Both sides answer every request with a response of their own, also one for an address that they do not have.
struct Entrance<A, P> {
    api: A,
    pages: P,
}

impl<A, P> Endpoint for Entrance<A, P>
where
    A: Endpoint<Output = Response>,
    P: Endpoint<Output = Response>,
{
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let path = request.uri().path();
        if path.starts_with("/api/") || matches!(path, "/api" | "/healthz" | "/readyz") {
            self.api.call(request).await
        } else {
            self.pages.call(request).await
        }
    }
}
