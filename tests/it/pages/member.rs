//! The page of one member.

use chrono::TimeDelta;
use guildsync::domain::{GuildRole, Member};
use poem::http::StatusCode;

use super::members::link;
use super::seed::{GONE, account, list, member, odd, odd_members, start};
use super::{LIST, Site, seed};

const NELLY: i64 = 80_351_110_224_678_912;

fn page_of(id: i64) -> String {
    format!("{LIST}{id}/")
}

/// Lists with one minute between them, the last one now; of who is `None` in one the list has not.
async fn seen(site: &Site, states: &[Option<Member>]) {
    for (before, state) in (1_i32..).zip(states.iter().rev()).collect::<Vec<_>>().into_iter().rev() {
        let other = member(1, "somebody");
        let members: Vec<Member> = state.iter().cloned().chain([other]).collect();
        list(&site.stores, start() - TimeDelta::minutes(before.into()), &members).await;
    }
}

#[tokio::test]
async fn all_that_is_known_and_all_that_happened() {
    let mut site = Site::as_staff().await;
    let first = Member { roles: ["5", "6"].into_iter().collect(), ..member(NELLY, "nelly") };
    let renamed = Member {
        username: "nelly.north".into(),
        nickname: "Nelly of the North".into(),
        avatar_hash: "a_8342729096ea3675442027381ff50dfe".into(),
        ..first.clone()
    };
    let promoted = Member { roles: ["5", "7", "404"].into_iter().collect(), ..renamed.clone() };
    let back = Member { joined_at: Some(start() - TimeDelta::minutes(1)), ..promoted.clone() };
    let role =
        |id: i64, name: &str, color, position| GuildRole { id: id.try_into().unwrap(), name: name.into(), color, position };
    let roles = [role(5, "<b>Low</b>", 0, 1), role(6, "Top", 0x00ff_8800, 9), role(7, "Mid", 255, 5)];
    site.stores.roles.replace_roles(&roles).await.unwrap();
    seen(&site, &[Some(first), Some(renamed), Some(promoted), None, Some(back)]).await;
    account(&site.stores, "nelly@home", "", NELLY).await;
    let answer = site.get(&page_of(NELLY)).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("member", answer.page());
    assert!(!answer.body.contains("Sync this member now"), "who may only look gets no button");
}

#[tokio::test]
async fn names_chosen_by_strangers_stay_names() {
    let mut site = Site::as_staff().await;
    let mut changed = odd_members();
    odd(&site.stores, &changed).await;
    for member in &mut changed {
        member.nickname = format!("</dd><script>alert({})</script>\u{202e}", member.id);
        member.username = format!("\"'><img src=x onerror=alert(1)>{}", member.id);
        member.roles = ["<i>role</i>"].into_iter().collect();
    }
    list(&site.stores, start() + TimeDelta::minutes(1), &changed).await;
    for member in changed {
        let answer = site.get(&page_of(member.id.get())).await;
        assert_eq!(answer.status, StatusCode::OK);
        for broken_out in ["<script>alert", "<img src=x", "<i>", "onerror=\"", "../../"] {
            assert!(!answer.body.contains(broken_out), "{}: {broken_out}", member.id);
        }
    }
}

#[tokio::test]
async fn who_was_only_seen_to_leave_is_an_id() {
    let mut site = Site::as_staff().await;
    odd(&site.stores, &odd_members()).await;
    site.ledger.execute(&format!("UPDATE guild_members SET username = '', joined_at = NULL WHERE discord_id = {GONE}")).await;
    let answer = site.get(&page_of(GONE)).await;
    assert!(answer.body.contains(&format!("<bdi class=\"clip\" title=\"{GONE}\">{GONE}</bdi></h1>")), "{}", answer.body);
    assert!(answer.body.contains("<span class=\"state\">left</span>"));
}

#[tokio::test]
async fn the_history_is_taken_away_as_a_file() {
    let mut site = Site::as_staff().await;
    let named = |name: &str| Some(Member { nickname: name.into(), ..member(7, "seven") });
    seen(&site, &[named("one"), named("=two"), None, named("three, \"quoted\"")]).await;
    account(&site.stores, "@seven", "", 7).await;
    let page = site.get(&page_of(7)).await;
    assert_eq!(link(&page.body, "Download as CSV").unwrap(), format!("{}export.csv", page_of(7)));
    let file = site.get(&format!("{}export.csv", page_of(7))).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"history.csv\"");
    insta::assert_snapshot!("member_history_csv", file.body.replace('\r', "␍"));
    assert!(site.get("/admin/log/?act=export").await.body.contains(&page_of(7)), "it is noted");
    for (address, status) in [("8/export.csv", 404), ("anna/export.csv", 404), ("7/export.csv?color=red", 400)] {
        assert_eq!(site.get(&format!("{LIST}{address}")).await.status, status, "{address}");
    }
    // Longer than what is read at a time.
    site.ledger
        .execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)
             INSERT INTO member_events (run_id, discord_id, action, before, after, observed_at, recorded_at)
             SELECT NULL, 7, 'updated', '{\"nickname\":\"a\"}', '{\"nickname\":\"b\"}', n, n FROM n",
        )
        .await;
    let long = site.get(&format!("{}export.csv", page_of(7))).await.body;
    assert_eq!(long.lines().count(), file.body.lines().count() + 2_500);
}

#[tokio::test]
async fn a_long_history_has_pages() {
    let mut site = Site::as_staff().await;
    let states: Vec<_> = (0..61).map(|number| Some(member(7, &format!("name{number}")))).collect();
    seen(&site, &states).await;
    let (mut titles, mut address, mut pages) = (0, format!("{}?page_size=25", page_of(7)), 0);
    loop {
        let answer = site.get(&address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        titles += answer.body.matches("<p class=\"what\">Renamed</p>").count();
        pages += 1;
        assert_eq!(link(&answer.body, "Newest").is_some(), pages > 1);
        let Some(next) = link(&answer.body, "Older") else {
            assert!(
                answer.body.contains("<p class=\"what\">First seen</p>") && answer.body.contains("<p class=\"what\">Joined</p>")
            );
            break;
        };
        assert!(!answer.body.contains("<p class=\"what\">First seen</p>"), "it has not begun yet");
        address = next;
    }
    assert_eq!((titles, pages), (60, 3));
}

#[tokio::test]
async fn what_is_nobody_is_a_page_that_says_so() {
    let mut site = Site::as_superuser().await;
    for id in ["1", "0", "007", "-1", "9223372036854775807", "9223372036854775808", "anna", "%00", "%ff", "1%20", "%3Cb%3E"] {
        let answer = site.get(&format!("{LIST}{id}/")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
        assert!(answer.body.contains("There is no such member"), "{id}: {}", answer.body);
        let answer = site.act(&format!("{LIST}{id}/"), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
    }
    let answer = site.send(poem::http::Method::DELETE, &page_of(1), &[], String::new()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let allowed: Vec<_> = answer.headers.get_all("allow").iter().collect();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[tokio::test]
async fn what_the_page_does_not_know_is_named() {
    let mut site = Site::as_staff().await;
    seed::members(&site.stores, &[member(7, "seven"), member(8, "eight")], &[]).await;
    let run = site.stores.read.runs(false, 1).await.unwrap()[0].id;
    for (query, named) in [
        ("color=red", "does not know “color”"),
        ("after=5", "belongs to another search"),
        ("run=nonsense", "“run” must be a sync of one member"),
        ("run=0193554a-1b98-7000-8000-000000000000", "“run” must be"),
        (&format!("run={run}"), "“run” must be"),
    ] {
        let answer = site.get(&format!("{}?{query}", page_of(7))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(named), "{query}: {}", answer.body);
    }
}
