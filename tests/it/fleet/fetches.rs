//! A list is fetched from Discord while a worker dies: another one goes on behind the last page, and Discord's limits are kept by both.

use std::time::Duration;

use super::ledger::Ledger;
use super::{KEY, Site, assert_one_run_created, read};
use crate::support::discord::{self, Fake, Route, TOKEN};
use crate::support::postgres;

const MEMBERS: usize = 12_000;

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_a_fetch_is_followed_by_another_within_one_budget() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put_many(1_000_000, MEMBERS as u64);
        // Twelve pages take two seconds and more.
        world.limits.set(Route::Members, 5, Duration::from_secs(1));
    });
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let guild = i64::try_from(discord::GUILD).unwrap().try_into().unwrap();
    let site = Site::new(database.url(), guild).with_redis().set("DISCORD_TOKEN", TOKEN).set("DISCORD_API_URL", fake.url());
    let mut first = site.serve("http,worker").await;
    let wish = reqwest::Client::new()
        .post(format!("http://{}/api/dbot/sync_runs", first.door.address))
        .header("X-API-Key", KEY)
        .header("X-Guild-Id", discord::GUILD.to_string())
        .header("Content-Type", "application/json")
        .body(r#"{"source":"discord"}"#);
    let begun = read(wish.send().await.unwrap()).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    ledger.wait_for("two pages are staged", 2, "SELECT batches_total FROM sync_runs").await;
    first.process.sigkill();
    first.process.wait().await;
    let staged = ledger.number("SELECT batches_total FROM sync_runs").await;
    assert!(staged < 12, "it was not killed in the middle");

    let second = site.serve("http,worker").await;
    assert_one_run_created(&second.door, &ledger, &begun.run(), MEMBERS).await;
    fake.world(|world| {
        let asked = world.asked(Route::Members).count();
        assert!(asked <= 14, "{asked} pages were asked for, of 12: the second worker began anew");
        assert!(world.limits.violations.is_empty(), "{:?}", world.limits.violations);
    });
}
