//! What the pages of runs read: lists by what is asked, phases and shares of the work, and whom a run holds back.

use guildsync::domain::{Guard, Mode, RunId, RunState, Source};
use guildsync::store::{
    Hold, MemberFilter, MemberOrder, MemberPlace, MemberView, RunClaim, RunList, RunWork, Search, Share, Trouble,
};

use super::Ledger;
use super::hand::{
    GUARD, LEASE, List, apply, at, carry_out, claim_finish, file, id, member, members, mishap, run_id, sync, take_up,
};
use super::member_lists::{account, fill};

on_both!(
    runs_are_listed_by_what_is_asked_and_paged_by_key,
    phases_and_shares_of_a_run_are_told,
    why_a_step_was_tried_again_is_told,
    whom_a_run_holds_is_listed_by_id,
    many_who_are_held_are_searched_along_the_hold_or_by_their_names,
    a_session_that_is_only_looked_at_is_not_used,
);

async fn listed(ledger: &Ledger, list: RunList) -> Vec<RunId> {
    ledger.runs.list_runs(&list).await.unwrap().into_iter().map(|run| run.id).collect()
}

async fn runs_are_listed_by_what_is_asked_and_paged_by_key(ledger: &Ledger) {
    let file = |seconds: i64, source, mode| async move {
        let mut list = List::new(at(seconds), &members(1..=2), 2);
        (list.run.id, list.run.source, list.run.mode) = (run_id(at(seconds)), source, mode);
        list.file(ledger).await
    };
    let first = file(1, Source::Push, Mode::Full).await;
    let dry = file(2, Source::File, Mode::DryRun).await;
    let single = file(3, Source::Events, Mode::Delta).await;
    let failed = file(4, Source::File, Mode::Full).await;
    ledger.work.fail_run(failed, &mishap(), at(5)).await.unwrap();

    let all = RunList { limit: 10, ..RunList::default() };
    assert_eq!(listed(ledger, all).await, [failed, dry, first]);
    assert_eq!(listed(ledger, RunList { deltas: true, ..all }).await, [failed, single, dry, first]);
    assert_eq!(listed(ledger, RunList { source: Some(Source::File), ..all }).await, [failed, dry]);
    assert_eq!(listed(ledger, RunList { mode: Some(Mode::DryRun), ..all }).await, [dry]);
    assert_eq!(listed(ledger, RunList { state: Some(RunState::Failed), ..all }).await, [failed]);
    assert_eq!(listed(ledger, RunList { state: Some(RunState::Queued), source: Some(Source::File), ..all }).await, [dry]);
    assert_eq!(listed(ledger, RunList { limit: 2, ..all }).await, [failed, dry]);
    assert_eq!(listed(ledger, RunList { before: Some(dry), ..all }).await, [first]);
    assert_eq!(listed(ledger, RunList { before: Some(first), ..all }).await, []);
    // Those next to it, the newest first.
    assert_eq!(listed(ledger, RunList { after: Some(first), limit: 1, ..all }).await, [dry]);
    assert_eq!(listed(ledger, RunList { after: Some(first), ..all }).await, [failed, dry]);
    assert_eq!(listed(ledger, RunList { after: Some(first), deltas: true, limit: 2, ..all }).await, [single, dry]);
    assert_eq!(listed(ledger, RunList { after: Some(failed), ..all }).await, []);
}

async fn phases_and_shares_of_a_run_are_told(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=5)).await;
    assert_eq!(ledger.runs.run_work(run_id(at(0))).await.unwrap(), RunWork::default());
    let waiting = Share { worker: None, waiting: 3, in_hand: 0, applied: 0, members: 0, repeats: 0 };
    assert_eq!(ledger.runs.run_work(run).await.unwrap().shares, std::slice::from_ref(&waiting));

    take_up(ledger, run, at(1)).await;
    let claim =
        |worker: &'static str, batch, seconds| ledger.work.claim_batch(run, batch, worker, at(seconds), at(seconds) + LEASE);
    claim("lost", 0, 2).await.unwrap().expect("it is free");
    // Its lease runs out.
    let again = claim("one", 0, 20).await.unwrap().expect("it is free again");
    ledger.work.apply_batch(&again, &super::hand::to_apply(&again), at(21)).await.unwrap();
    claim("two", 1, 22).await.unwrap().expect("it is free");
    let work = ledger.runs.run_work(run).await.unwrap();
    let nothing = Share { waiting: 0, ..waiting.clone() };
    let one = Share { worker: Some("one".into()), applied: 1, members: 2, repeats: 1, ..nothing.clone() };
    let two = Share { worker: Some("two".into()), in_hand: 1, ..nothing };
    let waiting = Share { waiting: 1, ..waiting };
    assert_eq!((work.fetched_at, work.applied_at, work.shares), (None, None, vec![one, two, waiting]));

    apply(ledger, run, 1, at(40)).await;
    apply(ledger, run, 2, at(41)).await;
    claim_finish(ledger, run, at(42)).await;
    // A second claim of the finish moves nothing.
    claim_finish(ledger, run, at(60)).await;
    let work = ledger.runs.run_work(run).await.unwrap();
    assert_eq!((work.fetched_at, work.applied_at), (None, Some(at(42))));

    let mut fetched = List::new(at(100), &[], 1).run;
    (fetched.id, fetched.source) = (run_id(at(100)), Source::Discord);
    ledger.work.fail_run(run, &mishap(), at(100)).await.unwrap();
    ledger.filing.file_run(&fetched, &[], &[]).await.unwrap();
    assert_eq!(ledger.work.claim_run(fetched.id, at(101)).await.unwrap(), RunClaim::Fetch);
    let fetch = ledger.work.claim_fetch(fetched.id, at(101), at(101) + LEASE).await.unwrap().unwrap();
    ledger.work.end_fetch(&fetch, at(105)).await.unwrap();
    claim_finish(ledger, fetched.id, at(106)).await;
    let work = ledger.runs.run_work(fetched.id).await.unwrap();
    assert_eq!((work.fetched_at, work.applied_at), (Some(at(105)), Some(at(106))));
}

async fn why_a_step_was_tried_again_is_told(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=26)).await;
    take_up(ledger, run, at(1)).await;
    let told = || async {
        let work = ledger.runs.run_work(run).await.unwrap();
        let line = |one: &Trouble| format!("{} {} {} {}", one.batch, one.attempts, one.is_applied, one.error);
        (work.troubled, work.troubles.iter().map(line).collect::<Vec<_>>())
    };
    let claim =
        |worker: &'static str, batch, seconds| ledger.work.claim_batch(run, batch, worker, at(seconds), at(seconds) + LEASE);
    let mine = claim("one", 3, 2).await.unwrap().unwrap();
    assert_eq!(told().await, (0, Vec::new()), "nothing has gone wrong");
    let long = format!("the disk\u{0} said\nno {}", "x".repeat(1_000));
    ledger.work.release_batch(&mine, &long, false, at(3)).await.unwrap();
    let kept = format!("3 1 false the disk  said no {}", "x".repeat(282));
    assert_eq!(told().await, (1, vec![kept.clone()]));

    // It stays said while the batch is in hand again, and once it is applied.
    let mine = claim("one", 3, 4).await.unwrap().unwrap();
    assert_eq!(told().await.1, [kept.replace("3 1", "3 2")]);
    claim("two", 1, 4).await.unwrap().unwrap();
    let theirs = claim("three", 1, 20).await.unwrap().unwrap();
    let ran_out = "1 2 false the worker's lease ran out: it ended, broke down over this, or could not reach the database";
    ledger.work.apply_batch(&mine, &super::hand::to_apply(&mine), at(5)).await.unwrap();
    assert_eq!(told().await, (2, vec![ran_out.to_owned(), kept.replace("3 1 false", "3 2 true")]));

    // Who lost the batch has nothing to say of it any more.
    let lost = guildsync::store::BatchClaim { attempt: 1, ..theirs.clone() };
    ledger.work.release_batch(&lost, "too late", false, at(21)).await.unwrap();
    assert!(!ledger.work.blame_batch(&lost, "too late", at(30)).await.unwrap());
    assert!(ledger.work.blame_batch(&theirs, "it cannot be read", at(30)).await.unwrap());
    assert_eq!(told().await.1[0], "1 2 false it cannot be read");
    assert!(claim("four", 1, 30).await.unwrap().is_none(), "who says so keeps it claimed");

    for batch in 4..13 {
        let mine = claim("one", batch, 22).await.unwrap().unwrap();
        ledger.work.release_batch(&mine, "away", true, at(23)).await.unwrap();
    }
    let (all, some) = told().await;
    assert_eq!((all, some.len(), some[1].as_str()), (11, 10, "4 0 false away"));
}

async fn whom_a_run_holds_is_listed_by_id(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=9)).await;
    let run = file(ledger, at(10), &[member(1)]).await;
    carry_out(ledger, run, Guard { floor: 1, share: 0.1 }, at(11)).await;
    ledger.accounts.import(&[account("website", 7)], at(12)).await.unwrap();
    // A few are looked for in another way than many.
    let held = |after: Option<i64>, limit, text: &'static str| async move {
        let search = (!text.is_empty()).then(|| Search::new(text).unwrap());
        let mut found = Vec::new();
        for count in [8, 1_000_000] {
            let filter = MemberFilter { hold: Some(Hold { run, count }), search: search.clone(), ..MemberFilter::default() };
            let after = after.map(|number| MemberPlace { at: None, id: id(number) });
            let page = ledger.member_lists.list_members(&MemberView { filter, after, limit, ..MemberView::default() }).await;
            found.push(page.unwrap().rows.into_iter().map(|row| row.member.id.get()).collect::<Vec<_>>());
        }
        assert_eq!(found[0], found[1], "{text}");
        found.remove(0)
    };
    assert_eq!(held(None, 100, "").await, [2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(held(Some(3), 2, "").await, [4, 5]);
    assert_eq!(held(Some(9), 2, "").await, [0; 0]);
    for is_indexed in [false, true] {
        while is_indexed && ledger.upkeep.index_members(2).await.unwrap() {}
        assert_eq!(held(None, 100, "user").await, [2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(held(Some(2), 1, "USER").await, [3]);
        assert_eq!(held(None, 100, "user1").await, [0; 0], "who is not held");
        assert_eq!(held(None, 100, "website").await, [7]);
        assert_eq!(held(None, 100, "user7 website").await, [7]);
        assert_eq!(held(None, 100, "user8 website").await, [0; 0]);
    }
    ledger.execute("UPDATE held_departures SET outcome = 'dismissed' WHERE discord_id < 5").await;
    assert_eq!(held(None, 2, "").await, [5, 6]);
    assert_eq!(held(None, 2, "user").await, [5, 6]);
    let among = ledger.runs.members_among(&[3, 77, 1]).await.unwrap();
    assert_eq!(among.iter().map(|row| row.member.id.get()).collect::<Vec<_>>(), [1, 3]);
    // Another run holds nobody.
    let other = file(ledger, at(20), &members(1..=9)).await;
    carry_out(ledger, other, GUARD, at(21)).await;
    assert_eq!(held(None, 100, "").await, [0; 0], "a newer list has replaced the hold");
}

async fn many_who_are_held_are_searched_along_the_hold_or_by_their_names(ledger: &Ledger) {
    fill(ledger, &members(1..=1_400)).await;
    let run = List::new(at(10), &members(1..=100), 500).file(ledger).await;
    carry_out(ledger, run, Guard { floor: 1, share: 0.1 }, at(11)).await;
    let find = |text: &'static str, after: Option<i64>, is_descending, limit| async move {
        let hold = Some(Hold { run, count: 1_300 });
        let filter = MemberFilter { hold, search: Some(Search::new(text).unwrap()), ..MemberFilter::default() };
        let after = after.map(|number| MemberPlace { at: None, id: id(number) });
        let view =
            MemberView { filter, after, order: MemberOrder { is_descending, ..MemberOrder::default() }, limit, at_most: None };
        let found = ledger.member_lists.list_members(&view).await.unwrap();
        (found.rows.iter().map(|row| row.member.id.get()).collect::<Vec<_>>(), found.has_more)
    };
    for is_indexed in [false, true] {
        while is_indexed && ledger.upkeep.index_members(500).await.unwrap() {}
        // Some in the first window, and more in the next.
        let twelve: Vec<i64> = (120..=129).chain(1_200..=1_299).collect();
        assert_eq!(find("user12", None, false, 200).await, (twelve.clone(), false));
        assert_eq!(find("user12", None, false, 50).await, (twelve[..50].to_vec(), true));
        assert_eq!(find("user12", Some(1_239), false, 50).await, (twelve[50..100].to_vec(), true));
        let back: Vec<i64> = twelve[..50].iter().rev().copied().collect();
        assert_eq!(find("user12", Some(1_240), true, 50).await, (back, false));
        // Too rare for that.
        assert_eq!(find("user1399", None, false, 50).await, (vec![1_399], false));
        assert_eq!(find("399", None, false, 50).await, (vec![399, 1_399], false));
        assert_eq!(find("user99", None, false, 50).await, ((990..=999).collect(), false), "99 is not held");
        assert_eq!(find("nobody", None, true, 50).await, (Vec::new(), false));
    }
}

async fn a_session_that_is_only_looked_at_is_not_used(ledger: &Ledger) {
    use chrono::TimeDelta;
    let staff = guildsync::store::NewStaff { username: "root".into(), password_hash: "x".into(), is_superuser: true };
    let account = ledger.accounts.create_staff(&staff, at(0)).await.unwrap().unwrap();
    let limits = guildsync::store::SessionLimits { idle: TimeDelta::minutes(30), max: TimeDelta::hours(12) };
    ledger.sessions.open_session(&[7; 32], account.id, at(0)).await.unwrap();
    let look = |minutes: i64| ledger.sessions.look_at_session(&[7; 32], limits, at(minutes * 60));
    assert_eq!(look(29).await.unwrap(), Some(account.clone()));
    assert_eq!(look(31).await.unwrap(), None, "the look at 29 minutes was no use");
    assert_eq!(ledger.sessions.session(&[7; 32], limits, at(29 * 60)).await.unwrap(), Some(account));
    assert!(look(31).await.unwrap().is_some());
    ledger.execute("UPDATE users SET is_active = (1 = 0)").await;
    assert_eq!(look(31).await.unwrap(), None);
}
