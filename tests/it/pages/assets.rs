//! The style sheet and the icon.

use poem::http::{Method, StatusCode};

use super::{LOGIN, Site};

/// The address of an asset as a page names it.
fn address(page: &str, name: &str) -> String {
    let at = page.find(&format!("/static/{name}?v=")).expect("the page names it");
    page[at..].split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn assets_are_kept_for_good_under_the_address_pages_give_them() {
    let mut site = Site::empty().await;
    let page = site.get(LOGIN).await.body;
    for (name, kind) in [("admin.css", "text/css; charset=utf-8"), ("icon.svg", "image/svg+xml")] {
        let asset = site.get(&address(&page, name)).await;
        assert_eq!(asset.status, StatusCode::OK);
        assert_eq!(asset.header("content-type"), kind);
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(asset.header("x-content-type-options"), "nosniff");

        let bare = site.get(&format!("/static/{name}?v=old")).await;
        assert_eq!(bare.header("cache-control"), "no-cache");
        let known = [("if-none-match", bare.header("etag"))];
        let again = site.send(Method::GET, &format!("/static/{name}"), &known, String::new()).await;
        assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }
    assert_eq!(site.get("/static/passwd").await.status, StatusCode::NOT_FOUND);
}
