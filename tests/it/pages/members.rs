//! The list of members.

use guildsync::domain::GuildRole;
use poem::http::StatusCode;

use super::seed::{member, odd_members};
use super::{LIST, Site, seed};
use crate::support;

#[tokio::test]
async fn an_empty_list_says_how_to_send_the_first_one() {
    let mut site = Site::as_staff().await;
    let answer = site.get(LIST).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("members_empty", answer.page());
    assert!(answer.body.contains("can be fetched from Discord, too") && !answer.body.contains("Fetch it from Discord"));
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
pub fn link(page: &str, words: &str) -> Option<String> {
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
    let members: Vec<_> = (1..=26).map(|id| member(id, "m")).collect();
    seed::members(&site.stores, &members, &[]).await;
    let first = site.get(&format!("{LIST}?page_size=25")).await;
    let next = link(&first.body, "Next page").unwrap();
    let last = site.get(&next).await;
    assert_eq!((ids(&last.body), link(&last.body, "Next page")), (vec![26], None));
    // Somebody else's row may be gone by the time the link is followed.
    site.ledger.execute("DELETE FROM guild_members WHERE discord_id = 26").await;
    let beyond = site.get(&next).await;
    assert!(beyond.body.contains("The list ends before this point") && link(&beyond.body, "First page").is_some());
    assert_eq!(link(&beyond.body, "50"), Some(format!("{LIST}?page_size=50")), "another length begins anew");
}

#[tokio::test]
async fn how_many_fit_is_told_on_every_page() {
    let mut site = Site::as_staff().await;
    let members: Vec<_> = (1..=120).map(|id| member(id, if id % 2 == 0 { "even" } else { "odd" })).collect();
    seed::members(&site.stores, &members, &[]).await;
    for (list, told) in [
        (format!("{LIST}?page_size=25&q=even"), "60 members"),
        (format!("{LIST}?page_size=25&linked=no&bot=no"), "120 members"),
        (format!("{LIST}comparison/?page_size=25&q=odd"), "60 members"),
    ] {
        let first = site.get(&list).await;
        assert!(first.body.contains(told), "{list}: {}", first.body);
        let second = site.get(&link(&first.body, "Next page").unwrap()).await;
        assert!(second.body.contains(told), "{list}: {}", second.body);
    }
}

#[tokio::test]
async fn what_the_list_does_not_know_is_named() {
    let mut site = Site::as_staff().await;
    let members: Vec<_> = (1..=60).map(|id| member(id, "m")).collect();
    seed::members(&site.stores, &members, &[]).await;
    let next = link(&site.get(&format!("{LIST}?page_size=25&status=present")).await.body, "Next page").unwrap();
    let after = next.split("after=").nth(1).unwrap().to_owned();
    let mark = after.split('.').next().unwrap();
    for (query, named) in [
        ("page_size=7", "“page_size” must be one of “25”, “50”, “100”, “200”."),
        ("after=25", "This place in the list belongs to another search or filter."),
        (&format!("status=left&after={after}"), "belongs to another search or filter"),
        (&format!("status=present&sort=-id&after={after}"), "belongs to another search or filter"),
        (&format!("status=present&after={mark}.x.7"), "“after” cannot be read"),
        (&format!("status=present&after={mark}.99999999999999999999.7"), "“after” cannot be read"),
        ("color=red", "This list does not know “color”"),
        ("%3Cb%3E=1", "does not know “&#60;b&#62;”"),
        ("status=gone", "“status” must be one of “present”, “left”."),
        ("linked=1", "“linked” must be one of “yes”, “no”."),
        ("bot=true", "“bot” must be one of “yes”, “no”."),
        (&format!("role={}", "x".repeat(65)), "“role” must be 1 to 64 characters."),
        ("sort=username", "“sort” must be one of"),
        ("joined_from=yesterday", "“joined_from” must be a day"),
        ("left_to=2026-02-30", "“left_to” must be a day"),
        ("q=a&q=b", "“q” is given twice."),
        ("q=%00", "“q” cannot be used"),
    ] {
        let answer = site.get(&format!("{LIST}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(named), "{query}: {}", answer.body);
        assert_eq!(link(&answer.body, "See it from the beginning").as_deref(), Some(LIST), "{query}");
        assert!(answer.body.contains(&format!("<a href=\"{LIST}\" aria-current=\"page\">")), "{query}");
        let file = site.get(&format!("{LIST}export.csv?{query}")).await;
        let is_paging = query.contains("after") || query.contains("page_size");
        assert!(is_paging || file.status == StatusCode::BAD_REQUEST, "{query}: {}", file.body);
    }
}

#[tokio::test]
async fn every_list_that_cannot_be_asked_so_leads_back_to_its_own_beginning() {
    let mut site = Site::as_staff().await;
    for list in
        [&format!("{LIST}comparison/"), "/admin/accounts/user/", "/admin/accounts/user/conflicts/", "/admin/sync/", "/admin/log/"]
    {
        let answer = site.get(&format!("{list}?nonsense=1")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{list}");
        assert_eq!(link(&answer.body, "See it from the beginning").as_deref(), Some(list), "{}", answer.body);
        assert_eq!(answer.body.matches("aria-current=\"page\"").count(), 1, "{list}");
    }
    let file = site.get(&format!("{LIST}comparison/export.csv?nonsense=1")).await;
    assert_eq!(link(&file.body, "See it from the beginning"), Some(format!("{LIST}comparison/")));
}

#[tokio::test]
async fn days_the_wrong_way_round_are_told() {
    let mut site = Site::as_staff().await;
    mixed(&site).await;
    for (query, words) in [
        ("joined_from=2026-02-02&joined_to=2026-02-01", "“Joined from” is a later day than “Joined until”"),
        ("left_from=2026-02-02&left_to=2026-02-01&joined_to=2026-02-01", "“Left from” is a later day than “Left until”"),
    ] {
        let answer = site.get(&format!("{LIST}?{query}")).await;
        assert!(answer.status == StatusCode::OK && answer.body.contains(words), "{query}: {}", answer.body);
    }
    let same = site.get(&format!("{LIST}?joined_from=2026-02-01&joined_to=2026-02-01")).await;
    assert!(same.body.contains("No member is all that"), "{}", same.body);
}

/// A guild in which every filter leaves some in and some out.
async fn mixed(site: &Site) {
    let mut members: Vec<_> = (1..=6).map(|id| member(id, &format!("m{id}"))).collect();
    members[0].roles = ["5"].into_iter().collect();
    members[1].is_bot = true;
    members[2].joined_at = Some("2026-11-01T23:59:59.999999Z".parse().unwrap());
    members[3].joined_at = None;
    members[5].nickname = "Rebecca".into();
    seed::members(&site.stores, &members, &[5]).await;
    seed::account(&site.stores, "m5@home", "", 5).await;
    seed::account(&site.stores, "annabel", "", 6).await;
}

#[tokio::test]
async fn filters_and_the_search_show_whom_they_say() {
    let mut site = Site::as_staff().await;
    mixed(&site).await;
    for (query, expected) in [
        ("status=present", vec![1, 2, 3, 4, 6]),
        ("status=left", vec![5]),
        ("linked=yes", vec![5, 6]),
        ("linked=no&status=present", vec![1, 2, 3, 4]),
        ("bot=yes", vec![2]),
        ("bot=no", vec![1, 3, 4, 5, 6]),
        ("role=5", vec![1]),
        ("joined_from=2026-11-01&joined_to=2026-11-01", vec![3]),
        ("joined_to=2026-10-31", vec![1, 2, 5, 6]),
        ("left_from=2026-11-22", vec![5]),
        ("left_to=2026-11-21", vec![]),
        ("q=becc", vec![6]),
        ("q=annab", vec![6]),
        ("q=home&status=left", vec![5]),
        ("q=home&status=present", vec![]),
        ("sort=-id", vec![6, 5, 4, 3, 2, 1]),
        ("sort=-joined_at", vec![3, 6, 5, 2, 1, 4]),
        ("sort=date_left", vec![5, 1, 2, 3, 4, 6]),
    ] {
        let answer = site.get(&format!("{LIST}?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert_eq!(ids(&answer.body), expected, "{query}");
        let words = if expected.len() == 1 { "1 member".to_owned() } else { format!("{} members", expected.len()) };
        assert!(answer.body.contains(&format!("<p class=\"results\">{words}</p>")), "{query}: {words}");
        let clear = link(&answer.body, "Clear");
        assert_eq!(clear, (!query.starts_with("sort")).then(|| LIST.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_search_that_cannot_be_made_says_what_can() {
    let mut site = Site::as_staff().await;
    mixed(&site).await;
    for list in [LIST.to_owned(), format!("{LIST}comparison/")] {
        for (words, said) in [("a+b+c", "too little to search for"), ("aa+bb+cc+dd+ee+ff", "Up to five words")] {
            let answer = site.get(&format!("{list}?q={words}")).await;
            assert!(answer.status == StatusCode::OK && answer.body.contains(said), "{list} {words}: {}", answer.body);
            assert_eq!(ids(&answer.body), Vec::<i64>::new());
            let file = site.get(&format!("{list}export.csv?q={words}")).await;
            assert_eq!(file.status, StatusCode::BAD_REQUEST, "{list} {words}");
            assert!(file.body.contains("“q” cannot be searched for: a search "), "{}", file.body);
        }
    }
    let several = site.get(&format!("{LIST}?q=rebecca+m6")).await;
    assert_eq!(ids(&several.body), [6]);
}

#[tokio::test]
async fn roles_without_a_name_can_be_chosen() {
    let mut site = Site::as_staff().await;
    let mut members: Vec<_> = (1..=5).map(|id| member(id, &format!("m{id}"))).collect();
    members[0].roles = ["5", "mods & more", "404"].into_iter().collect();
    members[1].roles = ["5", "404"].into_iter().collect();
    members[2].roles = ["404"].into_iter().collect();
    seed::members(&site.stores, &members, &[]).await;
    let role = GuildRole { id: 5_i64.try_into().unwrap(), name: "Helpers".into(), color: 255, position: 1 };
    site.stores.roles.replace_roles(&[role]).await.unwrap();
    let answer = site.get(&format!("{LIST}?role=mods+%26+more")).await;
    assert_eq!(ids(&answer.body), [1]);
    let select = answer.body.split("<select id=\"role\"").nth(1).unwrap().split("</select>").next().unwrap();
    insta::assert_snapshot!(select.trim(), @r#"
    name="role">
    <option value="">Any</option>
    <option value="5">Helpers (2)</option>
    <option value="404">404 (3)</option>
    <option value="mods &#38; more" selected>mods &#38; more (1)</option>
    "#);
}

/// A large guild is counted beside the pages, and none waits for that.
#[tokio::test]
async fn roles_of_a_large_guild_are_shown_once_they_are_counted() {
    let mut site = Site::as_staff().await;
    let mut members: Vec<_> = (1..=5_001).map(|id| member(id, "m")).collect();
    for member in &mut members {
        member.roles = ["5"].into_iter().collect();
    }
    seed::members(&site.stores, &members, &[]).await;
    assert!(site.get(LIST).await.body.contains(">5 (5,001)<"), "so few are counted for the page");
    for number in 1..=3 {
        let more = format!(
            "INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, roles, is_bot, date_created, date_modified, observed_at)
             SELECT discord_id + {number} * 10000, username, display_name, nickname, avatar_hash, roles, is_bot, date_created, date_modified, observed_at
             FROM guild_members WHERE discord_id <= 5001"
        );
        site.ledger.execute(&more).await;
    }
    assert!(!site.get(LIST).await.body.contains("id=\"role\""), "nothing is known yet");
    support::eventually("the roles are counted", async || site.get(LIST).await.body.contains(">5 (about 20,004)<")).await;
}

#[tokio::test]
async fn a_filtered_list_keeps_its_state_in_forms_and_links() {
    let mut site = Site::as_staff().await;
    mixed(&site).await;
    let role = GuildRole { id: 5_i64.try_into().unwrap(), name: "Helpers".into(), color: 255, position: 1 };
    site.stores.roles.replace_roles(&[role]).await.unwrap();
    let answer = site.get(&format!("{LIST}?q=m&status=present&role=5&joined_from=2020-01-01&sort=-joined_at&page_size=25")).await;
    insta::assert_snapshot!("members_one_character", answer.page());
    let answer = site.get(&format!("{LIST}?status=present&role=404&sort=-joined_at&page_size=25")).await;
    insta::assert_snapshot!("members_nobody_fits", answer.page());
}

#[tokio::test]
async fn an_export_is_the_filtered_list_and_no_formula() {
    let mut site = Site::as_staff().await;
    let mut members: Vec<_> = (1..=4).map(|id| member(id, "m")).collect();
    members[0].username = "=HYPERLINK(\"http://evil.example\",\"x\")".into();
    members[0].nickname = "+1, \"two\"\nlines".into();
    members[1].display_name = "-1".into();
    members[1].roles = ["5", "404"].into_iter().collect();
    members[2].nickname = "@home \u{202e}x".into();
    members[2].is_bot = true;
    seed::members(&site.stores, &members, &[4]).await;
    seed::account(&site.stores, "=account", "", 1).await;
    let role = GuildRole { id: 5_i64.try_into().unwrap(), name: "=Role".into(), color: 255, position: 1 };
    site.stores.roles.replace_roles(&[role]).await.unwrap();
    let answer = site.get(&format!("{LIST}export.csv?status=present")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"members.csv\"");
    assert!(answer.body.starts_with("\u{feff}discord_id,"), "spreadsheets read UTF-8: {}", answer.body);
    insta::assert_snapshot!("members_csv", answer.body.replace('\r', "␍"));

    let log = site.get("/admin/log/?act=export").await;
    assert!(log.body.contains("Exported a list") && log.body.contains(&format!("{LIST}?status=present")), "{}", log.body);
    let mut nobody = Site::with_people().await;
    assert_eq!(nobody.get(&format!("{LIST}export.csv")).await.status, StatusCode::SEE_OTHER);
    nobody.log_in("ben", super::PASSWORD).await;
    assert_eq!(nobody.get(&format!("{LIST}export.csv")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn who_has_a_blank_name_can_be_seen_and_opened() {
    let mut site = Site::as_staff().await;
    let mut members = vec![member(101, "nelly"), member(102, "\u{3164}"), member(103, "carl"), member(104, "pat")];
    members[0].nickname = "   ".into();
    members[1].nickname = "\u{3164}\u{200b}\u{2800}".into();
    members[2].display_name = "an\u{200b}na\u{202e}".into();
    members[3].nickname = "pat ❤️".into();
    seed::members(&site.stores, &members, &[]).await;
    let page = site.get(LIST).await.body;
    for shown in [r#"title="nelly">nelly</bdi>"#, r#"title="102">102</bdi>"#, "title=\"an\u{200b}na\">an\u{200b}na\u{202e}</bdi>"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let marks = page.matches("hidden characters</span>").count();
    assert_eq!(marks, 2, "of 103 and of the username of 102, not of an emoji: {page}");
    let one = site.get(&format!("{LIST}102/")).await.body;
    assert!(one.contains("<title>102 · guildsync</title>"), "{one}");
    let one = site.get(&format!("{LIST}103/")).await.body;
    assert!(one.contains("<title>an\u{200b}na · guildsync</title>"), "a title cannot be turned: {one}");
}

#[tokio::test]
async fn an_export_of_many_pages_has_everybody_once() {
    let mut site = Site::as_staff().await;
    let members: Vec<_> = (1..=2_500).map(|id| member(id, "m")).collect();
    seed::members(&site.stores, &members, &[]).await;
    let answer = site.get(&format!("{LIST}export.csv?sort=-joined_at&page_size=25")).await;
    let seen: Vec<i64> = answer.body.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(seen, (1..=2_500).rev().collect::<Vec<_>>());
    let none = site.get(&format!("{LIST}export.csv?status=left")).await;
    assert_eq!(none.body.lines().count(), 1, "a list of nobody has its head");
}
