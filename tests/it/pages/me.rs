//! What people see about themselves.

use std::sync::atomic::Ordering;

use guildsync::domain::{DiscordId, Roles};
use poem::http::StatusCode;

use super::fakes::{member, start};
use super::{LOGIN, ME, PASSWORD, Site};

const BEN: i64 = 80_351_110_224_678_912;

/// With `ben`, who is not staff, logged in.
async fn as_ben() -> Site {
    let mut site = Site::with_people();
    site.world.change("ben", |account| account.discord_id = Some(DiscordId::try_from(BEN).unwrap()));
    assert_eq!(site.log_in("ben", PASSWORD).await.header("location"), ME);
    site
}

#[tokio::test]
async fn strangers_log_in_first_and_come_back() {
    let mut site = Site::with_people();
    let answer = site.get(ME).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/admin/login/?next=%2Faccounts%2Fme%2F"));
    let fields = [("next", ME), ("name", "anna"), ("password", PASSWORD)];
    assert_eq!(site.post(LOGIN, &[], &fields).await.header("location"), ME);
}

#[tokio::test]
async fn a_member_sees_the_membership() {
    let mut site = as_ben().await;
    let mut row = member(BEN, "ben");
    row.member.nickname = "Ben <of> the \u{202e}North".into();
    row.member.roles = Roles::from_iter(["1", "2", "3"]);
    row.member.avatar_hash = "8342729096ea3675442027381ff50dfe".into();
    row.member.guild_avatar_hash = "0fa1c2e3aa1f5e5b8a3c1a4bd9a0c111".into();
    site.world.members.lock().unwrap().push(row);
    site.world.change("ben", |account| account.email = "ben@example.org".into());
    let answer = site.get(ME).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("me_member", answer.page());
}

#[tokio::test]
async fn who_has_left_sees_when() {
    let mut site = as_ben().await;
    let mut row = member(BEN, "ben");
    row.date_left = Some(start());
    site.world.members.lock().unwrap().push(row);
    insta::assert_snapshot!("me_left", site.get(ME).await.page());
}

#[tokio::test]
async fn who_is_no_member_is_told_so() {
    let mut site = as_ben().await;
    site.world.members.lock().unwrap().push(member(BEN + 1, "ben"));
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
    assert_eq!((site.world.open_sessions(), site.cookie.clone()), (0, None));
    assert_eq!(site.get(ME).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_deactivated_account_is_a_stranger_at_once() {
    let mut site = as_ben().await;
    site.world.change("ben", |account| account.is_active = false);
    assert_eq!(site.get(ME).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn with_the_database_away_the_way_on_leads_back_here() {
    let mut site = as_ben().await;
    site.world.down.store(true, Ordering::Relaxed);
    let answer = site.get(ME).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains(r#"href="/accounts/me/">See your account"#), "{}", answer.body);
}
