//! What PostgreSQL's planner knows of the members: as much as there are, long before autovacuum tells it.

use guildsync::domain::Seen;

use super::Ledger;
use super::hand::{List, apply_all, at, carry_out_small, member, members, tell};
use crate::support::eventually;

const KNOWN: &str = "SELECT reltuples::bigint FROM pg_class WHERE oid = 'guild_members'::regclass";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_planner_knows_of_those_whom_a_flood_has_made() {
    let ledger = Ledger::postgres().await;
    assert_eq!(ledger.number(KNOWN).await, -1, "nobody has looked at it");
    for part in 0..5 {
        let seen = (part * 500 + 1..=part * 500 + 500).map(|number| Seen::Present(member(number))).collect();
        let run = tell(&ledger, 10 + part, seen).await;
        carry_out_small(&ledger, run, at(20)).await;
    }
    eventually("it knows of them", async || ledger.number(KNOWN).await >= 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_planner_knows_of_those_whom_a_list_has_made() {
    let ledger = Ledger::postgres().await;
    let run = List::new(at(0), &members(1..=3_000), 1_000).file(&ledger).await;
    apply_all(&ledger, run, at(0)).await;
    eventually("it knows of them", async || ledger.number(KNOWN).await >= 1_000).await;
}
