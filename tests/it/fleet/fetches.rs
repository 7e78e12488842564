//! A list is fetched from Discord while a worker dies or stops: another one goes on behind the last page, and Discord's limits are kept by both.

use std::time::Duration;

use super::ledger::Ledger;
use super::{Answer, Door, KEY, Site, assert_one_run_created, read};
use crate::support::discord::{self, Fake, Route, TOKEN, Trouble, When, World};
use crate::support::eventually;
use crate::support::{postgres, sqlite};

const MEMBERS: usize = 12_000;

/// An installation whose processes ask this Discord.
fn asking(fake: &Fake, database: &str) -> Site {
    let guild = i64::try_from(discord::GUILD).unwrap().try_into().unwrap();
    Site::new(database, guild).with_redis().set("DISCORD_TOKEN", TOKEN).set("DISCORD_API_URL", fake.url())
}

/// Wishes for a list from Discord.
async fn wish(door: &Door) -> Answer {
    let wish = reqwest::Client::new()
        .post(format!("http://{}/api/dbot/sync_runs", door.address))
        .header("X-API-Key", KEY)
        .header("X-Guild-Id", discord::GUILD.to_string())
        .header("Content-Type", "application/json")
        .body(r#"{"source":"discord"}"#);
    let begun = read(wish.send().await.unwrap()).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    begun
}

const ATTEMPTS: &str = "SELECT CAST(attempts AS bigint) FROM sync_runs ORDER BY id DESC LIMIT 1";
const STAGED: &str = "SELECT batches_total FROM sync_runs";

#[tokio::test]
async fn workers_that_stop_in_the_middle_of_a_fetch_hand_it_on_without_blame() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put_many(1_000_000, MEMBERS as u64);
        world.limits.set(Route::Members, 1, Duration::from_secs(1));
    });
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = asking(&fake, database.url());
    let front = site.serve("http").await;
    let mut worker = site.serve("worker").await;
    let begun = wish(&front.door).await;
    for _ in 0..3 {
        let next = site.serve("worker").await;
        let before = ledger.number(STAGED).await;
        eventually("the worker is at it", async || ledger.number(STAGED).await > before).await;
        worker.process.sigterm();
        assert!(worker.process.wait().await.success());
        let staged = ledger.number(STAGED).await;
        assert!(staged < 12, "it was not stopped in the middle");
        worker = next;
        eventually("the next goes on", async || ledger.number(STAGED).await > staged).await;
        assert_eq!(ledger.number(ATTEMPTS).await, 1, "only the present claim counts");
        assert!(!worker.rang_again(), "the next one heard of it at once");
    }
    fake.world(|world| world.limits.set(Route::Members, 1_000, Duration::from_secs(1)));
    assert_one_run_created(&front.door, &ledger, &begun.run(), MEMBERS).await;
    assert!(fake.world(|world| world.asked(Route::Members).count()) <= 15, "one began anew");
}

#[tokio::test]
async fn the_only_process_goes_on_with_its_fetch_after_a_restart() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put_many(1_000_000, MEMBERS as u64);
        world.limits.set(Route::Members, 1, Duration::from_secs(1));
    });
    let database = sqlite::sqlite();
    let ledger = Ledger::of(&database.url());
    let guild = i64::try_from(discord::GUILD).unwrap().try_into().unwrap();
    let site = Site::new(&database.url(), guild).set("DISCORD_TOKEN", TOKEN).set("DISCORD_API_URL", fake.url());
    let mut first = site.serve("http,worker").await;
    let begun = wish(&first.door).await;
    eventually("two pages are staged", async || ledger.number(STAGED).await >= 2).await;
    first.process.sigterm();
    assert!(first.process.wait().await.success());
    let staged = ledger.number(STAGED).await;
    assert!(staged < 12, "it was not stopped in the middle");
    fake.world(|world| world.limits.set(Route::Members, 1_000, Duration::from_secs(1)));
    let second = site.serve("http,worker").await;
    assert_one_run_created(&second.door, &ledger, &begun.run(), MEMBERS).await;
    // The last page is a short one; one page may have been asked for and not staged.
    let asked = fake.world(|world| world.asked(Route::Members).count());
    assert!(asked <= 14, "{asked} pages were asked for, of 12: it began anew");
}

#[tokio::test]
async fn a_worker_that_stops_while_it_verifies_departures_hands_that_on_without_blame() {
    let fake = Fake::start().await;
    fake.world(|world| world.put_many(1_000_000, 10));
    let database = postgres::database().await;
    let ledger = Ledger::of(database.url());
    let site = asking(&fake, database.url()).set("GUILDSYNC__SHUTDOWN__GRACE_SECS", "1");
    let front = site.serve("http").await;
    let mut leaver = site.serve("worker").await;
    let first = wish(&front.door).await;
    assert_one_run_created(&front.door, &ledger, &first.run(), 10).await;
    fake.world(|world| {
        (1_000_000..1_000_003).for_each(|id| world.remove(id));
        world.trouble(Route::Member, When::Next(1_000), Trouble::Hang);
    });
    let second = wish(&front.door).await;
    fake.until("a departure is asked for", |world| (world.asked(Route::Member).count() >= 1).then_some(())).await;
    leaver.process.sigterm();
    assert!(leaver.process.wait().await.success());
    assert_eq!(ledger.number(ATTEMPTS).await, 0);
    fake.world(World::untroubled);
    let _stayer = site.serve("worker").await;
    ledger.wait_for("both have ended", 2, "SELECT count(*) FROM sync_runs WHERE finished_at IS NOT NULL").await;
    let ended = front.door.run(&second.run()).await;
    assert_eq!((&ended["state"], &ended["counts"]["marked_left"]), (&"succeeded".into(), &3.into()), "{ended}");
}

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
    let site = asking(&fake, database.url());
    let mut first = site.serve("http,worker").await;
    let begun = wish(&first.door).await;
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
