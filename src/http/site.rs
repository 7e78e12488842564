//! All pages under their addresses, and what is around each of them.
//!
//! Enters: a browser's request. Leaves: a page, under a strict policy that runs no script but our own files, also for an address that we do not have.

use std::sync::Arc;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, EndpointExt as _, Request, Response, Route, RouteMethod, get, handler};

use super::pages::acting::HeadOnly;
use super::pages::addresses::{redirect, see_other};
use super::pages::cookies::Cookies;
use super::pages::session::{Person, landing};
use super::pages::{App, PagesState, assets, refusal};
use super::{account, admin};

/// The pages and their assets: `/`, `/admin/…`, `/accounts/…` and `/static/…`. Answers every other address with a 404 page.
#[must_use]
pub fn routes(state: PagesState) -> impl Endpoint<Output = Response> {
    let app = Arc::new(App::new(state));
    let mut route = Route::new().at("/", get(home)).at("/static/:name", get(assets::serve));
    for (path, methods) in admin::pages().into_iter().chain(account::pages()) {
        route = page(route, path, methods);
    }
    Pages { inner: route.data(Arc::clone(&app)), app }
}

/// Adds a page under its path, and a redirect to it under the path without its last slash.
fn page(route: Route, path: &str, methods: RouteMethod) -> Route {
    match path.strip_suffix('/') {
        Some(without) => route.at(path, methods).at(without, add_slash),
        None => route.at(path, methods),
    }
}

#[handler]
fn add_slash(request: &Request) -> Response {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    redirect(StatusCode::PERMANENT_REDIRECT, &format!("{}/{query}", request.uri().path()))
}

#[handler]
fn home(Person(viewer): Person) -> Response {
    see_other(landing(&viewer.account, None))
}

/// Around all pages: shows errors as pages and sets the headers that every page has.
struct Pages<E> {
    inner: E,
    app: Arc<App>,
}

const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' https://cdn.discordapp.com; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

impl<E: Endpoint<Output = Response>> Endpoint for Pages<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if *request.method() == Method::HEAD {
            request.set_data(HeadOnly);
        }
        let asked = refusal::Asked::new(&self.app, &request);
        let mut response = match self.inner.call(request).await {
            Ok(response) => response,
            Err(error) => refusal::answer(&self.app, error, asked).await,
        };
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // Also browsers that typed no https come back with it for a year.
        if self.app.cookies == Cookies::OfHost {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(response)
    }
}
