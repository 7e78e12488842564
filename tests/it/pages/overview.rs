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
