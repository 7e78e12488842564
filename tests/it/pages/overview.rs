//! The overview: figures, what needs attention, the last sync.

use chrono::TimeDelta;
use guildsync::domain::{RunError, RunId, RunState};
use poem::http::StatusCode;

use super::seed::{odd_members, run, start};
use super::{ADMIN, Site, seed};

#[tokio::test]
async fn a_new_installation_needs_no_attention() {
    let mut site = Site::as_staff().await;
    let answer = site.get(ADMIN).await;
    assert_eq!(answer.status, StatusCode::OK);
    insta::assert_snapshot!("overview_empty", answer.page());
}

#[tokio::test]
async fn what_is_wrong_and_what_waits_stands_there_with_the_way_on() {
    let mut site = Site::as_staff().await;
    seed::odd(&site.stores, &odd_members()).await;
    let message = "The Server Members Intent is off: <turn> it on.";
    site.stores.problems.note_problem("bot_intent", message, start()).await.unwrap();
    let mut failed = run(RunState::Failed);
    failed.error = Some(RunError { code: "missing_access".into(), message: "Discord refuses the bot access.".into() });
    for run in [run(RunState::Held), failed] {
        seed::put_run(&site.ledger, &run).await;
    }
    insta::assert_snapshot!("overview", site.get(ADMIN).await.page());
    // A list that was applied since is all that counts; what is held still waits.
    let mut later = run(RunState::Succeeded);
    later.id = RunId::new(start() + TimeDelta::seconds(1), [0; 32]);
    seed::put_run(&site.ledger, &later).await;
    let page = site.get(ADMIN).await.page();
    assert!(!page.contains("Discord refuses the bot access.") && page.contains("departures are held"), "{page}");
}
