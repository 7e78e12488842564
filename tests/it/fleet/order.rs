//! Many lists at once take turns: rule 5.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;

use guildsync::domain::{Clock as _, SystemClock};

use super::ledger::Ledger;
use super::lists::{self, List};
use super::uploads::Upload;
use super::{Site, assert_all_created};
use crate::support::{eventually, postgres, sqlite};

const LISTS: i32 = 8;

/// Posts eight lists at once, each of another minute of the same guild, and checks what came of them.
async fn eight_at_once(site: &Site, database: &str) {
    let mut guild = lists::guild(1_000);
    let now = SystemClock.now();
    let rosters: Vec<List> = (0..LISTS)
        .map(|place| {
            guild.churn(now + TimeDelta::minutes(i64::from(place)));
            List::observed(guild.roster().to_vec(), TimeDelta::minutes(i64::from(LISTS - place)))
        })
        .collect();
    let served = site.serve("http,worker").await;
    let answers = join_all(rosters.iter().map(|roster| served.door.posting(roster.file()))).await;

    let ledger = Ledger::of(database);
    for (roster, answer) in rosters.iter().zip(answers) {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        let counts = |name: &str| answer.body[name].as_u64().unwrap();
        let listed = roster.len() as u64;
        assert_eq!(counts("total_received"), listed, "{answer:?}");
        match answer.body["state"].as_str().unwrap() {
            "succeeded" => {
                assert_eq!(counts("created") + counts("updated"), listed, "{answer:?}");
                assert_eq!(counts("total_active"), listed, "{answer:?}");
            }
            "superseded" => assert_eq!((counts("created"), counts("updated"), counts("marked_left")), (0, 0, 0), "{answer:?}"),
            state => panic!("{state}"),
        }
    }
    assert!(ledger.present().await == rosters.last().unwrap().names(), "those present are not those of the latest list");

    let none = |what: &str| format!("SELECT count(*) FROM sync_runs a JOIN sync_runs b ON a.id <> b.id WHERE {what}");
    let overlapping =
        none("a.state = 'succeeded' AND b.state = 'succeeded' AND a.started_at < b.finished_at AND b.started_at < a.finished_at");
    assert_eq!(ledger.number(&overlapping).await, 0, "two runs were applied at the same time");
    let backwards = none(
        "a.state = 'succeeded' AND b.state = 'succeeded' AND a.observed_at < b.observed_at AND b.finished_at < a.finished_at",
    );
    assert_eq!(ledger.number(&backwards).await, 0, "an older list was applied after a newer one");
    let unfounded = "SELECT count(*) FROM sync_runs a WHERE a.state = 'superseded' AND NOT EXISTS (
         SELECT 1 FROM sync_runs b WHERE b.state = 'succeeded' AND b.observed_at > a.observed_at AND b.finished_at <= a.finished_at)";
    assert_eq!(ledger.number(unfounded).await, 0, "a list was superseded by none");
    assert_eq!(ledger.number("SELECT count(*) FROM sync_runs").await, i64::from(LISTS));
}

#[tokio::test]
async fn eight_lists_at_once_take_turns_and_the_latest_evidence_wins() {
    let guild = lists::guild(1_000).id();
    let database = postgres::database().await;
    eight_at_once(&Site::new(database.url(), guild).with_redis().batches_of(100), database.url()).await;
    let database = sqlite::sqlite();
    eight_at_once(&Site::new(&database.url(), guild).batches_of(100), &database.url()).await;
}

#[tokio::test]
async fn a_list_that_waits_for_its_turn_to_upload_is_as_old_as_its_request() {
    let (guild, list) = lists::list(1_000);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).batches_of(100).set("GUILDSYNC__API__MAX_UPLOADS", "1");
    let alone = site.serve("http,worker").await;
    let mut first = Upload::begin(&alone.door, list.file()).await;
    first.send_half().await;
    eventually("the first has its turn", async || ledger.number("SELECT count(*) FROM sync_batches").await > 0).await;

    let second = alone.door.posting(list.file());
    // Requests behind it are answered, so it has long been waiting for its turn.
    for _ in 0..50 {
        assert_eq!(alone.door.get("/readyz").await.status, 200);
    }
    assert!(!second.is_finished());
    let later = SystemClock.now();
    drop(first);
    let answer = second.await.unwrap();
    assert_all_created(&answer, list.len());
    let run = alone.door.run(&answer.run()).await;
    let observed: DateTime<Utc> = run["observed_at"].as_str().unwrap().parse().unwrap();
    assert!(observed < later, "{observed} is not before {later}");
}
