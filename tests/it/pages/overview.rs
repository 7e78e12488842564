//! The overview: figures, what needs attention, the last sync.

use guildsync::domain::{RunError, RunState};
use guildsync::store::Problem;
use poem::http::StatusCode;

use super::fakes::{odd_members, run, start};
use super::{ADMIN, Site};

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
    *site.world.members.lock().unwrap() = odd_members();
    let message = "The Server Members Intent is off: <turn> it on.".to_owned();
    site.world.problems.lock().unwrap().push(Problem { code: "bot_intent".into(), message, noted_at: start() });
    let mut failed = run(RunState::Failed);
    failed.error = Some(RunError { code: "missing_access".into(), message: "Discord refuses the bot access.".into() });
    site.world.runs.lock().unwrap().extend([run(RunState::Held), failed]);
    insta::assert_snapshot!("overview", site.get(ADMIN).await.page());
    // A list that was applied since is all that counts; what is held still waits.
    site.world.runs.lock().unwrap().push(run(RunState::Succeeded));
    let page = site.get(ADMIN).await.page();
    assert!(!page.contains("Discord refuses the bot access.") && page.contains("departures are held"), "{page}");
}
