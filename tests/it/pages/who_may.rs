//! Who may see what and do what: every address of staff, by its method, for a stranger, for whoever is not staff, for who may look and for who may
//! act. The addresses are those of the program itself, so that none is forgotten.

use guildsync::domain::RunId;
use guildsync::http::staff_addresses;
use guildsync::store::{Claim, ImportRow};
use poem::http::{Method, StatusCode};

use super::{Answer, LOGIN, PASSWORD, Site, seed};

const MEMBER: i64 = 80_351_110_224_678_912;

/// A form that every address which takes one understands, so that it is the sender whom it is refused for.
const FORM: [(&str, &str); 7] = [
    ("change", "grant_staff"),
    ("account", "4"),
    ("claimed", "no id"),
    ("decision", "keep"),
    ("act", "apply_departures"),
    ("id", "80351110224678913"),
    ("agreed", "1"),
];

/// What an act would change, in numbers.
const TRACES: [&str; 8] = [
    "SELECT count(*) FROM staff_log WHERE act NOT IN ('log_in', 'export')",
    "SELECT count(*) FROM sync_runs",
    "SELECT sum(state = 'held') * 100 + sum(state = 'cancelled') FROM sync_runs",
    "SELECT count(*) FROM held_departures WHERE outcome IS NULL",
    "SELECT count(date_left) FROM guild_members",
    "SELECT sum(date_modified % 1000003) FROM guild_members",
    "SELECT count(*) FROM account_conflicts",
    "SELECT sum(id * (is_staff + 2 * is_superuser + 4 * is_active)) FROM users",
];

/// A site on which there is something to do at every address, and the run that holds departures.
async fn site() -> (Site, RunId) {
    let site = Site::with_people().await;
    let members: Vec<_> = (MEMBER..MEMBER + 9).map(|number| seed::member(number, "m")).collect();
    seed::list(&site.stores, seed::start() - chrono::TimeDelta::minutes(1), &members).await;
    let held = seed::hold(&site.stores, seed::start(), &members[..1]).await;
    let claim = ImportRow { username: "claims".into(), email: String::new(), discord_id: Claim::Unreadable("no id".into()) };
    site.stores.accounts.import(&[claim], seed::start()).await.unwrap();
    (site, held)
}

/// Every address, with an id of something that is there.
fn addresses(held: RunId) -> Vec<String> {
    let concrete = |address: &str| {
        let id = match address {
            list if list.starts_with("/admin/accounts/guildmember/") => MEMBER.to_string(),
            list if list.starts_with("/admin/accounts/user/") => "2".to_owned(),
            _ => held.to_string(),
        };
        address.replace(":id", &id)
    };
    staff_addresses().into_iter().map(concrete).collect()
}

async fn traces(site: &Site) -> Vec<i64> {
    let mut traces = Vec::new();
    for trace in TRACES {
        traces.push(site.ledger.number(trace).await);
    }
    traces
}

/// The answers of an address to a GET and to the form, those that it takes.
async fn ask(site: &mut Site, address: &str) -> Vec<(Method, Answer)> {
    let form = if site.cookie.is_some() { site.act(address, &FORM).await } else { site.post(address, &[], &FORM).await };
    let answers = vec![(Method::GET, site.get(address).await), (Method::POST, form)];
    let answers: Vec<_> = answers.into_iter().filter(|(_, answer)| answer.status != StatusCode::METHOD_NOT_ALLOWED).collect();
    assert!(!answers.is_empty(), "{address} takes nothing");
    answers
}

#[tokio::test]
async fn each_address_is_for_those_alone_who_may() {
    let (mut site, held) = site().await;
    let addresses = addresses(held);
    assert!(addresses.len() > 20, "{addresses:?}");
    let before = traces(&site).await;
    for address in &addresses {
        for (method, answer) in ask(&mut site, address).await {
            let (status, location) = (answer.status, answer.header("location"));
            if address == LOGIN {
                assert_ne!(status, StatusCode::SEE_OTHER, "{method} {address}");
            } else {
                assert_eq!(status, StatusCode::SEE_OTHER, "a stranger: {method} {address}");
                assert!(
                    location.starts_with(LOGIN) && location.contains(if method == Method::GET { "" } else { "ended=1" }),
                    "{location}"
                );
            }
            assert!(!answer.body.contains("80351110224678912"), "a stranger: {method} {address}");
        }
    }
    for (name, words) in [("ben", "not a staff account"), ("anna", "may look, not act")] {
        site.log_in(name, PASSWORD).await;
        for address in addresses.iter().filter(|address| *address != LOGIN) {
            for (method, answer) in ask(&mut site, address).await {
                if name == "anna" && method == Method::GET {
                    assert_eq!(answer.status, StatusCode::OK, "{name}: {method} {address}");
                } else {
                    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {method} {address}");
                    assert!(answer.body.contains(words), "{name}: {method} {address}: {}", answer.body);
                }
            }
        }
    }
    assert_eq!(traces(&site).await, before, "nothing was changed");
}

#[tokio::test]
async fn who_may_act_is_refused_for_no_such_reason() {
    let (mut site, held) = site().await;
    site.log_in("root", PASSWORD).await;
    let before = traces(&site).await;
    // A decision would be waited for, and nobody carries it out here.
    for address in addresses(held).iter().filter(|address| *address != LOGIN && !address.ends_with("/decide/")) {
        for (method, answer) in ask(&mut site, address).await {
            assert_ne!(answer.status, StatusCode::FORBIDDEN, "{method} {address}: {}", answer.body);
            assert!(method == Method::POST || answer.status == StatusCode::OK, "{method} {address}: {}", answer.status);
        }
    }
    let after = traces(&site).await;
    assert!(after[0] > before[0] && after[7] != before[7], "the form would do something: {before:?}, {after:?}");
}
