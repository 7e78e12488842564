//! What staff do about runs.

use guildsync::domain::{Clock as _, RunId, RunState, SystemClock};

use super::{Desk, list};

/// Fifty of sixty are held.
async fn held(desk: &Desk) -> RunId {
    desk.push(1..=60).await;
    let run = desk.push(1..=10).await;
    assert_eq!(desk.ended(run).await.state, RunState::Held);
    run
}

fn at(run: RunId, act: &str) -> String {
    format!("/admin/sync/{run}/{act}")
}

#[tokio::test(flavor = "multi_thread")]
async fn some_held_departures_are_applied_and_the_rest_dismissed() {
    let desk = Desk::start().await;
    let run = held(&desk).await;
    let page = desk.get(&at(run, "")).await.body;
    assert!(page.contains("Apply all 50") && page.contains("Dismiss all 50") && page.contains("value=\"60\""), "{page}");
    assert!(!page.contains(" checked"), "whoever is let go is ticked by hand");
    assert!(!page.contains("POST /api/dbot"), "the buttons are named, not the API");

    // Of the three, one has come back meanwhile, and one was never held.
    desk.execute("UPDATE guild_members SET observed_at = 9000000000000000 WHERE discord_id = 12").await;
    let ticked = [("act", "apply_departures"), ("id", "11"), ("id", "12"), ("id", "13"), ("id", "5")];
    let applied = desk.post(&at(run, "decide/"), &ticked).await;
    assert_eq!(applied.run(), run);
    let told = desk.get(&applied.location).await.body;
    assert!(told.contains("2 marked as left, 2 not marked") && told.contains("47 still held"), "{told}");
    assert_eq!(desk.number("SELECT count(*) FROM guild_members WHERE date_left IS NOT NULL").await, 2);

    let dismissed = desk
        .agree(&at(run, "decide/"), &[("act", "dismiss_departures"), ("all", "47")], "Dismiss the departures of 47 members?")
        .await;
    let told = desk.get(&dismissed.location).await.body;
    assert!(told.contains("47 dismissed") && told.contains("state-succeeded"), "{told}");
    let done = desk.ended(run).await;
    assert_eq!((done.state, done.counts.marked_left, done.counts.dismissed), (RunState::Succeeded, 2, 47));
    let log = [
        format!("root dismiss_departures {run} all 47: 47 dismissed"),
        format!("root apply_departures {run} 4 members: 2 marked as left, 2 not marked"),
    ];
    assert_eq!(desk.log().await, log);

    // The form of a page that is still open somewhere.
    desk.post(&at(run, "decide/"), &[("act", "apply_departures"), ("id", "20")]).await.refuses(409, "There is nothing to decide");
    let undone = desk.agree(&at(run, "undo/"), &[], "Take back the departures of 2 members?").await;
    assert!(desk.get(&undone.location).await.body.contains("are present again"));
    assert_eq!(desk.number("SELECT count(*) FROM guild_members WHERE date_left IS NOT NULL").await, 0);
    assert_eq!(desk.log().await[0], format!("root undo_departures {run} 2 members: 2 present again"));
    let page = desk.get(&at(run, "")).await.body;
    assert!(!page.contains("Undo all"), "nobody is left to bring back: {page}");
    desk.post(&at(run, "undo/"), &[]).await.refuses(409, "Nobody is left to bring back");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_touches_many_is_asked_about_with_the_number_that_it_touches() {
    let desk = Desk::start().await;
    let run = held(&desk).await;
    let all = [("act", "apply_departures"), ("all", "50")];
    let asked = desk.post(&at(run, "decide/"), &all).await;
    asked.refuses(200, "Mark 50 members as left?");
    assert!(asked.body.contains(&format!("href=\"{}\">Go back</a>", at(run, ""))), "{}", asked.body);
    assert_eq!(desk.ended(run).await.state, RunState::Held);
    // Whoever agrees has read the number; if it is another by now, there is something new to read.
    desk.post(&at(run, "decide/"), &[("act", "apply_departures"), ("id", "11")]).await.run();
    let sent = crate::support::forms::hidden(&asked.body);
    let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    desk.forge(&at(run, "decide/"), &sent).await.refuses(409, "Meanwhile it is 49");
    desk.post(&at(run, "undo/"), &[("all", "50"), ("agreed", "1")]).await.refuses(409, "Meanwhile it is 1 whom");
    desk.post(&at(run, "undo/"), &[("agreed", "1")]).await.refuses(409, "The number has changed");
    let applied =
        desk.agree(&at(run, "decide/"), &[("act", "apply_departures"), ("all", "49")], "Mark 49 members as left?").await;
    assert!(desk.get(&applied.location).await.body.contains("49 marked as left"));
    assert_eq!(desk.number("SELECT count(*) FROM guild_members WHERE date_left IS NOT NULL").await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_cannot_be_is_refused_and_changes_nothing() {
    let desk = Desk::start().await;
    let run = held(&desk).await;
    for (fields, status, words) in [
        (&[("act", "apply_departures")][..], 422, "Nobody is ticked"),
        (&[("act", "apply_departures"), ("id", "11"), ("id", "007")], 422, "This is no member"),
        (&[("act", "forget"), ("id", "11")], 422, "Apply or dismiss?"),
        (&[("act", "apply_departures"), ("all", "49")], 409, "Meanwhile it is 50"),
        (&[("act", "apply_departures"), ("all", "many")], 409, "Meanwhile it is 50"),
    ] {
        desk.post(&at(run, "decide/"), fields).await.refuses(status, words);
    }
    let newer = desk.push(1..=60).await;
    assert_eq!(desk.ended(newer).await.state, RunState::Succeeded);
    let late = [("act", "apply_departures"), ("all", "50")];
    desk.post(&at(run, "decide/"), &late).await.refuses(409, "There is nothing to decide");
    desk.post(&at(newer, "decide/"), &late).await.refuses(409, "There is nothing to decide");
    desk.post(&at(newer, "undo/"), &[]).await.refuses(409, "Nothing to undo");
    desk.post(&at(newer, "cancel/"), &[]).await.refuses(409, "This sync has ended");
    desk.post(&at(newer, "retry/"), &[]).await.refuses(409, "This sync cannot be repeated");
    desk.post("/admin/sync/0193554a-1b98-7000-8000-000000000000/cancel/", &[]).await.refuses(404, "There is no such sync");
    desk.post("/admin/sync/%ff/cancel/", &[]).await.refuses(404, "There is no such sync");
    assert_eq!(desk.number("SELECT count(*) FROM guild_members WHERE date_left IS NOT NULL").await, 0);
    assert_eq!(desk.log().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_without_the_word_of_the_session_is_none() {
    let mut desk = Desk::start().await;
    let run = held(&desk).await;
    let blocker = desk.block().await;
    let decide = [("act", "apply_departures"), ("all", "50")];
    let acts =
        [(at(run, "decide/"), &decide[..]), (at(blocker, "cancel/"), &[]), (at(blocker, "retry/"), &[]), (at(run, "undo/"), &[])];
    for (path, fields) in acts.iter().map(|(path, fields)| (path.as_str(), *fields)).chain([("/admin/sync/discord/", &[][..])]) {
        desk.forge(path, fields).await.refuses(403, "This form is out of date");
        let forged = [&[("form_word", "0000")], fields].concat();
        desk.forge(path, &forged).await.refuses(403, "This form is out of date");
        let got = desk.get(path).await;
        assert_eq!(got.status, 405, "{path}");
    }
    desk.log_in("anna").await;
    let page = desk.get(&at(run, "")).await.body;
    assert!(page.contains("Departures held") && !page.contains("Apply all") && !page.contains("type=\"checkbox\""), "{page}");
    for (path, fields) in &acts {
        desk.post(path, fields).await.refuses(403, "This account may look, not act");
    }
    assert_eq!(desk.number("SELECT count(*) FROM guild_members WHERE date_left IS NOT NULL").await, 0);
    assert_eq!(desk.number(&format!("SELECT count(*) FROM sync_runs WHERE id = '{blocker}' AND finished_at IS NULL")).await, 1);
    assert_eq!(desk.log().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_list_is_retried_until_it_is_no_longer_kept() {
    let desk = Desk::start().await;
    let blocker = desk.block().await;
    let failed = desk.upload(&["allow_mass_departure"], list(1..=8)).await.run();
    let error = guildsync::domain::RunError { code: "mishap".into(), message: "Nothing worked.".into() };
    desk.running.stores.work.fail_run(failed, &error, SystemClock.now()).await.unwrap();
    assert!(desk.get(&at(failed, "")).await.body.contains("Try it again"));
    desk.agree(&at(blocker, "cancel/"), &[], "Cancel this sync?").await.run();

    let retried = desk.post(&at(failed, "retry/"), &[]).await;
    assert!(desk.get(&retried.location).await.body.contains("The failed sync was filed anew: this is it."));
    let retried = retried.run();
    let done = desk.ended(retried).await;
    assert_eq!((done.state, done.counts.created, done.requested_by.as_str()), (RunState::Succeeded, 8, "root"));
    let page = desk.get(&at(retried, "")).await.body;
    assert!(page.contains("The failed sync it repeats") && page.contains(&at(failed, "")), "{page}");
    assert_eq!(desk.log().await[0], format!("root retry_run {retried} instead of {failed}"));

    desk.execute(&format!("UPDATE sync_batches SET payload = NULL WHERE run_id = '{failed}'")).await;
    desk.post(&at(failed, "retry/"), &[]).await.refuses(409, "Its list is no longer kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_and_says_by_whom() {
    let desk = Desk::start().await;
    let blocker = desk.block().await;
    let run = desk.upload(&[], list(1..=3)).await.run();
    assert!(desk.get(&at(run, "")).await.body.contains("Cancel this sync"));
    let cancelled = desk.agree(&at(run, "cancel/"), &[], "nobody is marked as left").await;
    assert!(desk.get(&cancelled.location).await.body.contains("role=\"status\">The sync is cancelled.</p>"));
    assert_eq!(cancelled.run(), run);
    let page = desk.get(&at(run, "")).await.body;
    assert!(page.contains("state-cancelled") && page.contains("Cancelled by root."), "{page}");
    desk.agree(&at(blocker, "cancel/"), &[], "Cancel this sync?").await.run();
    assert_eq!(desk.number("SELECT count(*) FROM guild_members").await, 0);
    let log = [format!("root cancel_run {blocker}"), format!("root cancel_run {run}")];
    assert_eq!(desk.log().await[..2], log);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nothing_is_fetched_and_with_one_a_second_wish_joins_the_first() {
    let desk = Desk::start().await;
    assert!(desk.get(super::SYNCS).await.body.contains("There is no bot token"));
    desk.post("/admin/sync/discord/", &[]).await.refuses(503, "No bot token is set");
    assert_eq!(desk.log().await, Vec::<String>::new());

    // Nobody is at this address, so the list never comes.
    let desk = Desk::with(&[("DISCORD_TOKEN", "token"), ("DISCORD_API_URL", "http://127.0.0.1:9")]).await;
    desk.block().await;
    assert!(desk.get(super::SYNCS).await.body.contains("Sync from Discord"));
    let first = desk.post("/admin/sync/discord/", &[]).await;
    let second = desk.post("/admin/sync/discord/", &[]).await;
    assert_eq!((second.run(), second.location.ends_with("?joined=1")), (first.run(), true));
    assert!(desk.get(&second.location).await.body.contains("your wish has joined it"));
    let dry = desk.post("/admin/sync/discord/", &[("dry_run", "1")]).await;
    assert_ne!(dry.run(), first.run());
    let first = first.run();
    let log = [
        format!("root start_sync {} dry run", dry.run()),
        format!("root start_sync {first}"),
        format!("root start_sync {first}"),
    ];
    assert_eq!(desk.log().await, log);
}
