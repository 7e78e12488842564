//! A list from Discord: claimed, staged page by page, gone on with, joined; and what is found out about its departures.

use chrono::TimeDelta;
use guildsync::domain::{DiscordId, HeldReason, Mode, RunError, RunId, RunState, Source};
use guildsync::store::{
    Due, FetchClaim, FetchedPage, Filed, Findings, Interaction, NewRun, RunClaim, StagedBatch, StoreError, encode_payload,
};
use secrecy::ExposeSecret as _;

use super::Ledger;
use super::hand::{GUARD, List, apply, at, carry_out, claim_finish, departed, file, id, members, read, run_id};

on_both!(
    a_second_wish_joins_the_first_but_not_one_of_another_mode,
    pages_are_applied_while_more_come_and_the_fetch_goes_on_where_it_broke_off,
    who_lost_the_fetch_changes_nothing,
    a_fetch_that_nobody_brings_to_its_end_is_set_aside,
    why_a_fetch_was_tried_again_is_told,
    others_wait_for_a_fetch_and_deltas_of_later_do_not,
    whoever_was_found_present_is_deferred_and_a_doubt_holds_all,
    whoever_could_not_be_read_is_not_taken_for_gone,
    a_tick_is_one_run,
    a_fetch_is_never_older_than_the_wish_for_it,
    a_reply_is_kept_with_the_run_that_fulfils_the_wish_or_not_at_all,
    a_fetch_is_given_up_for_want_of_a_token_if_nobody_is_at_it,
    what_is_given_back_is_free_at_once_by_any_clock,
    a_list_says_when_the_last_of_it_had_come,
);

const LEASE: TimeDelta = TimeDelta::seconds(6);

fn wish(created: i64, mode: Mode) -> NewRun {
    let mut run = List::new(at(created), &[], 1).run;
    (run.id, run.source, run.mode, run.created_at) = (run_id(at(created)), Source::Discord, mode, at(created));
    run
}

async fn begin(ledger: &Ledger, seconds: i64) -> FetchClaim {
    let run = wish(seconds, Mode::Full);
    assert_eq!(ledger.filing.file_run(&run, &[], &[]).await.unwrap(), Filed::New);
    assert_eq!(ledger.work.claim_run(run.id, at(seconds + 1)).await.unwrap(), RunClaim::Fetch);
    claim(ledger, run.id, seconds + 1).await.unwrap()
}

async fn claim(ledger: &Ledger, run: RunId, seconds: i64) -> Option<FetchClaim> {
    ledger.work.claim_fetch(run, at(seconds), at(seconds) + LEASE).await.unwrap()
}

fn page(batch: i32, ids: std::ops::RangeInclusive<i64>) -> FetchedPage {
    let members = members(ids.clone());
    let count = i64::try_from(members.len()).unwrap();
    FetchedPage {
        batch: StagedBatch { batch, members: count, payload: encode_payload(&members).unwrap() },
        spared: Vec::new(),
        last: Some(id(*ids.end())),
        received: count,
        duplicates: 0,
        skipped: 0,
        warnings: Vec::new(),
    }
}

async fn stage(ledger: &Ledger, claim: &FetchClaim, page: &FetchedPage) {
    ledger.work.stage_page(claim, page, claim.observed_at).await.unwrap();
}

/// A whole list of these pages, all of it applied.
async fn fetched(ledger: &Ledger, seconds: i64, pages: &[FetchedPage]) -> FetchClaim {
    let claim = begin(ledger, seconds).await;
    for page in pages {
        stage(ledger, &claim, page).await;
    }
    assert_eq!(ledger.work.end_fetch(&claim, at(seconds + 2)).await.unwrap(), i64::try_from(pages.len()).unwrap());
    for page in pages {
        apply(ledger, claim.run, page.batch.batch, at(seconds + 2)).await;
    }
    claim
}

async fn a_second_wish_joins_the_first_but_not_one_of_another_mode(ledger: &Ledger) {
    let first = wish(0, Mode::Full);
    assert_eq!(ledger.filing.file_run(&first, &[], &[]).await.unwrap(), Filed::New);
    assert_eq!(ledger.filing.file_run(&wish(1, Mode::Full), &[], &[]).await.unwrap(), Filed::Joined(first.id));
    assert_eq!(ledger.filing.file_run(&wish(2, Mode::DryRun), &[], &[]).await.unwrap(), Filed::New);
    // A posted list joins nobody.
    file(ledger, at(3), &members(1..=1)).await;
    ledger.filing.cancel_run(first.id, "", None, at(4)).await.unwrap();
    assert_eq!(ledger.filing.file_run(&wish(5, Mode::Full), &[], &[]).await.unwrap(), Filed::New);
}

async fn pages_are_applied_while_more_come_and_the_fetch_goes_on_where_it_broke_off(ledger: &Ledger) {
    let first = begin(ledger, 0).await;
    assert_eq!((first.after, first.batches, first.observed_at), (None, 0, at(1)));
    ledger.work.expect_members(&first, 7).await.unwrap();
    stage(ledger, &first, &page(0, 1..=3)).await;
    let run = read(ledger, first.run).await;
    assert_eq!((run.state, run.progress.members_total, run.observed_at), (RunState::Fetching, 7, at(1)));
    // One page is applied before the next has come; the run is not over for that.
    let batch = ledger.work.claim_batch(first.run, 0, "tests", at(2), at(2) + LEASE).await.unwrap().unwrap();
    assert_eq!(ledger.work.apply_batch(&batch, &members(1..=3), at(2)).await.unwrap().remaining, 0);
    assert!(ledger.work.claim_finish(first.run, at(2), at(2) + LEASE).await.unwrap().is_none());
    // Nobody is heard of any more.
    assert!(claim(ledger, first.run, 6).await.is_none(), "it is still claimed");
    let late = at(1) + LEASE + TimeDelta::seconds(1);
    assert_eq!(ledger.work.due(late, late, 10).await.unwrap(), [Due::Run(first.run)]);
    assert_eq!(ledger.work.claim_run(first.run, late).await.unwrap(), RunClaim::Fetch);
    let second = claim(ledger, first.run, 8).await.unwrap();
    assert_eq!((second.attempt, second.after, second.batches, second.members, second.observed_at), (2, Some(id(3)), 1, 3, at(1)));
    stage(ledger, &second, &page(1, 4..=7)).await;
    assert_eq!(ledger.work.end_fetch(&second, at(9)).await.unwrap(), 1);
    apply(ledger, first.run, 1, at(9)).await;
    let finish = claim_finish(ledger, first.run, at(10)).await;
    let done = ledger.work.finish_run(&finish, GUARD, at(10)).await.unwrap();
    assert_eq!((done.state, done.counts.created, done.counts.total_received), (RunState::Succeeded, 7, 7));
}

async fn who_lost_the_fetch_changes_nothing(ledger: &Ledger) {
    let first = begin(ledger, 0).await;
    let second = claim(ledger, first.run, 8).await.unwrap();
    let lost = |result: Result<(), StoreError>| assert!(matches!(result, Err(StoreError::ClaimLost)), "{result:?}");
    lost(ledger.work.stage_page(&first, &page(0, 1..=3), at(8)).await);
    lost(ledger.work.expect_members(&first, 5).await);
    lost(ledger.work.end_fetch(&first, at(8)).await.map(drop));
    assert!(!ledger.work.renew_fetch(&first, at(20)).await.unwrap());
    assert!(ledger.work.renew_fetch(&second, at(20)).await.unwrap());
    stage(ledger, &second, &page(0, 1..=3)).await;
    // The same page again, by the same claim: its answer was lost.
    lost(ledger.work.stage_page(&second, &page(0, 1..=3), at(9)).await);
    assert_eq!(read(ledger, first.run).await.counts.total_received, 3);
    ledger.filing.cancel_run(first.run, "", None, at(10)).await.unwrap();
    lost(ledger.work.stage_page(&second, &page(1, 4..=5), at(11)).await);
}

async fn a_fetch_that_nobody_brings_to_its_end_is_set_aside(ledger: &Ledger) {
    let first = begin(ledger, 0).await;
    ledger.work.release_fetch(&first, "a mishap", true, at(2)).await.unwrap();
    for attempt in 1..=3 {
        let seconds = 10 * i64::from(attempt);
        let again = claim(ledger, first.run, seconds).await.unwrap();
        assert_eq!(again.attempt, attempt, "one that was given back without blame does not count");
        ledger.work.release_fetch(&again, "a mishap", false, at(seconds + 1)).await.unwrap();
    }
    assert!(claim(ledger, first.run, 50).await.is_none());
    assert_eq!(ledger.work.exhausted(at(50)).await.unwrap(), [first.run]);
    let error = RunError { code: "set_aside".into(), message: "x".into() };
    ledger.work.set_aside(first.run, &error, at(50)).await.unwrap();
    assert_eq!(read(ledger, first.run).await.state, RunState::Failed);
}

async fn why_a_fetch_was_tried_again_is_told(ledger: &Ledger) {
    let first = begin(ledger, 0).await;
    let told = || async { ledger.runs.run_work(first.run).await.unwrap().fetch_error };
    assert_eq!(told().await, None);
    let second = claim(ledger, first.run, 8).await.unwrap();
    assert!(told().await.unwrap().starts_with("the worker's lease ran out"));
    ledger.work.release_fetch(&first, "too late", false, at(9)).await.unwrap();
    ledger.work.release_fetch(&second, "the disk is full", false, at(9)).await.unwrap();
    let third = claim(ledger, first.run, 20).await.unwrap();
    assert_eq!(told().await.as_deref(), Some("the disk is full"), "it was given back, so no lease ran out");
    stage(ledger, &third, &page(0, 1..=3)).await;
    ledger.work.end_fetch(&third, at(21)).await.unwrap();
    assert_eq!(told().await.as_deref(), Some("the disk is full"));
}

async fn others_wait_for_a_fetch_and_deltas_of_later_do_not(ledger: &Ledger) {
    let fetch = begin(ledger, 0).await;
    let posted = file(ledger, at(5), &members(1..=2)).await;
    assert_eq!(ledger.work.claim_run(posted, at(6)).await.unwrap(), RunClaim::NotYet(None));
    stage(ledger, &fetch, &page(0, 1..=3)).await;
    let next = ledger.work.fail_run(fetch.run, &RunError { code: "x".into(), message: "x".into() }, at(7)).await.unwrap();
    assert_eq!(next, [posted]);
    let run = read(ledger, fetch.run).await;
    assert_eq!((run.state, run.counts.marked_left), (RunState::Failed, 0));
    assert_eq!(carry_out(ledger, posted, GUARD, at(8)).await.counts.created, 2);
}

async fn whoever_was_found_present_is_deferred_and_a_doubt_holds_all(ledger: &Ledger) {
    carry_out(ledger, file(ledger, at(0), &members(1..=10)).await, GUARD, at(1)).await;
    let fetch = fetched(ledger, 10, &[page(0, 1..=7)]).await;
    let finish = claim_finish(ledger, fetch.run, at(13)).await;
    let departing = ledger.work.departing(&finish, GUARD).await.unwrap().unwrap();
    assert_eq!((departing.listed, departing.believed, departing.mode), (7, true, Mode::Full));
    assert_eq!(departing.departed, [8, 9, 10].map(id));
    let findings = Findings { doubt: None, gone: Some(vec![8, 10]) };
    let done = ledger.work.finish_fetched(&finish, GUARD, &findings, at(14)).await.unwrap();
    assert_eq!((done.state, done.counts.marked_left, done.counts.deferred), (RunState::Succeeded, 2, 1));
    assert_eq!(departed(ledger).await, [8, 10]);

    let fetch = fetched(ledger, 20, &[page(0, 1..=6)]).await;
    let finish = claim_finish(ledger, fetch.run, at(23)).await;
    let findings = Findings { doubt: Some(HeldReason::IncompleteRoster), gone: None };
    let done = ledger.work.finish_fetched(&finish, GUARD, &findings, at(24)).await.unwrap();
    assert_eq!((done.state, done.counts.marked_left, done.counts.departures_held), (RunState::Held, 0, 2));
    assert_eq!(read(ledger, fetch.run).await.held_reason, Some(HeldReason::IncompleteRoster));
    // A doubt about nobody holds nobody.
    let fetch = fetched(ledger, 30, &[page(0, 1..=9)]).await;
    let finish = claim_finish(ledger, fetch.run, at(33)).await;
    let done = ledger.work.finish_fetched(&finish, GUARD, &findings, at(34)).await.unwrap();
    assert_eq!((done.state, done.counts.rejoined), (RunState::Succeeded, 1));
}

async fn whoever_could_not_be_read_is_not_taken_for_gone(ledger: &Ledger) {
    carry_out(ledger, file(ledger, at(0), &members(1..=5)).await, GUARD, at(1)).await;
    let odd =
        FetchedPage { spared: vec![4, 5], received: 5, skipped: 2, warnings: vec!["4".into(), "5".into()], ..page(0, 1..=3) };
    let fetch = fetched(ledger, 10, &[odd]).await;
    let finish = claim_finish(ledger, fetch.run, at(13)).await;
    assert_eq!(ledger.work.departing(&finish, GUARD).await.unwrap().unwrap().departed, Vec::<DiscordId>::new());
    let done = ledger.work.finish_run(&finish, GUARD, at(14)).await.unwrap();
    assert_eq!((done.counts.marked_left, done.counts.skipped, done.counts.total_received), (0, 2, 5));
    assert_eq!(read(ledger, fetch.run).await.warnings, ["4", "5"]);
}

async fn a_tick_is_one_run(ledger: &Ledger) {
    let key = |run: NewRun| NewRun {
        idempotency: Some(guildsync::store::Idempotency { key: "schedule 7".into(), body_hash: [0; 32] }),
        ..run
    };
    let first = key(wish(0, Mode::Full));
    assert_eq!(ledger.filing.file_run(&first, &[], &[]).await.unwrap(), Filed::New);
    assert_eq!(ledger.filing.file_run(&key(wish(1, Mode::Full)), &[], &[]).await.unwrap(), Filed::Repeat(first.id));
    ledger.filing.cancel_run(first.id, "", None, at(2)).await.unwrap();
    assert_eq!(ledger.filing.file_run(&key(wish(3, Mode::Full)), &[], &[]).await.unwrap(), Filed::Repeat(first.id));
    // A tick that joined a sync was met by it, also for those who come late with it.
    let asked = wish(10, Mode::Full);
    assert_eq!(ledger.filing.file_run(&asked, &[], &[]).await.unwrap(), Filed::New);
    let tick = |seconds| NewRun {
        idempotency: Some(guildsync::store::Idempotency { key: "schedule 8".into(), body_hash: [0; 32] }),
        ..wish(seconds, Mode::Full)
    };
    assert_eq!(ledger.filing.file_run(&tick(11), &[], &[]).await.unwrap(), Filed::Joined(asked.id));
    ledger.filing.cancel_run(asked.id, "", None, at(12)).await.unwrap();
    assert_eq!(ledger.filing.file_run(&tick(13), &[], &[]).await.unwrap(), Filed::Repeat(asked.id));
}

/// The clock of the worker is behind that of whoever filed the wish.
async fn a_fetch_is_never_older_than_the_wish_for_it(ledger: &Ledger) {
    let run = wish(100, Mode::Full);
    ledger.filing.file_run(&run, &[], &[]).await.unwrap();
    assert_eq!(ledger.work.claim_run(run.id, at(40)).await.unwrap(), RunClaim::Fetch);
    assert_eq!(claim(ledger, run.id, 40).await.unwrap().observed_at, at(100));
    let run = read(ledger, run.id).await;
    assert_eq!((run.observed_at, run.started_at), (at(100), Some(at(100))));
}

async fn a_reply_is_kept_with_the_run_that_fulfils_the_wish_or_not_at_all(ledger: &Ledger) {
    let asked = |seconds, token: &str| NewRun {
        reply: Some(Interaction { application: id(7), token: token.to_owned().into(), expires_at: at(seconds + 900) }),
        ..wish(seconds, Mode::Full)
    };
    let first = asked(0, "one");
    assert_eq!(ledger.filing.file_run(&first, &[], &[]).await.unwrap(), Filed::New);
    assert_eq!(ledger.filing.file_run(&asked(1, "two"), &[], &[]).await.unwrap(), Filed::Joined(first.id));
    let open = ledger.replies.open_replies(10).await.unwrap();
    let kept: Vec<_> = open.iter().map(|reply| (reply.run, reply.to.token.expose_secret(), reply.to.expires_at)).collect();
    assert_eq!(kept, [(first.id, "one", at(900)), (first.id, "two", at(901))]);
    ledger.filing.cancel_run(first.id, "", None, at(2)).await.unwrap();

    ledger.execute("DROP TABLE replies").await;
    let last = asked(3, "three");
    ledger.filing.file_run(&last, &[], &[]).await.unwrap_err();
    assert!(!ledger.filing.is_filed(last.id).await.unwrap(), "nobody would reply to it");
}

/// Whether a fetch that nobody has been at since before `since` was given up.
async fn given_up(ledger: &Ledger, run: RunId, since: i64) -> bool {
    let error = RunError { code: "no_token".into(), message: "x".into() };
    let next = ledger.work.fail_unclaimed(run, &error, at(10_000), at(since)).await.unwrap();
    if next.is_some() {
        assert_eq!(read(ledger, run).await.error.map(|error| error.code).as_deref(), Some("no_token"));
    }
    next.is_some()
}

async fn a_fetch_is_given_up_for_want_of_a_token_if_nobody_is_at_it(ledger: &Ledger) {
    // Nobody ever was.
    let run = wish(0, Mode::Full);
    ledger.filing.file_run(&run, &[], &[]).await.unwrap();
    ledger.work.claim_run(run.id, at(1)).await.unwrap();
    assert!(!given_up(ledger, run.id, 1).await, "too early");
    assert!(given_up(ledger, run.id, 2).await);
    // Somebody was, and handed it on.
    let fetch = begin(ledger, 1_000).await;
    assert!(!given_up(ledger, fetch.run, 1_005).await, "somebody is at it");
    ledger.work.release_fetch(&fetch, "a mishap", true, at(2_000)).await.unwrap();
    assert!(!given_up(ledger, fetch.run, 1_900).await, "too early: somebody was at it for long");
    assert!(given_up(ledger, fetch.run, 2_000).await);
    // Somebody was, and died.
    let fetch = begin(ledger, 3_000).await;
    assert!(!given_up(ledger, fetch.run, 3_007).await, "its lease has just run out");
    assert!(given_up(ledger, fetch.run, 3_008).await);
    // The next in turn is not held up.
    assert_eq!(begin(ledger, 4_000).await.attempt, 1);
}

/// The clock of the other machine is behind.
async fn what_is_given_back_is_free_at_once_by_any_clock(ledger: &Ledger) {
    let fetch = begin(ledger, 100).await;
    ledger.work.release_fetch(&fetch, "a mishap", true, at(110)).await.unwrap();
    let fetch = claim(ledger, fetch.run, 109).await.expect("it is free");
    stage(ledger, &fetch, &page(0, 1..=3)).await;
    ledger.work.end_fetch(&fetch, at(111)).await.unwrap();
    apply(ledger, fetch.run, 0, at(112)).await;
    let finish = claim_finish(ledger, fetch.run, at(120)).await;
    ledger.work.release_finish(&finish, true, at(121)).await.unwrap();
    assert_eq!(claim_finish(ledger, fetch.run, at(119)).await.attempt, 1);
}

async fn a_list_says_when_the_last_of_it_had_come(ledger: &Ledger) {
    let fetch = begin(ledger, 0).await;
    ledger.work.stage_page(&fetch, &page(0, 1..=3), at(50)).await.unwrap();
    ledger.work.stage_page(&fetch, &page(1, 4..=5), at(3_600)).await.unwrap();
    ledger.work.end_fetch(&fetch, at(3_601)).await.unwrap();
    for batch in 0..2 {
        apply(ledger, fetch.run, batch, at(3_602)).await;
    }
    let finish = claim_finish(ledger, fetch.run, at(3_603)).await;
    assert_eq!(ledger.work.departing(&finish, GUARD).await.unwrap().unwrap().listed_at, at(3_600));
}
