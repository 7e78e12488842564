//! Many lists at once take turns: rule 5.

use chrono::TimeDelta;
use futures::future::join_all;

use guildsync::domain::{Clock as _, SystemClock};

use super::Site;
use super::ledger::Ledger;
use super::lists::{self, List};
use crate::support::{postgres, sqlite};

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
