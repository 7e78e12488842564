//! The comparison of the guild with the accounts.

use guildsync::store::{Claim, ImportRow};
use poem::http::StatusCode;

use super::seed::{member, start};
use super::{Site, seed};

const COMPARISON: &str = "/admin/accounts/guildmember/comparison/";

/// Two in each category, and bots, local accounts and somebody who left without an account, who are in none.
async fn fill(site: &Site) {
    let mut members: Vec<_> = (1..=9).map(|id| member(id, &format!("m{id}"))).collect();
    members[7].is_bot = true;
    members[8].is_bot = true;
    members[2].nickname = "<b>Lena</b>".into();
    seed::members(&site.stores, &members, &[5, 6, 7, 9]).await;
    for id in [3, 4, 5, 6, 8, 101, 102] {
        seed::account(&site.stores, &format!("account{id}"), "", id).await;
    }
    let local = ImportRow { username: "local".into(), email: String::new(), discord_id: Claim::None };
    site.stores.accounts.import(&[local], start()).await.unwrap();
}

/// What stands in the rows: links that open something.
fn opened(page: &str) -> Vec<String> {
    page.split("data-open href=\"").skip(1).filter_map(|rest| Some(rest.split('"').next()?.to_owned())).collect()
}

#[tokio::test]
async fn each_category_has_its_people_and_its_count() {
    let mut site = Site::as_staff().await;
    fill(&site).await;
    let member = |id: i64| format!("/admin/accounts/guildmember/{id}/");
    for (status, expected) in [
        ("", vec![member(1), member(2)]),
        ("?status=guild_only", vec![member(1), member(2)]),
        ("?status=linked", vec![member(3), member(4)]),
        ("?status=left", vec![member(6), member(5)]),
    ] {
        let answer = site.get(&format!("{COMPARISON}{status}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{status}");
        assert_eq!(opened(&answer.body), expected, "{status}");
        // What is the same of all by what the category means is no column.
        let has = |column: &str| answer.body.contains(&format!("data-label=\"{column}\""));
        assert_eq!((has("Account"), has("Left")), (status.contains("=l"), status == "?status=left"), "{status}");
    }
    let absent = site.get(&format!("{COMPARISON}?status=no_guild")).await;
    assert_eq!(opened(&absent.body).len(), 2);
    assert!(absent.body.contains("account101") && absent.body.contains("account102"));
    let linked = site.get(&format!("{COMPARISON}?status=linked")).await;
    insta::assert_snapshot!("comparison_linked", linked.page());
    insta::assert_snapshot!("comparison_no_guild", absent.page());
}

#[tokio::test]
async fn nobody_to_compare_is_a_page_too() {
    let mut site = Site::as_staff().await;
    let answer = site.get(COMPARISON).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("comparison_empty", answer.page());
}

#[tokio::test]
async fn each_category_is_searched_paged_and_exported() {
    let mut site = Site::as_staff().await;
    fill(&site).await;
    for (query, expected) in [
        ("status=linked&q=lena", 1),
        ("status=linked&q=account4", 1),
        ("status=guild_only&q=lena", 0),
        ("status=no_guild&q=account1", 2),
        ("status=no_guild&q=102", 1),
        ("status=no_guild&q=m1", 0),
    ] {
        let answer = site.get(&format!("{COMPARISON}?{query}")).await;
        assert_eq!(opened(&answer.body).len(), expected, "{query}");
        let file = site.get(&format!("{COMPARISON}export.csv?{query}")).await;
        assert_eq!(file.body.lines().count(), expected + 1, "{query}: {}", file.body);
    }
    let many: Vec<_> = (1_000..1_030).collect();
    for id in &many {
        seed::account(&site.stores, &format!("many{id}"), "", *id).await;
    }
    let first = site.get(&format!("{COMPARISON}?status=no_guild&page_size=25")).await;
    let (before, _) = first.body.split_once("\" rel=\"next\"").unwrap();
    let next = before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
    let second = site.get(&next).await;
    assert_eq!((opened(&first.body).len(), opened(&second.body).len()), (25, 7));
    let file = site.get(&format!("{COMPARISON}export.csv?status=no_guild")).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"no_guild.csv\"");
    assert_eq!(file.body.lines().count(), 33);
}

#[tokio::test]
async fn what_the_comparison_does_not_know_is_named() {
    let mut site = Site::as_staff().await;
    for (query, named) in [
        ("status=all", "“status” must be one of “guild_only”, “linked”, “left”, “no_guild”."),
        ("bot=yes", "This list does not know “bot”"),
        ("status=no_guild&after=1", "belongs to another search or filter"),
    ] {
        let answer = site.get(&format!("{COMPARISON}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(named), "{query}: {}", answer.body);
    }
    let short = site.get(&format!("{COMPARISON}?q=a")).await;
    assert!(short.status == StatusCode::OK && short.body.contains("One character is too little"));
    assert_eq!(site.get(&format!("{COMPARISON}export.csv?q=a")).await.status, StatusCode::BAD_REQUEST);
}
