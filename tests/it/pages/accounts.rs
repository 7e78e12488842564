//! Accounts: the list, one of them, and what staff change about it.

use guildsync::store::{Claim, DiscordLogin, ImportRow};
use poem::http::StatusCode;

use super::members::link;
use super::seed::{GONE, account, id, odd, odd_members, start};
use super::{ADMIN, LIST, ME, PASSWORD, Site};

pub const ACCOUNTS: &str = "/admin/accounts/user/";

/// The number of an account.
async fn number(site: &Site, name: &str) -> i64 {
    site.stores.accounts.credentials(name).await.unwrap().unwrap().account.id
}

async fn page_of(site: &Site, name: &str) -> String {
    format!("{ACCOUNTS}{}/", number(site, name).await)
}

async fn import(site: &Site, name: &str, email: &str) {
    let row = ImportRow { username: name.into(), email: email.into(), discord_id: Claim::None };
    site.stores.accounts.import(&[row], start()).await.unwrap();
}

/// The names in the list, in their order.
pub fn names(page: &str) -> Vec<String> {
    let cells = page.split("<a data-open href=\"").skip(1);
    cells.filter_map(|cell| Some(cell.split_once("title=\"")?.1.split('"').next()?.to_owned())).collect()
}

/// Accounts of every kind, whose names are names.
async fn all_kinds(site: &Site) {
    odd(&site.stores, &odd_members()).await;
    account(&site.stores, "<script>alert(1)</script>", "\"onerror=\"x@example.org", 80_351_110_224_678_913).await;
    let stranger = DiscordLogin { id: id(7), username: "</td><b>\u{202e}stranger".into(), email: None };
    site.stores.accounts.log_in_with_discord(&stranger, start()).await.unwrap();
}

#[tokio::test]
async fn the_list_shows_every_kind_of_account() {
    let mut site = Site::as_staff().await;
    all_kinds(&site).await;
    let answer = site.get(ACCOUNTS).await;
    assert_eq!(answer.status, StatusCode::OK);
    for broken_out in ["<script>alert", "<b>", "onerror=\""] {
        assert!(!answer.body.contains(broken_out), "{broken_out}");
    }
    insta::assert_snapshot!("accounts", answer.page());
}

#[tokio::test]
async fn a_search_and_filters_narrow_it_down_and_stay_in_the_address() {
    let mut site = Site::as_staff().await;
    all_kinds(&site).await;
    import(&site, "Annabel", "a@example.org").await;
    import(&site, "zoe", "ANNA.z@example.org").await;
    for (query, expected) in [
        ("q=anna", vec!["anna", "Annabel", "zoe"]),
        ("q=ANNA&staff=none", vec!["Annabel", "zoe"]),
        ("q=80351110224678912", vec!["nelly@home"]),
        ("q=a.Z@exam", vec!["zoe"]),
        ("staff=look", vec!["anna", "root"]),
        ("staff=act", vec!["root"]),
        ("member=left", vec!["gone_too"]),
        ("member=never", vec!["&#60;/td&#62;&#60;b&#62;stranger"]),
        ("active=no", vec![]),
        ("q=%25", vec![]),
    ] {
        let answer = site.get(&format!("{ACCOUNTS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert_eq!(names(&answer.body), expected, "{query}");
        assert!(answer.body.contains(">Show all</a>"), "{query}");
    }
    let nobody = site.get(&format!("{ACCOUNTS}?q=%3Cb%3Enobody")).await;
    assert!(nobody.body.contains("No account fits") && nobody.body.contains("value=\"&#60;b&#62;nobody\""));
    let chosen = site.get(&format!("{ACCOUNTS}?staff=act")).await;
    assert!(chosen.body.contains("<option value=\"act\" selected>"));
}

#[tokio::test]
async fn an_account_whose_name_cannot_be_seen_is_listed_by_its_number() {
    let mut site = Site::as_staff().await;
    let login = DiscordLogin { id: id(7), username: "\u{3164}\u{200b}".into(), email: None };
    let blank = site.stores.accounts.log_in_with_discord(&login, start()).await.unwrap();
    let name = format!("account {}", blank.id);
    assert!(names(&site.get(ACCOUNTS).await.body).contains(&name));
    let page = site.get(&format!("{ACCOUNTS}{}/", blank.id)).await;
    assert!(page.body.contains(&format!("<title>{name}")), "{}", page.body);
    let absent = site.get("/admin/accounts/guildmember/comparison/?status=no_guild").await;
    assert!(absent.body.contains(&format!(">{name}</bdi>")), "{}", absent.body);
}

#[tokio::test]
async fn following_next_shows_everybody_once() {
    let mut site = Site::as_staff().await;
    for number in 0..60 {
        import(&site, &format!("m{number:02}"), "").await;
    }
    let (mut seen, mut address, mut pages) = (Vec::new(), format!("{ACCOUNTS}?q=m&page_size=25"), 0);
    loop {
        let answer = site.get(&address).await;
        seen.extend(names(&answer.body));
        pages += 1;
        assert_eq!(link(&answer.body, "First page").is_some(), pages > 1);
        let Some(next) = link(&answer.body, "Next page") else { break };
        address = next;
    }
    assert_eq!(seen, (0..60).map(|number| format!("m{number:02}")).collect::<Vec<_>>());
    assert_eq!(pages, 3);
    let other = site.get(&address.replace("q=m", "q=m1")).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST, "a place belongs to its search");
}

#[tokio::test]
async fn what_the_list_does_not_know_is_named() {
    let mut site = Site::as_staff().await;
    for (query, named) in [
        ("color=red", "does not know “color”"),
        ("staff=king", "“staff” must be one of “look”, “act”, “none”."),
        ("active=1", "“active” must be"),
        ("member=maybe", "“member” must be"),
        ("page_size=7", "“page_size” must be"),
        ("after=1", "belongs to another search"),
        ("q=a&q=b", "“q” is given twice"),
        ("q=%00", "“q” cannot be used"),
    ] {
        let answer = site.get(&format!("{ACCOUNTS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(named), "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn one_account_for_who_may_look_and_for_who_may_act() {
    let mut site = Site::as_staff().await;
    odd(&site.stores, &odd_members()).await;
    account(&site.stores, "anna", "anna@example.org", 80_351_110_224_678_916).await;
    let anna = page_of(&site, "anna").await;
    insta::assert_snapshot!("account_to_look", site.get(&anna).await.page());
    site.log_in("root", PASSWORD).await;
    insta::assert_snapshot!("account_to_act", site.get(&anna).await.page());
    insta::assert_snapshot!("account_asked", site.act(&anna, &[("change", "grant_superuser")]).await.page());
    let own = page_of(&site, "root").await;
    let own = site.get(&own).await;
    assert!(own.body.contains("This is your own account") && !own.body.contains("value=\"deactivate\""), "{}", own.body);
    assert!(
        !own.body.contains("takes effect at once") && !own.body.contains("class=\"ways\""),
        "there is nothing to take effect"
    );
    let gone = page_of(&site, "gone_too").await;
    let gone = site.get(&gone).await;
    assert!(gone.body.contains(&format!("href=\"{LIST}{GONE}/\"")) && gone.body.contains("<span class=\"state \">left</span>"));
}

#[tokio::test]
async fn names_chosen_by_strangers_stay_names() {
    let mut site = Site::as_superuser().await;
    all_kinds(&site).await;
    for name in ["<script>alert(1)</script>", "</td><b>\u{202e}stranger"] {
        let page = page_of(&site, name).await;
        for answer in [site.get(&page).await, site.act(&page, &[("change", "deactivate")]).await] {
            assert_eq!(answer.status, StatusCode::OK, "{name}");
            for broken_out in ["<script>alert", "<b>", "onerror=\""] {
                assert!(!answer.body.contains(broken_out), "{name}: {broken_out}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_account_is_a_page_that_says_so() {
    let mut site = Site::as_superuser().await;
    for id in ["0", "999", "007", "+1", "-1", "-9223372036854775808", "9223372036854775808", "anna", "%00", "%ff", "1%20"] {
        let path = format!("{ACCOUNTS}{id}/");
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
        assert!(answer.body.contains("There is no such account"), "{id}: {}", answer.body);
        assert_eq!(site.act(&path, &[("change", "deactivate")]).await.status, StatusCode::NOT_FOUND, "{id}");
    }
}

async fn rights(site: &Site, name: &str) -> (bool, bool, bool) {
    let account = site.stores.accounts.credentials(name).await.unwrap().unwrap().account;
    (account.is_staff, account.is_superuser, account.is_active)
}

#[tokio::test]
async fn a_change_is_made_noted_and_shown() {
    let mut site = Site::as_superuser().await;
    let (page, number) = (page_of(&site, "ben").await, number(&site, "ben").await);
    for (change, question, expected) in [
        ("grant_staff", "Let this account look?", (true, false, true)),
        ("grant_superuser", "Let this account act?", (true, true, true)),
        ("revoke_superuser", "Stop this account from acting?", (true, false, true)),
        ("revoke_staff", "Shut this account out of these pages?", (false, false, true)),
        ("deactivate", "Deactivate this account?", (false, false, false)),
        ("activate", "Activate this account?", (false, false, true)),
    ] {
        let answer = site.agree(&page, &[("change", change)], question).await;
        let told = format!("{page}?changed={change}");
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, told.as_str()), "{change}");
        assert!(site.get(&told).await.body.contains("note-good\" role=\"status\">Done: this account "), "{change}");
        assert_eq!(rights(&site, "ben").await, expected, "{change}");
        let offered = site.get(&page).await.body.contains(&format!("value=\"{change}\""));
        assert!(!offered, "what is so already is not offered: {change}");
        let noted = format!(
            "SELECT count(*) FROM staff_log WHERE act = '{change}' AND target = '{number}' AND name = 'root' AND detail = 'ben'"
        );
        assert_eq!(site.ledger.number(&noted).await, 1, "{change}");
    }
    // It is told for as long as it is so.
    assert!(!site.get(&format!("{page}?changed=deactivate")).await.body.contains("note-good"));
    assert_eq!(site.get(&format!("{page}?changed=gone")).await.status, StatusCode::BAD_REQUEST);
    // What is so already is done, and nothing to note.
    assert_eq!(site.act(&page, &[("change", "activate")]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.ledger.number("SELECT count(*) FROM staff_log WHERE act = 'activate'").await, 1);
}

#[tokio::test]
async fn a_change_takes_effect_at_once() {
    let mut site = Site::as_superuser().await;
    let anna = page_of(&site, "anna").await;
    let root = site.cookie.clone();
    site.cookie = None;
    site.log_in("anna", PASSWORD).await;
    let cookie = std::mem::replace(&mut site.cookie, root.clone());
    site.agree(&anna, &[("change", "revoke_staff")], "anna").await;
    site.cookie.clone_from(&cookie);
    assert_eq!(site.get(ADMIN).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.get(ME).await.status, StatusCode::OK, "still who she is");
    site.cookie.clone_from(&root);
    site.agree(&anna, &[("change", "deactivate")], "anna").await;
    site.agree(&anna, &[("change", "activate")], "anna").await;
    site.cookie = cookie;
    assert_eq!(site.get(ME).await.status, StatusCode::SEE_OTHER, "the session does not come back");
}

#[tokio::test]
async fn nobody_takes_anything_from_themselves() {
    let mut site = Site::as_superuser().await;
    let own = page_of(&site, "root").await;
    for change in ["revoke_staff", "revoke_superuser", "deactivate"] {
        let answer = site.act(&own, &[("change", change)]).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{change}");
        assert!(answer.body.contains("This is your own account") && answer.body.contains("Back to the account"));
    }
    assert_eq!(rights(&site, "root").await, (true, true, true));
    assert_eq!(site.ledger.number("SELECT count(*) FROM staff_log WHERE act <> 'log_in'").await, 0);
}

#[tokio::test]
async fn a_form_that_asks_for_no_change_we_know_is_refused() {
    let mut site = Site::as_superuser().await;
    let page = page_of(&site, "ben").await;
    for change in ["", "delete", "log_in", "GRANT_STAFF", "<b>"] {
        let answer = site.act(&page, &[("change", change)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{change}");
        assert!(answer.body.contains("There is no such change"));
    }
    assert_eq!(rights(&site, "ben").await, (false, false, true));
}

#[tokio::test]
async fn only_who_may_act_changes_anything_and_only_from_here() {
    // The second account is ben's.
    let path = format!("{ACCOUNTS}2/");
    Site::refuses_foreign_forms(&path, &[("change", "grant_superuser")], async |_| {}).await;
}

#[tokio::test]
async fn strangers_and_others_see_no_account() {
    let mut site = Site::with_people().await;
    for path in [ACCOUNTS, "/admin/accounts/user/1/", "/admin/accounts/user/conflicts/", "/admin/accounts/guildmember/1/"] {
        assert_eq!(site.get(path).await.status, StatusCode::SEE_OTHER, "{path}");
    }
    site.log_in("ben", PASSWORD).await;
    for path in [ACCOUNTS, "/admin/accounts/user/2/", "/admin/accounts/user/conflicts/", "/admin/accounts/guildmember/1/"] {
        assert_eq!(site.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_search_that_finds_nobody_says_what_is_looked_for() {
    let mut site = Site::as_staff().await;
    let page = site.get(&format!("{ACCOUNTS}?q=ex")).await.body;
    assert!(
        page.contains("No account fits. A name") && page.contains("an e-mail by any part of at least three characters"),
        "{page}"
    );
    assert!(page.contains(">Search names, e-mails, ids, numbers</label>"), "{page}");
}
