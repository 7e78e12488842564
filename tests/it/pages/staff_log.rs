//! The log of what staff did.

use guildsync::domain::StaffAct;
use guildsync::store::{DiscordLogin, NewStaffEntry};
use poem::http::{Method, StatusCode};

use super::members::link;
use super::seed::{id, start};
use super::{PASSWORD, Site};

const LOG: &str = "/admin/log/";

async fn note(site: &Site, account: i64, name: &str, act: StaffAct, target: &str, detail: &str) {
    let entry = NewStaffEntry { account: Some(account), name, act, target, detail };
    site.stores.staff_log.note_act(entry, start()).await.unwrap();
}

/// How many rows the page shows.
fn rows(page: &str) -> usize {
    page.matches("<tr role=\"row\" data-row>").count()
}

#[tokio::test]
async fn days_the_wrong_way_round_are_named() {
    let mut site = Site::as_staff().await;
    let page = site.get("/admin/log/?from=2026-11-23&to=2026-11-22").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("“From” is a later day than “To”") && !page.body.contains("No act fits"), "{}", page.body);
    let page = site.get("/admin/log/?from=2026-11-22&to=2026-11-22").await.body;
    assert!(page.contains("Logged in") && !page.contains("later day"), "one day is fine: {page}");
}

#[tokio::test]
async fn every_act_is_shown_with_the_way_to_what_it_was_done_to() {
    let mut site = Site::as_staff().await;
    note(&site, 3, "root", StaffAct::CancelRun, "0193554a-1b98-7000-8000-000000000000", "").await;
    note(&site, 3, "root", StaffAct::SyncMember, "80351110224678912", "").await;
    note(&site, 3, "root", StaffAct::GrantStaff, "2", "ben").await;
    note(&site, 3, "root", StaffAct::Export, "", "members, q=<b>").await;
    let answer = site.get(LOG).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("staff_log", answer.page());
}

#[tokio::test]
async fn names_and_details_stay_text() {
    let mut site = Site::as_staff().await;
    note(&site, 3, "</bdi><script>alert(1)</script>\u{202e}", StaffAct::SettleConflict, "7", "\" onerror=\"alert(1)' <b>&").await;
    let answer = site.get(LOG).await;
    for broken_out in ["<script>alert", "<b>", "onerror=\""] {
        assert!(!answer.body.contains(broken_out), "{broken_out}");
    }
    assert!(answer.body.contains("&#60;/bdi&#62;&#60;script&#62;"), "{}", answer.body);
}

#[tokio::test]
async fn acts_are_filtered_and_paged() {
    let mut site = Site::as_staff().await;
    for number in 0..40 {
        let (account, name) = if number % 2 == 0 { (1, "anna") } else { (3, "root") };
        note(&site, account, name, StaffAct::Export, "", &format!("list{number}")).await;
    }
    assert_eq!(rows(&site.get(&format!("{LOG}?account=3")).await.body), 20);
    assert_eq!(rows(&site.get(&format!("{LOG}?act=log_in")).await.body), 1);
    assert_eq!(rows(&site.get(&format!("{LOG}?account=3&act=log_in")).await.body), 0);
    let none = site.get(&format!("{LOG}?act=retry_run")).await;
    assert!(none.body.contains("No act fits") && none.body.contains("<option value=\"retry_run\" selected>"));
    let first = site.get(&format!("{LOG}?act=export&page_size=25")).await;
    assert_eq!(rows(&first.body), 25);
    assert!(first.body.contains("list39") && first.body.contains("list15") && !first.body.contains("list14"));
    let second = site.get(&link(&first.body, "Next page").unwrap()).await;
    assert_eq!(rows(&second.body), 15);
    assert!(second.body.contains("list14") && second.body.contains("list0") && link(&second.body, "Next page").is_none());
    assert_eq!(link(&second.body, "First page").as_deref(), Some("/admin/log/?act=export&page_size=25"));
}

#[tokio::test]
async fn what_the_log_does_not_know_is_named() {
    let mut site = Site::as_staff().await;
    for (query, named) in [
        ("act=steal", "“act” must be one of"),
        ("account=anna", "“account” must be a number"),
        ("account=99999999999999999999", "“account” must be a number"),
        ("who=anna", "does not know “who”"),
        ("after=7", "belongs to another search"),
    ] {
        let answer = site.get(&format!("{LOG}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(named), "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_log_says_whose_acts_it_shows_and_is_narrowed_by_day() {
    let mut site = Site::as_staff().await;
    note(&site, 3, "root", StaffAct::Export, "", "/admin/accounts/guildmember/?q=x").await;
    let one = site.get(&format!("{LOG}?account=3&act=export")).await.body;
    assert!(one.contains("<h1>What <bdi>root</bdi> did</h1>"), "{one}");
    assert!(one.contains(r#"<a href="/admin/log/?act=export">Show what everybody did</a>"#), "{one}");
    assert!(one.contains(r#"<a data-open href="/admin/accounts/guildmember/?q=x">"#), "{one}");
    let nothing = site.get(&format!("{LOG}?account=2")).await.body;
    assert!(nothing.contains("<h1>What <bdi>ben</bdi> did</h1>") && rows(&nothing) == 0, "{nothing}");
    for (days, expected) in [("from=2026-11-22&to=2026-11-22", 2), ("from=2026-11-23", 0), ("to=2026-11-21", 0)] {
        assert_eq!(rows(&site.get(&format!("{LOG}?{days}")).await.body), expected, "{days}");
    }
    let file = site.get(&format!("{LOG}export.csv?account=3")).await;
    let expected = "\u{feff}at,account,name,act,target,detail\r\n2026-11-22T20:24:31.000000Z,3,root,export,,/admin/accounts/guildmember/?q=x\r\n";
    assert_eq!(file.body, expected);
    let exports = "SELECT count(*) FROM staff_log WHERE act = 'export'";
    assert_eq!(site.ledger.number(exports).await, 2, "that of the log, too");
    for list in [LOG, "/admin/accounts/guildmember/", "/admin/accounts/guildmember/comparison/"] {
        let head = site.send(Method::HEAD, &format!("{list}export.csv"), &[], String::new()).await;
        assert_eq!(head.status, StatusCode::OK, "{list}");
    }
    assert_eq!(site.ledger.number(exports).await, 2, "who looks at the head takes nothing");
}

#[tokio::test]
async fn logouts_are_noted_of_staff_alone() {
    let mut site = Site::with_people().await;
    for (name, expected) in [("ben", 0), ("anna", 1)] {
        site.log_in(name, PASSWORD).await;
        let answer = site.act("/accounts/logout/", &[]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(site.ledger.number("SELECT count(*) FROM staff_log WHERE act = 'log_out'").await, expected, "{name}");
    }
}

#[tokio::test]
async fn logins_are_noted_of_staff_alone() {
    let mut site = Site::with_people().await;
    let logins = "SELECT count(*) FROM staff_log WHERE act = 'log_in'";
    site.log_in("ben", PASSWORD).await;
    assert_eq!(site.log_in("anna", "wrong").await.status, StatusCode::UNAUTHORIZED);
    let stranger = DiscordLogin { id: id(7), username: "seven".into(), email: None };
    site.stores.accounts.log_in_with_discord(&stranger, start()).await.unwrap();
    assert_eq!(site.ledger.number(logins).await, 0);
    site.log_in("anna", PASSWORD).await;
    site.log_in("root", PASSWORD).await;
    assert_eq!(site.ledger.number(logins).await, 2);
    assert_eq!(site.ledger.number("SELECT count(*) FROM staff_log WHERE name = 'anna' AND account = 1").await, 1);
}
