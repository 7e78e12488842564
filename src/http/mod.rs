//! ENTRY: browsers and bots.
//!
//! Enters: HTTP requests. Leaves: pages and answers. Imports `domain`, `config`, `password`, `intake`, and of `store` the reading, account and
//! session handles; never `worker`, the taking side of `queue`, or another entry.

pub mod admin;
pub mod api;
mod password;
pub mod throttle;

use poem::{Endpoint, Request, Response};

pub use admin::AdminState;
pub use api::ApiState;

/// All addresses: the API and the probes, and pages for everything else.
#[must_use]
pub fn routes(api: ApiState, admin: AdminState) -> impl Endpoint<Output = Response> {
    Entrance { api: api::routes(api), pages: admin::routes(admin) }
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
