//! The overview: figures, what needs attention, the last sync.

use chrono::TimeDelta;
use guildsync::domain::{HeldReason, Run, RunError, RunId, RunState};
use guildsync::store::{Claim, ImportRow, Jobs};
use poem::http::StatusCode;

use super::seed::{GONE, odd_members, run, start};
use super::workers::process;
use super::{ADMIN, Site, seed};

#[tokio::test]
async fn a_new_installation_is_told_how_to_begin() {
    let mut site = Site::as_staff().await;
    let answer = site.get(ADMIN).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("overview_empty", answer.page());
}

#[tokio::test]
async fn what_is_wrong_and_what_waits_stands_there_with_the_way_on() {
    let mut site = Site::as_staff().await;
    seed::odd(&site.stores, &odd_members()).await;
    site.stores.accounts.import(&[claim("claims", GONE)], start()).await.unwrap();
    let message = "The Server Members Intent is off: <turn> it on.";
    site.stores.problems.note_problem("bot_intent", message, start()).await.unwrap();
    let gone = process("gone", "worker", 65, Jobs::default());
    site.stores.upkeep.beat(&gone).await.unwrap();
    let mut failed = run(RunState::Failed);
    failed.error = Some(RunError { code: "missing_access".into(), message: "Discord refuses the bot access.".into() });
    for run in [held(), failed] {
        seed::put_run(&site.ledger, &run).await;
    }
    insta::assert_snapshot!("overview", site.get(ADMIN).await.page());
    // A list that ended otherwise since is all that counts; what is held still waits.
    let mut later = run(RunState::Held);
    later.id = RunId::new(start() + TimeDelta::seconds(1), [0; 32]);
    later.held_reason = Some(HeldReason::EmptyList);
    seed::put_run(&site.ledger, &later).await;
    let page = site.get(ADMIN).await.page();
    assert!(!page.contains("Discord refuses the bot access."), "{page}");
    assert!(page.contains("departures are held") && page.contains("The last list was empty"), "{page}");
}

/// A held list with the newest evidence of all.
fn held() -> Run {
    Run { observed_at: start() + TimeDelta::microseconds(1), ..run(RunState::Held) }
}

fn claim(username: &str, id: i64) -> ImportRow {
    ImportRow { username: username.into(), email: String::new(), discord_id: Claim::Id(seed::id(id)) }
}

#[tokio::test]
async fn where_all_is_well_it_says_so_and_when_the_schedule_asks_next() {
    let mut site = Site::as_staff().await;
    seed::members(&site.stores, &[seed::member(1, "ada"), seed::member(2, "bo")], &[2]).await;
    let one = process("one", "http,worker,bot,cron", 3, Jobs::default());
    site.stores.upkeep.beat(&one).await.unwrap();
    let page = site.get(ADMIN).await.page();
    assert!(page.contains("Nothing. All is well."), "{page}");
    assert!(page.contains("every 6 h") && page.contains("2026-11-23 00:00</time>, in 3 h 35 min."), "{page}");
    // Another worker is enough for one that was lost to be no more than a note.
    site.stores.upkeep.beat(&process("two", "worker", 65, Jobs::default())).await.unwrap();
    let page = site.get(ADMIN).await.page();
    assert!(page.contains("note-warn\">The worker on two was lost") && !page.contains("note-bad"), "{page}");
    // Without a process that has the schedule nothing is promised.
    site.stores.upkeep.retire(&one.id).await.unwrap();
    let page = site.get(ADMIN).await.page();
    assert!(page.contains("No worker is running.") && !page.contains("The schedule asks"), "{page}");
}

#[tokio::test]
async fn what_is_not_set_is_told_with_what_to_set() {
    let mut site = Site::set_otherwise(|state| state.intake = None).await;
    let page = site.get(ADMIN).await.body;
    assert!(page.contains("note-bad\">The program does not know its guild") && page.contains("sets GUILD_ID"), "{page}");
    assert!(!page.contains("No member list has come in yet"), "there is something to do before: {page}");
    let members = site.get(super::LIST).await.body;
    assert!(members.contains("<code>GUILD_ID</code>") && !members.contains("curl"), "{members}");
    let syncs = site.get("/admin/sync/").await.body;
    assert!(
        syncs.contains("Start a sync") && syncs.contains("<code>GUILD_ID</code>") && !syncs.contains("type=\"file\""),
        "{syncs}"
    );

    let mut site = Site::set_otherwise(|state| state.has_bot_key = false).await;
    let page = site.get(ADMIN).await.body;
    assert!(
        page.contains("note-bad\">No list can come in but from a file")
            && page.contains("sets DBOT_AUTH_KEY, DISCORD_TOKEN or both"),
        "{page}"
    );
    let members = site.get(super::LIST).await.body;
    assert!(members.contains("once whoever runs this site has set <code>DBOT_AUTH_KEY</code>"), "{members}");
}

#[tokio::test]
async fn what_stands_in_the_way_of_lists_is_told_once_and_where_it_is_mended() {
    let mut site = Site::as_staff().await;
    let problem = "Discord refuses the bot access (50001). Turn it on in the Discord Developer Portal \
                   (https://discord.com/developers/applications) > your application > Bot";
    site.stores.problems.note_problem("roster", problem, start()).await.unwrap();
    let mut failed = run(RunState::Failed);
    let message = format!("{problem}. What had come of the list is applied, nobody was marked as left.");
    failed.error = Some(RunError { code: "missing_access".into(), message });
    seed::put_run(&site.ledger, &failed).await;
    let page = site.get(ADMIN).await.body;
    assert_eq!(page.matches("50001").count(), 1, "{page}");
    let told = "in the Discord Developer Portal &#62; your application &#62; Bot. \
                <a href=\"https://discord.com/developers/applications\">Open the Discord Developer Portal</a>";
    assert!(page.contains(told), "{page}");
    // A list that failed for another reason is told beside it.
    site.stores.problems.note_problem("roster", "Discord is gone", start()).await.unwrap();
    let page = site.get(ADMIN).await.body;
    assert!(
        page.contains(">Discord is gone. <a href=\"/admin/sync/\">See what the syncs say</a>") && page.contains("50001"),
        "{page}"
    );
}

#[tokio::test]
async fn an_empty_list_is_looked_into_where_it_came_from() {
    for (source, words) in [
        (guildsync::domain::Source::File, "the file that it came from"),
        (guildsync::domain::Source::Push, "the bot that sent it"),
    ] {
        let mut site = Site::as_staff().await;
        let mut empty = run(RunState::Held);
        (empty.source, empty.held_reason) = (source, Some(HeldReason::EmptyList));
        seed::put_run(&site.ledger, &empty).await;
        let page = site.get(ADMIN).await.body;
        assert!(page.contains(&format!("Look into {words}.")), "{page}");
    }
}

#[tokio::test]
async fn a_worker_that_was_started_again_is_no_matter() {
    let mut site = Site::as_staff().await;
    let lost = process("one", "http,worker", 65, Jobs { in_hand: 2, done: 0, failed: 0 });
    let again = guildsync::store::Process {
        id: "one-4712-0a1b2c3e".into(),
        started_at: start() - TimeDelta::seconds(50),
        ..process("one", "http,worker", 3, Jobs::default())
    };
    site.stores.upkeep.beat(&lost).await.unwrap();
    site.stores.upkeep.beat(&again).await.unwrap();
    assert!(!site.get(ADMIN).await.body.contains("was lost"));
    // One that had been there all the time has not taken its place.
    let beside = guildsync::store::Process { started_at: start() - TimeDelta::hours(1), ..again };
    site.stores.upkeep.retire(&beside.id).await.unwrap();
    site.stores.upkeep.beat(&beside).await.unwrap();
    assert!(site.get(ADMIN).await.body.contains("The worker on one was lost"));
}
