//! In and out, and who is kept out.

use chrono::TimeDelta;
use poem::http::{Method, StatusCode};

use super::seed::start;
use super::{ADMIN, LIST, LOGIN, ME, PASSWORD, Site, seed};
use crate::support::forms::hidden;

#[tokio::test]
async fn the_first_visitor_is_told_how_to_make_a_staff_account() {
    let mut site = Site::empty().await;
    let answer = site.get(LOGIN).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("login_without_staff", answer.page());
}

#[tokio::test]
async fn the_login_form() {
    let mut site = Site::with_people().await;
    let answer = site.get("/admin/login/?next=%2Fadmin%2Fsync%2F").await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("login", answer.page());
}

#[tokio::test]
async fn a_login_opens_a_session_and_leads_on() {
    let mut site = Site::with_people().await;
    let answer = site.log_in("  Anna ", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), ADMIN);
    let cookie = answer.header("set-cookie");
    let (pair, flags) = cookie.split_once("; ").unwrap();
    assert_eq!(pair, format!("guildsync_session={}", "01".repeat(32)));
    assert_eq!(flags, "HttpOnly; SameSite=Lax; Path=/");
    assert_eq!(site.get(LIST).await.status, StatusCode::OK);
    let anna = site.stores.accounts.credentials("anna").await.unwrap().unwrap().account;
    assert_eq!(anna.last_login, Some(start()));
    assert_eq!(site.get("/admin/login/?next=%2Fadmin%2Fsync%2F").await.header("location"), "/admin/sync/");
}

#[tokio::test]
async fn who_is_not_staff_is_led_to_the_page_about_themselves() {
    let mut site = Site::with_people().await;
    let fields = [("next", "/admin/sync/"), ("name", "ben"), ("password", PASSWORD)];
    assert_eq!(site.enter(&[], &fields).await.header("location"), ME);
    assert_eq!(site.get("/").await.header("location"), ME);
}

#[tokio::test]
async fn over_https_the_cookie_is_this_hosts_alone() {
    let mut site = Site::at("https://members.example.org").await;
    seed::people(&site.ledger).await;
    let answer = site.log_in("anna", PASSWORD).await;
    let set = answer.header("set-cookie");
    assert!(set.starts_with("__Host-guildsync_session=") && set.ends_with("HttpOnly; SameSite=Lax; Secure; Path=/"), "{set}");
    assert_eq!(site.get(LIST).await.status, StatusCode::OK);
    // A neighbour under the same domain could have planted it.
    let bare = |cookie: &Option<String>| cookie.as_ref().map(|cookie| cookie.replace("__Host-", ""));
    site.cookie = bare(&site.cookie);
    assert_eq!(site.get(LIST).await.status, StatusCode::SEE_OTHER, "a bare name counts for nothing");
    site.form = bare(&site.form);
    assert_eq!(site.log_in("anna", PASSWORD).await.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
    assert_eq!(
        Site::empty().await.get(LOGIN).await.header("strict-transport-security"),
        "",
        "there is no https to come back with"
    );
}

#[tokio::test]
async fn every_login_has_a_token_of_its_own_and_ends_the_session_before() {
    let mut site = Site::as_staff().await;
    let first = site.cookie.clone();
    site.log_in("anna", PASSWORD).await;
    assert_ne!(site.cookie, first);
    assert_eq!(site.open_sessions().await, 1);
    site.cookie = Some(format!("guildsync_session={}", "ff".repeat(32)));
    site.log_in("anna", PASSWORD).await;
    assert!(!site.cookie.clone().unwrap().contains("ffff"), "a token planted in the browser is not taken up");
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_look_the_same() {
    let mut site = Site::with_people().await;
    let wrong = site.log_in("anna", "wrong").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(site.cookie.is_none());
    insta::assert_snapshot!("wrong_password", wrong.page());
    // PostgreSQL would refuse to be asked for this name; here it would be found.
    site.ledger.execute("UPDATE users SET username_key = 'root' || char(0) WHERE username = 'root'").await;
    assert!(site.stores.accounts.credentials("root\0").await.unwrap().is_some());
    for (name, password) in [("nobody", PASSWORD), ("root\0", PASSWORD), ("", ""), (&"x".repeat(5_000), PASSWORD)] {
        let answer = site.log_in(name, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.body.contains("do not belong together"));
    }
    site.ledger.execute("UPDATE users SET is_active = 0 WHERE username = 'anna'").await;
    assert_eq!(site.log_in("anna", PASSWORD).await.status, StatusCode::UNAUTHORIZED, "deactivated");
}

#[tokio::test]
async fn a_name_with_too_many_wrong_passwords_waits() {
    let mut site = Site::with_people().await;
    for _ in 0..10 {
        assert_eq!(site.log_in("anna", "wrong").await.status, StatusCode::UNAUTHORIZED);
    }
    site.clock.advance(TimeDelta::seconds(60));
    let answer = site.log_in("ANNA", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "the right one, too");
    assert_eq!(answer.header("retry-after"), "841");
    assert!(answer.body.contains("try again in 15 minutes"), "{}", answer.body);
    assert_eq!(site.log_in("ben", PASSWORD).await.status, StatusCode::SEE_OTHER, "others are not kept out");
    site.clock.advance(TimeDelta::minutes(14));
    assert_eq!(site.log_in("anna", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_address_with_too_many_wrong_passwords_waits() {
    let mut site = Site::with_people().await;
    for attempt in 0..30 {
        assert_eq!(site.log_in(&format!("guess{attempt}"), "wrong").await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(site.log_in("anna", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn right_passwords_are_never_counted() {
    let mut site = Site::with_people().await;
    for _ in 0..12 {
        assert_eq!(site.log_in("anna", PASSWORD).await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn a_form_that_comes_after_the_session_leads_back_to_its_page() {
    let mut site = Site::as_superuser().await;
    site.clock.advance(TimeDelta::minutes(31));
    let sent = async |site: &mut Site, referer: &str| {
        let answer = site.post("/admin/accounts/user/2/", &[("referer", referer)], &[("change", "grant_staff")]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        answer.header("location").to_owned()
    };
    let login = sent(&mut site, "http://127.0.0.1:8080/admin/accounts/user/2/?x=1#y").await;
    assert_eq!(login, "/admin/login/?next=%2Fadmin%2Faccounts%2Fuser%2F2%2F%3Fx%3D1&ended=1");
    let page = site.get(&login).await;
    assert!(page.body.contains("Your session had ended, so nothing was done."), "{}", page.body);
    assert!(page.body.contains(r#"name="next" value="/admin/accounts/user/2/?x=1""#), "{}", page.body);
    for elsewhere in
        ["", "https://evil.example/admin/", "http://127.0.0.1:8080//evil.example", "http://127.0.0.1:8080/accounts/logout/"]
    {
        assert_eq!(sent(&mut site, elsewhere).await, "/admin/login/?ended=1", "{elsewhere}");
    }
    assert!(!site.get(LOGIN).await.body.contains("had ended"));
}

#[tokio::test]
async fn after_the_login_nobody_is_led_to_another_site() {
    let mut site = Site::with_people().await;
    let good = [("next", "/admin/sync/"), ("name", "anna"), ("password", PASSWORD)];
    assert_eq!(site.enter(&[], &good).await.header("location"), "/admin/sync/");
    for bad in ["https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "evil"]
    {
        let fields = [("next", bad), ("name", "anna"), ("password", PASSWORD)];
        assert_eq!(site.enter(&[], &fields).await.header("location"), ADMIN, "{bad:?}");
        site.cookie = None;
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", bad).finish();
        let form = site.get(&format!("{LOGIN}?{query}")).await;
        assert!(!form.body.contains("evil") && !form.body.contains("alert"), "{bad:?}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_logs_nobody_in() {
    let mut site = Site::with_people().await;
    let fields = [("name", "anna"), ("password", PASSWORD)];
    for headers in [[("sec-fetch-site", "cross-site")], [("sec-fetch-site", "same-site")], [("origin", "https://evil.example")]] {
        let answer = site.enter(&headers, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert_eq!(answer.header("set-cookie"), "");
        assert!(answer.body.contains("did not come from here"));
    }
    assert_eq!(site.open_sessions().await, 0);
    let own = [("origin", "http://127.0.0.1:8080")];
    assert_eq!(site.enter(&own, &fields).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_login_form_of_another_browser_is_told_so_and_works_the_second_time() {
    let mut site = Site::with_people().await;
    let form = site.get("/admin/login/?next=%2Fadmin%2Fsync%2F").await;
    let given = ["form_word", "next"].map(|field| hidden(&form.body).into_iter().find(|(name, _)| name == field).unwrap().1);
    assert_eq!(given, [site.login_word().await, "/admin/sync/".to_owned()]);
    let kept = site.form.clone();
    for (cookie, word) in [(None, given[0].as_str()), (None, ""), (kept.clone(), ""), (kept, &"0".repeat(64))] {
        site.form.clone_from(&cookie);
        let fields = [("form_word", word), ("next", "/admin/sync/"), ("name", "anna"), ("password", PASSWORD)];
        // More often than passwords may be wrong.
        for _ in 0..11 {
            let answer = site.post(LOGIN, &[], &fields).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
            assert!(answer.body.contains("You were not logged in") && !answer.body.contains(PASSWORD), "{}", answer.body);
            site.form.clone_from(&cookie);
        }
        assert_eq!(site.open_sessions().await, 0);
        // The page that says so has a form that works as it stands.
        let again = site.post(LOGIN, &[], &fields).await;
        let mut sent = hidden(&again.body);
        sent.extend([("name".to_owned(), "anna".to_owned()), ("password".to_owned(), PASSWORD.to_owned())]);
        let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(site.post(LOGIN, &[], &sent).await.header("location"), "/admin/sync/");
        site.ledger.execute("DELETE FROM sessions").await;
        site.cookie = None;
    }
    insta::assert_snapshot!("login_form_too_old", site.post(LOGIN, &[], &[("name", "anna")]).await.page());
}

#[tokio::test]
async fn two_tabs_hold_the_same_form() {
    let mut site = Site::with_people().await;
    let words = [site.get(LOGIN).await, site.get(LOGIN).await].map(|page| hidden(&page.body));
    assert_eq!(words[0], words[1]);
    let other = site.log_in("ben", "wrong").await;
    assert_eq!(hidden(&other.body), words[0], "a wrong password does not end it");
    let flags = other.header("set-cookie").split_once("; ").unwrap().1;
    assert_eq!(flags, "HttpOnly; SameSite=Lax; Path=/; Max-Age=3600");
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let mut site = Site::with_people().await;
    let json = site.send(Method::POST, LOGIN, &[("content-type", "application/json")], "{}".into()).await;
    assert_eq!(json.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = site.post(LOGIN, &[], &[("name", &"x".repeat(20_000))]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_logout_ends_the_session_in_the_ledger_and_in_the_browser() {
    let mut site = Site::as_staff().await;
    let word = site.get(LIST).await.form_word();
    let old = site.cookie.clone();
    let answer = site.post("/accounts/logout/", &[], &[("form_word", &word)]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, LOGIN));
    assert!(answer.header("set-cookie").contains("guildsync_session=; ") && answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(site.open_sessions().await, 0);
    site.cookie = old;
    assert_eq!(site.get(LIST).await.status, StatusCode::SEE_OTHER, "the old cookie opens nothing");
}

#[tokio::test]
async fn a_logout_without_the_word_of_the_session_is_refused() {
    let mut site = Site::as_staff().await;
    let word = site.get(LIST).await.form_word();
    for wrong in ["", "0", &word.to_uppercase(), &"0".repeat(64)] {
        let answer = site.post("/accounts/logout/", &[], &[("form_word", wrong)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    let foreign = site.post("/accounts/logout/", &[("sec-fetch-site", "cross-site")], &[("form_word", &word)]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(site.get(LIST).await.status, StatusCode::OK, "still logged in");
}

#[tokio::test]
async fn a_session_ends_when_it_idles_or_its_account_is_deactivated() {
    let mut site = Site::as_staff().await;
    site.clock.advance(TimeDelta::minutes(29));
    assert_eq!(site.get(LIST).await.status, StatusCode::OK);
    site.clock.advance(TimeDelta::minutes(30));
    assert_eq!(site.get(LIST).await.status, StatusCode::SEE_OTHER);

    let mut site = Site::as_staff().await;
    site.ledger.execute("UPDATE users SET is_active = 0 WHERE username = 'anna'").await;
    assert_eq!(site.get(LIST).await.status, StatusCode::SEE_OTHER);
}
