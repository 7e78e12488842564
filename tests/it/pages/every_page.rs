//! What all pages have in common: who is kept out, the headers, what is not there, and a database that is away.

use poem::http::{Method, StatusCode};

use super::{ADMIN, LIST, LOGIN, PASSWORD, Site};

#[tokio::test]
async fn every_page_of_staff_sends_strangers_to_the_login_and_others_away() {
    let mut site = Site::with_people().await;
    let paths = ["/admin/", "/admin/workers/", LIST, "/admin/sync/", "/admin/sync/0193554a-1b98-7000-8000-000000000000/"];
    for path in paths {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
        assert!(answer.header("location").starts_with(LOGIN), "{path}");
    }
    let wanted = site.get("/admin/accounts/guildmember/?page_size=25&after=7").await;
    let next = "next=%2Fadmin%2Faccounts%2Fguildmember%2F%3Fpage_size%3D25%26after%3D7";
    assert_eq!(wanted.header("location"), format!("{LOGIN}?{next}"));

    site.log_in("ben", PASSWORD).await;
    for path in paths {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.body.contains("not a staff account") && answer.body.contains("Log out"), "{path}");
        assert!(answer.body.contains(r#"<a class="button" href="/accounts/me/">"#), "{path}");
        assert!(!answer.body.contains("<nav"), "{path}");
    }
}

#[tokio::test]
async fn who_may_act_may_look_too() {
    let mut site = Site::as_superuser().await;
    for path in [ADMIN, LIST, "/admin/sync/"] {
        assert_eq!(site.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn every_page_has_the_headers_that_keep_it_safe() {
    let mut site = Site::as_staff().await;
    for path in [LIST, "/admin/sync/", LOGIN, "/admin/nothing/", "/admin/sync"] {
        let answer = site.get(path).await;
        let policy = answer.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        // Script comes from our own files and from nowhere else.
        let scripts = answer.body.matches("<script").count();
        assert_eq!(scripts, answer.body.matches("<script src=\"/static/").count(), "{path}");
        assert_eq!(scripts, answer.body.matches(" defer></script>").count(), "{path}");
        for inline in ["<style", " style=", "javascript:", " onclick="] {
            assert!(!answer.body.contains(inline), "{path}: {inline}");
        }
    }
}

#[tokio::test]
async fn what_a_page_cannot_be_asked_for_is_named() {
    let mut site = Site::as_staff().await;
    for path in [ADMIN, "/admin/workers/", LIST, "/admin/sync/", "/admin/log/", "/admin/accounts/user/"] {
        let answer = site.get(&format!("{path}?color=red")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(answer.body.contains("does not know “color”"), "{path}: {}", answer.body);
        assert!(answer.body.contains(&format!("<a class=\"button\" href=\"{path}\">See it from the beginning</a>")), "{path}");
    }
}

#[tokio::test]
async fn an_address_without_its_slash_leads_to_the_page() {
    let mut site = Site::as_staff().await;
    let answer = site.get("/admin/accounts/guildmember?page_size=25").await;
    assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(answer.header("location"), "/admin/accounts/guildmember/?page_size=25");
    let answer = site.get("/admin/sync/abc").await;
    assert_eq!(answer.header("location"), "/admin/sync/abc/");
    assert_eq!(site.get("/").await.header("location"), ADMIN);
}

#[tokio::test]
async fn what_does_not_exist_is_a_page_too() {
    let mut site = Site::as_staff().await;
    let answer = site.get("/admin/nothing/").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    insta::assert_snapshot!("not_found", answer.page());

    let answer = site.get("/accounts/logout/").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), "POST");
    let head = site.send(Method::HEAD, LIST, &[], String::new()).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn with_the_database_away_pages_say_so() {
    let mut site = Site::as_staff().await;
    site.stores.upkeep.close().await.unwrap();
    for path in [LIST, "/admin/sync/", LOGIN] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header("retry-after"), "5");
        assert!(answer.body.contains("The database is away") && !answer.body.contains("connection was closed"), "{path}");
    }
}
