//! What people see about themselves.

use guildsync::domain::Roles;
use poem::http::StatusCode;

use super::seed::member;
use super::{LOGIN, ME, PASSWORD, Site, seed};

const BEN: i64 = 80_351_110_224_678_912;

/// With `ben`, who is not staff, logged in.
async fn as_ben() -> Site {
    let mut site = Site::with_people().await;
    seed::account(&site.stores, "ben", "", BEN).await;
    assert_eq!(site.log_in("ben", PASSWORD).await.header("location"), ME);
    site
}

#[tokio::test]
async fn strangers_log_in_first_and_come_back() {
    let mut site = Site::with_people().await;
    let answer = site.get(ME).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/admin/login/?next=%2Faccounts%2Fme%2F"));
    let fields = [("next", ME), ("name", "anna"), ("password", PASSWORD)];
    assert_eq!(site.enter(&[], &fields).await.header("location"), ME);
}

#[tokio::test]
async fn a_member_sees_the_membership() {
    let mut site = as_ben().await;
    let mut ben = member(BEN, "ben");
    ben.nickname = "Ben <of> the \u{202e}North".into();
    ben.roles = Roles::from_iter(["1", "2", "3"]);
    ben.avatar_hash = "8342729096ea3675442027381ff50dfe".into();
    ben.guild_avatar_hash = Some("0fa1c2e3aa1f5e5b8a3c1a4bd9a0c111".into());
    seed::members(&site.stores, &[ben], &[]).await;
    seed::account(&site.stores, "ben", "ben@example.org", BEN).await;
    let answer = site.get(ME).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("me_member", answer.page());
}

#[tokio::test]
async fn who_has_left_sees_when() {
    let mut site = as_ben().await;
    seed::members(&site.stores, &[member(BEN, "ben"), member(BEN + 1, "cleo")], &[BEN]).await;
    insta::assert_snapshot!("me_left", site.get(ME).await.page());
}

#[tokio::test]
async fn who_is_no_member_is_told_so() {
    let mut site = as_ben().await;
    seed::members(&site.stores, &[member(BEN + 1, "ben")], &[]).await;
    let answer = site.get(ME).await;
    assert!(answer.body.contains("not a member") && !answer.body.contains("You are in the Discord server"), "{}", answer.body);
    let mut site = Site::as_staff().await;
    let answer = site.get(ME).await;
    assert!(answer.body.contains("does not belong to anybody at Discord"), "{}", answer.body);
    assert!(answer.body.contains("To the pages of staff"), "{}", answer.body);
}

#[tokio::test]
async fn everybody_may_log_out() {
    let mut site = as_ben().await;
    let word = site.get(ME).await.form_word();
    let answer = site.post("/accounts/logout/", &[], &[("form_word", &word)]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, LOGIN));
    assert_eq!((site.open_sessions().await, site.cookie.clone()), (0, None));
    assert_eq!(site.get(ME).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_deactivated_account_is_a_stranger_at_once() {
    let mut site = as_ben().await;
    site.ledger.execute("UPDATE users SET is_active = 0 WHERE username = 'ben'").await;
    assert_eq!(site.get(ME).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn with_the_database_away_the_way_on_leads_back_here() {
    let mut site = as_ben().await;
    site.stores.upkeep.close().await.unwrap();
    let answer = site.get(ME).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains(r#"href="/accounts/me/">See your account"#), "{}", answer.body);
}
