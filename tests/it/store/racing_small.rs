//! Small runs and logins at once: those of different members do not wait for each other, those of one member do, and nothing is lost over it.

use std::sync::Arc;

use guildsync::domain::{Member, RunId, Seen};
use guildsync::store::{Backend, DiscordLogin, Finished, StoreError, Work};
use tokio::task::JoinHandle;

use super::hand::{GUARD, at, claim_finish, id, member, members, row, rows, sync, tell};
use super::{Ledger, Raw};
use crate::support::eventually;

on_both!(
    who_speaks_of_others_is_not_waited_for,
    a_login_waits_for_who_speaks_of_the_person,
    how_many_are_present_is_right_after_many_at_once,
    the_first_of_all_are_counted_once,
    a_row_that_a_batch_makes_meanwhile_is_met_at_once,
);

fn gone(number: i64) -> Seen {
    Seen::Gone { id: id(number), user: None }
}

async fn finishing(ledger: &Ledger, run: RunId, seconds: i64) -> JoinHandle<Result<Finished, StoreError>> {
    let claim = claim_finish(ledger, run, at(seconds)).await;
    let work: Arc<dyn Work> = ledger.work.clone();
    tokio::spawn(async move { work.finish_run(&claim, GUARD, at(seconds)).await })
}

fn login(number: i64) -> DiscordLogin {
    DiscordLogin { id: id(number), username: format!("account{number}"), email: None }
}

/// Holds a small run up at a moment when it has locked its members. SQLite has one writer, whom nothing can hold up there.
async fn hold(ledger: &Ledger, run: RunId) -> Raw {
    let mut gate = ledger.raw().await;
    if ledger.backend() == Backend::Postgres {
        gate.execute(&format!("BEGIN; SELECT FROM sync_runs WHERE id = '{run}' FOR UPDATE")).await;
    }
    gate
}

async fn release(ledger: &Ledger, gate: &mut Raw) {
    if ledger.backend() == Backend::Postgres {
        gate.execute("COMMIT").await;
    }
}

async fn waiting(ledger: &Ledger, statements: i64) {
    if ledger.backend() == Backend::Postgres {
        let query = "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()";
        eventually("the statements wait", async || ledger.number(query).await >= statements).await;
    }
}

async fn who_speaks_of_others_is_not_waited_for(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=4)).await;
    let (slow, quick) = (tell(ledger, 10, vec![gone(1)]).await, tell(ledger, 11, vec![gone(2)]).await);
    let slow_claimed = claim_finish(ledger, slow, at(12)).await;
    let mut gate = hold(ledger, slow).await;
    let work: Arc<dyn Work> = ledger.work.clone();
    let slow = tokio::spawn(async move { work.finish_run(&slow_claimed, GUARD, at(12)).await });
    waiting(ledger, 1).await;
    let done = finishing(ledger, quick, 13).await.await.unwrap().unwrap();
    assert_eq!(done.counts.marked_left, 1);
    ledger.accounts.log_in_with_discord(&login(3), at(14)).await.unwrap();
    assert_eq!(row(ledger, 3).await.account.map(|(_, name)| name).as_deref(), Some("account3"));
    release(ledger, &mut gate).await;
    assert_eq!(slow.await.unwrap().unwrap().counts.marked_left, 1);
}

async fn a_login_waits_for_who_speaks_of_the_person(ledger: &Ledger) {
    sync(ledger, at(0), &members(1..=1)).await;
    let run = tell(ledger, 10, vec![Seen::Present(member(5))]).await;
    let claimed = claim_finish(ledger, run, at(11)).await;
    let mut gate = hold(ledger, run).await;
    let work: Arc<dyn Work> = ledger.work.clone();
    let telling = tokio::spawn(async move { work.finish_run(&claimed, GUARD, at(11)).await });
    waiting(ledger, 1).await;
    let accounts = ledger.accounts.clone();
    let logging_in = tokio::spawn(async move { accounts.log_in_with_discord(&login(5), at(12)).await });
    // Neither knows of the other yet; whoever comes second must.
    waiting(ledger, 2).await;
    release(ledger, &mut gate).await;
    telling.await.unwrap().unwrap();
    logging_in.await.unwrap().unwrap();
    assert_eq!(row(ledger, 5).await.account.map(|(_, name)| name).as_deref(), Some("account5"));
}

async fn how_many_are_present_is_right_after_many_at_once(ledger: &Ledger) {
    let before = sync(ledger, at(0), &members(1..=40)).await.counts.total_active;
    let mut tasks = Vec::new();
    for number in 1..=20 {
        let run =
            tell(ledger, 10, vec![gone(number), Seen::Present(member(100 + number)), Seen::Present(member(200 + number))]).await;
        tasks.push(finishing(ledger, run, 11).await);
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(ledger.read.member_totals().await.unwrap().present, before + 20);
    let last = tell(ledger, 12, vec![gone(40)]).await;
    assert_eq!(finishing(ledger, last, 12).await.await.unwrap().unwrap().counts.total_active, before + 19);
}

/// Before the first of them nobody has been counted.
async fn the_first_of_all_are_counted_once(ledger: &Ledger) {
    let mut tasks = Vec::new();
    for number in 1..=10 {
        let run = tell(ledger, 10, vec![Seen::Present(Member { is_bot: false, ..member(number) })]).await;
        tasks.push(finishing(ledger, run, 11).await);
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let last = tell(ledger, 12, vec![gone(1)]).await;
    assert_eq!(finishing(ledger, last, 12).await.await.unwrap().unwrap().counts.total_active, 9);
    assert_eq!(rows(ledger).await.len(), 10);
}

/// A batch makes the row that a delta was about to make: the delta is carried out all the same, at once, on the row that there is now.
async fn a_row_that_a_batch_makes_meanwhile_is_met_at_once(ledger: &Ledger) {
    if ledger.backend() == Backend::Sqlite {
        return;
    }
    let run = tell(ledger, 10, vec![gone(1)]).await;
    let claimed = claim_finish(ledger, run, at(11)).await;
    let mut batch = ledger.raw().await;
    batch
        .execute(&format!(
            "BEGIN; INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, roles, is_bot, date_created, \
             date_modified, observed_at) VALUES (1, 'listed', '', '', '', '[]', false, {now}, {now}, {now})",
            now = ledger.literal(at(5))
        ))
        .await;
    let work: Arc<dyn Work> = ledger.work.clone();
    let telling = tokio::spawn(async move { work.finish_run(&claimed, GUARD, at(11)).await });
    waiting(ledger, 1).await;
    batch.execute("COMMIT").await;
    let done = telling.await.unwrap().unwrap();
    assert_eq!((done.counts.updated, done.counts.marked_left), (1, 1));
    assert_eq!(row(ledger, 1).await.member.username, "listed");
}
