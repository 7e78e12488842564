//! Small runs (a leave, a decision) survive the end of their process, too, and have their effect once.

use super::latch::Latch;
use super::ledger::Ledger;
use super::lists::{self, List};
use super::{KEY, Serving, Site, read};
use crate::support::postgres;

impl Serving {
    /// Posts to an address of the API without waiting for the run; answers its id.
    pub(super) async fn act(&self, path: &str) -> String {
        let request = reqwest::Client::new()
            .post(format!("http://{}/api/dbot/{path}", self.door.address))
            .header("X-API-Key", KEY)
            .header("X-Guild-Id", self.door.guild.to_string())
            .header("Prefer", "respond-async");
        let answer = read(request.send().await.unwrap()).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.run()
    }
}

#[tokio::test]
async fn a_decision_that_is_killed_in_the_middle_comes_about_once() {
    const MEMBERS: usize = 300;
    const PRESENT: &str = "SELECT count(*) FROM guild_members WHERE date_left IS NULL";
    let (guild, list) = lists::list(MEMBERS);
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = Site::new(database.url(), guild).with_redis();
    let mut first = site.serve("http,worker").await;
    first.door.post(list.file()).await;
    let short = List::of(lists::guild(MEMBERS).roster()[..100].to_vec());
    let held = first.door.post(short.file()).await;
    assert_eq!((&held.body["state"], &held.body["departures_held"]), (&"held".into(), &200.into()), "{held:?}");

    // It has begun, and waits for the guild's turn.
    let latch = Latch::on_turns(database.url()).await;
    let decision = first.act(&format!("sync_runs/{}/apply_departures", held.run())).await;
    ledger
        .wait_for("the decision is claimed", 1, "SELECT count(*) FROM sync_runs WHERE mode = 'delta' AND state = 'finishing'")
        .await;
    first.process.sigkill();
    first.process.wait().await;
    assert_eq!(ledger.number(PRESENT).await, 300);
    latch.release().await;

    let second = site.serve("http,worker").await;
    let leave = second.act(&format!("member_left/{}", list.id(0))).await;
    let ended = "SELECT count(*) FROM sync_runs WHERE mode = 'delta' AND state = 'succeeded'";
    ledger.wait_for("both have ended", 2, ended).await;
    assert_eq!(ledger.number(PRESENT).await, 99);
    let done = second.door.run(&decision).await;
    assert_eq!((&done["counts"]["marked_left"], &done["counts"]["departures_held"]), (&200.into(), &0.into()), "{done}");
    let events = format!("SELECT count(*) FROM member_events WHERE action = 'left' AND run_id = '{}'", held.run());
    assert_eq!(ledger.number(&events).await, 200, "each departure stands once in history");
    assert_eq!(second.door.run(&leave).await["counts"]["marked_left"], 1);
}
