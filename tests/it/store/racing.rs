//! Several writers at once: whatever the order, the rows and the counts agree.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use guildsync::domain::{Counts, RunState};
use guildsync::store::{Backend, BatchApplied, BatchClaim, Claim, ImportRow, StoreError, Work};
use tokio::task::JoinHandle;

use super::Ledger;
use super::hand::{
    GUARD, List, apply, at, claim, claim_finish, file, id, members, mishap, read, renamed, row, rows, sync, take_up, to_apply,
};
use crate::support::eventually;

on_both!(
    two_batches_of_a_run_are_applied_at_once,
    an_import_and_a_run_write_the_same_rows,
    a_row_that_someone_else_makes_meanwhile_is_deferred,
    a_row_that_someone_else_changes_meanwhile_is_deferred,
    a_run_fails_while_its_batches_are_applied,
);

fn applying(ledger: &Ledger, claim: BatchClaim, now: DateTime<Utc>) -> JoinHandle<Result<BatchApplied, StoreError>> {
    let work: Arc<dyn Work> = ledger.work.clone();
    tokio::spawn(async move { work.apply_batch(&claim, &to_apply(&claim), now).await })
}

async fn two_batches_of_a_run_are_applied_at_once(ledger: &Ledger) {
    sync(ledger, at(0), &members((1..=200).filter(|n| n % 2 == 0))).await;
    for round in 1..=25 {
        // Neighbours in alternate batches, so that both touch the same pages; the even ones change their name.
        let name = format!("round {round}");
        let entries: Vec<_> = (0..2)
            .flat_map(|half| (1..=200).filter(move |n| n / 2 % 2 == half))
            .map(|n| renamed(n, if n % 2 == 0 { &name } else { "same" }))
            .collect();
        let now = at(round * 100);
        let run = List::new(now, &entries, 100).file(ledger).await;
        assert_eq!(take_up(ledger, run, now).await, 2);
        let tasks =
            [claim(ledger, run, 0, now).await, claim(ledger, run, 1, now).await].map(|claim| applying(ledger, claim, now));
        let mut sum = Counts::default();
        let mut last = false;
        for task in tasks {
            let done = task.await.unwrap().unwrap();
            sum.created += done.counts.created;
            sum.updated += done.counts.updated;
            sum.unchanged += done.counts.unchanged;
            last |= done.remaining == 0;
        }
        assert!(last, "one of them must see that the other is done");
        let new = if round == 1 { 100 } else { 0 };
        let expected = Counts { created: new, updated: 200 - new, unchanged: 100 - new, ..Counts::default() };
        assert_eq!(sum, expected, "round {round}");
        let finish = claim_finish(ledger, run, now).await;
        let done = ledger.work.finish_run(&finish, GUARD, now).await.unwrap();
        assert_eq!((done.counts.created, done.counts.updated, done.counts.unchanged), (new, 200 - new, 100 - new));
        assert!(rows(ledger).await.iter().all(|row| row.member.id.get() % 2 == 1 || row.member.username == name));
    }
}

/// Tries again what a database may refuse for the moment, as worker and operator do; nothing was changed by such a try.
async fn until_done<T>(mut what: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    for _ in 0..20 {
        match what().await {
            Ok(done) => return done,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
    panic!("refused twenty times");
}

async fn an_import_and_a_run_write_the_same_rows(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=300)).await;
    for round in 1..=10 {
        let now = at(round * 100);
        let entries: Vec<_> = (1..=300).map(|n| renamed(n, &format!("round {round}"))).collect();
        let run = List::new(now, &entries, 300).file(ledger).await;
        take_up(ledger, run, now).await;
        let held = claim(ledger, run, 0, now).await;
        // Every account takes the id of the next one, so that every link moves.
        let accounts: Vec<ImportRow> = (1..=300)
            .map(|n| ImportRow {
                username: format!("a{n}"),
                email: String::new(),
                discord_id: Claim::Id(id((n + round) % 300 + 1)),
            })
            .collect();
        let applying = until_done(async || ledger.work.apply_batch(&held, &to_apply(&held), now).await);
        let importing = until_done(async || ledger.accounts.import(&accounts, now).await);
        let (applied, imported) = tokio::join!(applying, importing);
        assert_eq!(imported.conflicts, 0);
        assert_eq!(applied.counts, Counts { updated: 300, ..Counts::default() });
        let finish = claim_finish(ledger, run, now).await;
        let done = ledger.work.finish_run(&finish, GUARD, now).await.unwrap();
        assert_eq!((done.counts.linked, done.counts.unlinked), (0, 0), "the import has done it");
        for row in rows(ledger).await {
            let n = row.member.id.get();
            let account = (1..=300).find(|account| (account + round) % 300 + 1 == n).unwrap();
            assert_eq!(row.account.map(|(_, name)| name), Some(format!("a{account}")));
            assert_eq!(row.member.username, format!("round {round}"));
        }
    }
}

/// In PostgreSQL, waits until so many statements wait for a lock. In SQLite a writer that waits cannot be seen, and the outcome is the
/// same whichever comes first.
async fn waiting(ledger: &Ledger, statements: i64) {
    if ledger.backend() == Backend::Postgres {
        let query = "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()";
        eventually("the statements wait", async || ledger.number(query).await >= statements).await;
    }
}

fn insert_row(ledger: &Ledger, number: i64) -> String {
    format!(
        "INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, roles, is_bot, date_created, date_modified, \
         observed_at) VALUES ({number}, 'theirs', '', '', '', '[]', {}, {now}, {now}, {now})",
        if ledger.backend() == Backend::Postgres { "false" } else { "0" },
        now = ledger.literal(at(500)),
    )
}

async fn a_row_that_someone_else_makes_meanwhile_is_deferred(ledger: &Ledger) {
    let run = List::new(at(100), &members(1..=5), 5).file(ledger).await;
    take_up(ledger, run, at(100)).await;
    let held = claim(ledger, run, 0, at(100)).await;
    let mut other = ledger.raw().await;
    let begin = if ledger.backend() == Backend::Postgres { "BEGIN" } else { "BEGIN IMMEDIATE" };
    other.execute(begin).await;
    other.execute(&insert_row(ledger, 3)).await;
    let task = applying(ledger, held, at(101));
    waiting(ledger, 1).await;
    other.execute("COMMIT").await;
    let done = task.await.unwrap().unwrap();
    assert_eq!(done.counts, Counts { created: 4, updated: 1, deferred: 1, ..Counts::default() });
    assert_eq!(row(ledger, 3).await.member.username, "theirs");
    assert_eq!(rows(ledger).await.len(), 5);
    assert_eq!(read(ledger, run).await.counts.created, 4);
}

async fn a_row_that_someone_else_changes_meanwhile_is_deferred(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=5)).await;
    let entries: Vec<_> = (1..=6).map(|n| renamed(n, "ours")).collect();
    let run = List::new(at(100), &entries, 6).file(ledger).await;
    take_up(ledger, run, at(100)).await;
    let held = claim(ledger, run, 0, at(100)).await;
    let mut other = ledger.raw().await;
    let begin = if ledger.backend() == Backend::Postgres { "BEGIN" } else { "BEGIN IMMEDIATE" };
    other.execute(begin).await;
    let theirs = format!(
        "UPDATE guild_members SET username = 'theirs', observed_at = {} WHERE discord_id IN (2, 4)",
        ledger.literal(at(500))
    );
    other.execute(&theirs).await;
    let task = applying(ledger, held, at(101));
    waiting(ledger, 1).await;
    other.execute("COMMIT").await;
    let done = task.await.unwrap().unwrap();
    assert_eq!(done.counts, Counts { created: 1, updated: 5, deferred: 2, ..Counts::default() });
    let names: Vec<String> = rows(ledger).await.into_iter().map(|row| row.member.username).collect();
    assert_eq!(names, ["ours", "theirs", "ours", "theirs", "ours", "ours"]);
}

/// A batch that is about to commit while its run is failed: either it is part of what the failed run says it did, or it has no effect.
async fn a_run_fails_while_its_batches_are_applied(ledger: &Ledger) {
    let run = file(ledger, at(0), &members(1..=4)).await;
    take_up(ledger, run, at(1)).await;
    apply(ledger, run, 0, at(2)).await;
    let held = claim(ledger, run, 1, at(2)).await;
    let mut gate = ledger.raw().await;
    if ledger.backend() == Backend::Postgres {
        // The commit of the batch stops at a gate.
        gate.execute(
            "CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NEW; END $$;
             CREATE CONSTRAINT TRIGGER gate AFTER UPDATE ON sync_batches DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW WHEN (NEW.state = 'applied') EXECUTE FUNCTION wait_at_gate();
             SELECT pg_advisory_lock(4711);",
        )
        .await;
    }
    let task = applying(ledger, held, at(3));
    waiting(ledger, 1).await;
    let work = ledger.work.clone();
    let failing = tokio::spawn(async move { work.fail_run(run, &mishap(), at(4)).await });
    if ledger.backend() == Backend::Postgres {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        eventually("the end waits for the batch or is done", async || failing.is_finished() || ledger.number(query).await >= 2)
            .await;
        gate.execute("SELECT pg_advisory_unlock(4711)").await;
    }
    failing.await.unwrap().unwrap();
    let applied = task.await.unwrap();
    assert!(matches!(applied, Ok(_) | Err(StoreError::ClaimLost)), "{applied:?}");
    let run = read(ledger, run).await;
    let there = i64::try_from(rows(ledger).await.len()).unwrap();
    assert_eq!((run.state, run.counts.created), (RunState::Failed, there));
    assert_eq!(run.progress.members_done, there);
}
