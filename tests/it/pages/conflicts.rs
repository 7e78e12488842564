//! Discord ids that imports claim for accounts and that could not be given to them.

use guildsync::store::{Claim, ImportRow};
use poem::http::StatusCode;

use super::Site;
use super::members::link;
use super::seed::{id, member, members, start};

const CONFLICTS: &str = "/admin/accounts/user/conflicts/";
const ONE: i64 = 80_351_110_224_678_912;

async fn import(site: &Site, name: &str, claim: Claim) -> i64 {
    let row = ImportRow { username: name.into(), email: String::new(), discord_id: claim };
    site.stores.accounts.import(&[row], start()).await.unwrap();
    site.stores.accounts.credentials(name).await.unwrap().unwrap().account.id
}

/// `old` has the id of a member, and `<b>new</b>` and `anna`, who is staff, claim it; `odd` claims what is none. Numbers of the first two.
async fn claims(site: &Site) -> (i64, i64) {
    members(&site.stores, &[member(ONE, "one")], &[]).await;
    let old = import(site, "old", Claim::Id(id(ONE))).await;
    let new = import(site, "<b>new</b>", Claim::Id(id(ONE))).await;
    import(site, "odd", Claim::Unreadable("<i>12</i>".into())).await;
    import(site, "anna", Claim::Id(id(ONE))).await;
    (old, new)
}

fn fields<'a>(account: &'a str, claimed: &'a str, from: &'a str, decision: &'a str) -> [(&'a str, &'a str); 4] {
    [("account", account), ("claimed", claimed), ("from", from), ("decision", decision)]
}

async fn owner(site: &Site) -> Option<String> {
    site.stores.read.member(id(ONE)).await.unwrap().unwrap().account.map(|(_, name)| name)
}

#[tokio::test]
async fn each_claim_is_told_with_its_choices() {
    let mut site = Site::as_superuser().await;
    let empty = site.get(CONFLICTS).await;
    assert!(empty.body.contains("Nothing to decide"), "{}", empty.body);
    claims(&site).await;
    let answer = site.get(CONFLICTS).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(!answer.body.contains("<b>new") && !answer.body.contains("<i>12"));
    insta::assert_snapshot!("conflicts", answer.page());
    let accounts = site.get("/admin/accounts/user/").await;
    assert!(accounts.body.contains("3 accounts claim a Discord id") && accounts.body.contains(&format!("href=\"{CONFLICTS}\"")));
    site.log_in("anna", super::PASSWORD).await;
    let looking = site.get(CONFLICTS).await;
    assert!(looking.body.contains("Claims to decide") && !looking.body.contains("Keep it as it is"), "nothing to press");
}

#[tokio::test]
async fn an_id_is_given_and_the_link_follows() {
    let mut site = Site::as_superuser().await;
    let (old, new) = claims(&site).await;
    let (old, new, one) = (old.to_string(), new.to_string(), ONE.to_string());
    assert_eq!(owner(&site).await.as_deref(), Some("old"));
    let words = "It is taken from the one that has it. Nobody can log in with that one any more: it has no password.";
    insta::assert_snapshot!("conflict_asked", site.act(CONFLICTS, &fields(&new, &one, &old, "give")).await.page());
    let answer = site.agree(CONFLICTS, &fields(&new, &one, &old, "give"), words).await;
    let told = format!("{CONFLICTS}?settled={new}");
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, told.as_str()));
    let page = site.get(&told).await.body;
    assert!(
        page.contains(&format!("Settled: <bdi>&#60;b&#62;new&#60;/b&#62;</bdi> has the Discord id <code>{one}</code>.")),
        "{page}"
    );
    assert_eq!(site.get(&format!("{CONFLICTS}?settled=x")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(owner(&site).await.as_deref(), Some("<b>new</b>"));
    let noted = format!(
        "SELECT count(*) FROM staff_log WHERE act = 'settle_conflict' AND target = '{new}' AND detail = '<b>new</b> gets {one}, which old had'"
    );
    assert_eq!(site.ledger.number(&noted).await, 1);
    assert!(!site.get(CONFLICTS).await.body.contains(&format!("id=\"c{new}\"")));
    let again = site.act(CONFLICTS, &fields(&new, &one, &old, "give")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("This is settled already"), "{}", again.body);
}

#[tokio::test]
async fn a_claim_is_dropped_and_nothing_else_changes() {
    let mut site = Site::as_superuser().await;
    let (old, new) = claims(&site).await;
    let answer =
        site.agree(CONFLICTS, &fields(&new.to_string(), &ONE.to_string(), &old.to_string(), "keep"), "Drop this claim?").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(site.get(answer.header("location")).await.body.contains("</bdi> has no Discord id."));
    assert_eq!(owner(&site).await.as_deref(), Some("old"));
    assert_eq!(site.stores.account_lists.account_totals().await.unwrap().conflicts, 2);
    let odd = site.stores.accounts.credentials("odd").await.unwrap().unwrap().account.id.to_string();
    let dropped = site.agree(CONFLICTS, &[("account", &odd), ("decision", "keep")], "&#60;i&#62;12").await;
    assert_eq!(dropped.status, StatusCode::SEE_OTHER);
    assert_eq!(site.stores.account_lists.account_totals().await.unwrap().conflicts, 1);
}

#[tokio::test]
async fn what_has_changed_meanwhile_is_looked_at_again() {
    let mut site = Site::as_superuser().await;
    let (old, new) = claims(&site).await;
    let (old, new, one) = (old.to_string(), new.to_string(), ONE.to_string());
    for (claimed, from) in [("7", old.as_str()), (&one, ""), (&one, "1")] {
        let answer = site.act(CONFLICTS, &fields(&new, claimed, from, "give")).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{claimed} {from}");
        assert!(answer.body.contains("changed meanwhile") && answer.body.contains("See the claims"), "{}", answer.body);
    }
    for (account, claimed, from, decision) in [
        ("", one.as_str(), old.as_str(), "give"),
        ("x", &one, &old, "keep"),
        (&new, "x", &old, "give"),
        (&new, "", &old, "give"),
        (&new, &one, "x", "give"),
        (&new, &one, &old, "take"),
        (&new, &one, &old, ""),
    ] {
        let answer = site.act(CONFLICTS, &fields(account, claimed, from, decision)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{account} {claimed} {from} {decision}");
    }
    for nobody in ["0", "-9223372036854775808", "9223372036854775807", &old] {
        let answer = site.act(CONFLICTS, &fields(nobody, &one, &old, "keep")).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{nobody}");
    }
    assert_eq!(owner(&site).await.as_deref(), Some("old"));
    assert_eq!(site.ledger.number("SELECT count(*) FROM staff_log WHERE act <> 'log_in'").await, 0, "nothing was done");
}

#[tokio::test]
async fn only_who_may_act_decides_and_only_from_here() {
    let prepare = async |site: &Site| {
        claims(site).await;
    };
    Site::refuses_foreign_forms(CONFLICTS, &[("account", "5"), ("decision", "keep")], prepare).await;
}

#[tokio::test]
async fn many_claims_have_pages() {
    let mut site = Site::as_staff().await;
    import(&site, "old", Claim::Id(id(ONE))).await;
    for number in 0..30 {
        import(&site, &format!("new{number}"), Claim::Id(id(ONE))).await;
    }
    let first = site.get(&format!("{CONFLICTS}?page_size=25")).await;
    assert_eq!(first.body.matches("class=\"card claim\"").count(), 25);
    let second = site.get(&link(&first.body, "Next page").unwrap()).await;
    assert_eq!(second.body.matches("class=\"card claim\"").count(), 5);
    assert_eq!(link(&second.body, "Next page"), None);
    assert_eq!(site.get(&format!("{CONFLICTS}?q=x")).await.status, StatusCode::BAD_REQUEST);
}
