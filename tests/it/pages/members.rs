//! The list of members.

use guildsync::domain::GuildRole;
use poem::http::StatusCode;

use super::seed::{member, odd_members};
use super::{LIST, Site, seed};

#[tokio::test]
async fn an_empty_list_says_how_to_send_the_first_one() {
    let mut site = Site::as_staff().await;
    let answer = site.get(LIST).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("members_empty", answer.page());
}

#[tokio::test]
async fn names_chosen_by_strangers_stay_names() {
    let mut site = Site::as_staff().await;
    let mut members = odd_members();
    members[0].roles = ["5", "6", "7", "8", "404"].into_iter().collect();
    members[1].roles = ["404"].into_iter().collect();
    seed::odd(&site.stores, &members).await;
    let role =
        |id: i64, name: &str, color, position| GuildRole { id: id.try_into().unwrap(), name: name.into(), color, position };
    let roles = [role(5, "<b>Low</b>", 0, 1), role(6, "Top", 0x00ff_8800, 9), role(7, "Mid", 255, 5), role(8, "Mid too", 1, 5)];
    site.stores.roles.replace_roles(&roles).await.unwrap();
    let answer = site.get(LIST).await;
    assert_eq!(answer.status, StatusCode::OK);
    for broken_out in ["<script>", "<b>", "onerror=\"", "../../"] {
        assert!(!answer.body.contains(broken_out), "{broken_out}");
    }
    insta::assert_snapshot!("members", answer.page());
}

/// The ids of the rows, in their order.
fn ids(page: &str) -> Vec<i64> {
    page.split("id=\"m").skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect()
}

/// Where a link with these words leads.
fn link(page: &str, words: &str) -> Option<String> {
    let before = page.split_once(&format!(">{words}</a>"))?.0;
    let address = before.rsplit_once("href=\"")?.1.split('"').next()?;
    Some(address.replace("&#38;", "&"))
}

#[tokio::test]
async fn following_next_shows_everybody_once() {
    let mut site = Site::as_staff().await;
    let members: Vec<_> = (1..=60).map(|id| member(id, &format!("m{id}"))).collect();
    seed::members(&site.stores, &members, &[]).await;
    let (mut seen, mut address, mut pages) = (Vec::new(), format!("{LIST}?page_size=25"), 0);
    loop {
        let answer = site.get(&address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        seen.extend(ids(&answer.body));
        pages += 1;
        let first = link(&answer.body, "First page");
        assert_eq!(first, (pages > 1).then(|| format!("{LIST}?page_size=25")));
        let Some(next) = link(&answer.body, "Next page") else { break };
        address = next;
    }
    assert_eq!(seen, (1..=60).collect::<Vec<_>>());
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn a_list_that_fills_its_last_page_has_no_page_after_it() {
    let mut site = Site::as_staff().await;
    let members: Vec<_> = (1..=25).map(|id| member(id, "m")).collect();
    seed::members(&site.stores, &members, &[]).await;
    let answer = site.get(&format!("{LIST}?page_size=25")).await;
    assert_eq!(link(&answer.body, "Next page"), None);
    let beyond = site.get(&format!("{LIST}?page_size=25&after=25")).await;
    assert!(beyond.body.contains("The list ends before this point") && link(&beyond.body, "First page").is_some());
    assert_eq!(link(&beyond.body, "50"), Some(format!("{LIST}?after=25&page_size=50")), "the place is kept");
}

#[tokio::test]
async fn what_the_list_does_not_know_is_named() {
    let mut site = Site::as_staff().await;
    for (query, named) in [
        ("page_size=7", "“page_size” must be 25, 50, 100 or 200."),
        ("after=007", "“after” cannot be used"),
        ("color=red", "This list does not know “color”"),
        ("%3Cb%3E=1", "does not know “&#60;b&#62;”"),
    ] {
        let answer = site.get(&format!("{LIST}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(named), "{query}: {}", answer.body);
    }
}
