//! Schema, identity, duties, heartbeats.

use std::time::Duration;

use guildsync::domain::DiscordId;
use guildsync::store::{Jobs, Lease, Process, StoreError, open};
use tokio::task::JoinSet;

use super::Ledger;
use super::hand::{LEASE, MICRO, at, id, sync};
use crate::support;

on_both!(
    a_second_migration_does_nothing,
    a_database_belongs_to_one_guild,
    a_duty_has_one_holder,
    of_many_that_want_a_duty_one_gets_it,
    processes_show_themselves,
    a_ledger_that_was_closed_says_so,
);

async fn a_second_migration_does_nothing(ledger: &Ledger) {
    sync(ledger, at(0), &super::hand::members(1..=3)).await;
    assert_eq!(ledger.upkeep.pending_migrations().await.unwrap(), 0);
    assert_eq!(ledger.upkeep.migrate().await.unwrap(), 0);
    assert_eq!(super::hand::rows(ledger).await.len(), 3);
    ledger.read.ping().await.unwrap();
    let version = ledger.upkeep.version().await.unwrap();
    let (name, number) = version.split_once(' ').unwrap();
    assert!(["PostgreSQL", "SQLite"].contains(&name) && number.starts_with(|c: char| c.is_ascii_digit()), "{version}");
}

/// Four processes that start together on an empty database.
async fn migrate_at_once(url: &str) {
    let mut processes = JoinSet::new();
    for _ in 0..4 {
        let connect = super::connect(url);
        processes.spawn(async move {
            let stores = open(&connect).await.unwrap();
            let applied = stores.upkeep.migrate().await.unwrap();
            assert_eq!(stores.upkeep.pending_migrations().await.unwrap(), 0);
            stores.read.runs(true, 1).await.unwrap();
            applied
        });
    }
    let applied: Vec<usize> = processes.join_all().await;
    let all = applied.iter().copied().max().unwrap();
    assert!(all > 0, "{applied:?}");
    assert_eq!(applied.iter().sum::<usize>(), all, "one has applied them all: {applied:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_migrated_once_however_many_start() {
    let database = support::postgres::empty_database().await;
    let stores = open(&super::connect(database.url())).await.unwrap();
    assert!(stores.upkeep.pending_migrations().await.unwrap() > 0);
    migrate_at_once(database.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_may_take_longer_than_other_statements() {
    let database = support::postgres::empty_database().await;
    let mut hasty = super::connect(database.url());
    hasty.statement_timeout = Duration::from_millis(1);
    open(&hasty).await.unwrap().upkeep.migrate().await.unwrap();
    let stores = open(&super::connect(database.url())).await.unwrap();
    assert_eq!(stores.upkeep.pending_migrations().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_migrated_once_however_many_start() {
    let place = support::sqlite::sqlite();
    migrate_at_once(&place.url()).await;
}

async fn a_database_belongs_to_one_guild(ledger: &Ledger) {
    assert_eq!(ledger.upkeep.guild().await.unwrap(), None);
    let guild: DiscordId = id(111_222_333);
    for _ in 0..2 {
        ledger.upkeep.bind_guild(guild).await.unwrap();
    }
    let refused = ledger.upkeep.bind_guild(id(444)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)), "{refused:?}");
    let said = refused.to_string();
    for part in ["111222333", "444", "GUILD_ID"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(ledger.upkeep.guild().await.unwrap(), Some(guild));
}

async fn take(ledger: &Ledger, name: &str, holder: &str, now: chrono::DateTime<chrono::Utc>) -> bool {
    ledger.upkeep.take_lease(&Lease { name, holder, until: now + LEASE }, now).await.unwrap()
}

async fn a_duty_has_one_holder(ledger: &Ledger) {
    assert!(take(ledger, "sweeper", "one", at(0)).await);
    assert!(take(ledger, "sweeper", "one", at(2)).await, "its holder keeps it");
    assert!(!take(ledger, "sweeper", "other", at(2)).await);
    assert!(take(ledger, "leader", "other", at(2)).await, "another duty");
    assert!(!take(ledger, "sweeper", "other", at(2) + LEASE).await, "the lease holds to its end");
    assert!(take(ledger, "sweeper", "other", at(2) + LEASE + MICRO).await);
    assert!(!take(ledger, "sweeper", "one", at(9)).await);

    ledger.upkeep.drop_lease("sweeper", "one").await.unwrap();
    assert!(!take(ledger, "sweeper", "one", at(9)).await, "it had no duty to let go of");
    ledger.upkeep.drop_lease("sweeper", "other").await.unwrap();
    assert!(take(ledger, "sweeper", "one", at(9)).await);
    assert!(take(ledger, "leader", "other", at(9)).await);
}

async fn of_many_that_want_a_duty_one_gets_it(ledger: &Ledger) {
    for round in 0..5 {
        let mut wishes = JoinSet::new();
        for n in 0..8 {
            let upkeep = ledger.upkeep.clone();
            let now = at(round * 100);
            wishes.spawn(async move {
                let holder = format!("process {n}");
                upkeep.take_lease(&Lease { name: "sweeper", holder: &holder, until: now + LEASE }, now).await.unwrap()
            });
        }
        assert_eq!(wishes.join_all().await.into_iter().filter(|got| *got).count(), 1);
    }
}

async fn processes_show_themselves(ledger: &Ledger) {
    let (host, roles, version) = ("höst".to_owned(), "http,worker".to_owned(), "0.1.0".to_owned());
    let one = Process { id: "one".into(), host, roles, version, started_at: at(5), seen_at: at(10), jobs: Jobs::default() };
    let other = Process { id: "other".into(), started_at: at(2), seen_at: at(20), ..one.clone() };
    for process in [&one, &other] {
        ledger.upkeep.beat(process).await.unwrap();
    }
    assert_eq!(ledger.read.processes(at(9)).await.unwrap(), [other.clone(), one.clone()], "by their start");
    assert_eq!(ledger.read.processes(at(10)).await.unwrap(), std::slice::from_ref(&other));
    let later = Process { seen_at: at(30), jobs: Jobs { in_hand: 2, done: 3_000_000_000, failed: 1 }, ..one };
    ledger.upkeep.beat(&later).await.unwrap();
    assert_eq!(ledger.read.processes(at(25)).await.unwrap(), std::slice::from_ref(&later));
    for _ in 0..2 {
        ledger.upkeep.retire("other").await.unwrap();
        assert_eq!(ledger.read.processes(at(0)).await.unwrap(), std::slice::from_ref(&later));
    }
}

async fn a_ledger_that_was_closed_says_so(ledger: &Ledger) {
    ledger.upkeep.close().await.unwrap();
    let gone = ledger.read.ping().await.unwrap_err();
    assert!(gone.is_transient(), "{gone:?}");
    ledger.upkeep.close().await.unwrap();
}
