//! A flood of gateway events: `cargo bench --bench gateway_flood [-- SECONDS [EVENTS_A_SECOND]]`.
//!
//! A fake Discord in this process tells the built program's bot of members over its real gateway socket, evenly, a hundredth of a second's worth
//! at a time: of ten events six are of somebody new, three change somebody, one is a leave. When the last has been handed to the socket's queue,
//! the clock starts, and stops once the database has caught up: the last member told of stands there and no run is open. Then every row is compared
//! with what was told last of its member; each that differs is a lost event.
//!
//! PostgreSQL and Redis with a bot and a worker process; SQLite with one process. The fake is as near to the door of the bot as one can get: it
//! takes a share of the same machine to write 10,000 frames a second, and says so if it falls behind.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

#[path = "../site/mod.rs"]
#[expect(dead_code, reason = "a bench needs a part of what benches need")]
mod site;
#[path = "../../tests/it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "a bench needs a part of what tests need")]
mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use guildsync::domain::{DiscordId, Mode, RunState};
use guildsync::store::{MemberPage, Stores};
use support::discord::{Fake, GUILD, Person, Route, TOKEN};
use support::postgres::PrivatePostgres;
use support::redis::PrivateRedis;
use tokio::time::{MissedTickBehavior, interval};

use site::{Serving, Site};

/// How long the flood lasts, and how strong it is, unless said.
const SECONDS: usize = 30;
const RATE: usize = 10_000;
/// How often events are handed to the socket.
const TICK: Duration = Duration::from_millis(10);
/// Members there are before; their ids, and those of the members that come.
const BEFORE: u64 = 100;
const FIRST: u64 = 1_000_000;
const NEW: u64 = 5_000_000;
/// The member who is told of last.
const LAST: u64 = 4_000_000;
/// How long the database may take to catch up before the bench gives up.
const PATIENCE: Duration = Duration::from_mins(5);

#[tokio::main]
async fn main() {
    let mut arguments = site::arguments();
    let seconds = arguments.next().unwrap_or(SECONDS);
    let rate = arguments.next().unwrap_or(RATE);
    println!("{rate} events a second for {seconds} s; the bars: none lost, caught up <= 2 s after the last\n");
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>6} {:>6} {:>12} {:>10}",
        "", "events", "a second", "members", "runs", "lost", "caught up", "memory"
    );

    let server = PrivatePostgres::durable();
    let cache = PrivateRedis::start();
    let database = server.database().await;
    let site = Site::new(database.url(), DiscordId::try_from(GUILD).unwrap()).with_redis(&cache.url());
    measure("PostgreSQL + Redis, bot", site, &["bot", "worker"], seconds, rate).await;

    let database = support::sqlite::sqlite();
    let site = Site::new(&database.url(), DiscordId::try_from(GUILD).unwrap());
    measure("SQLite, one process", site, &["worker,bot"], seconds, rate).await;
}

async fn measure(name: &str, site: Site, roles: &[&str], seconds: usize, rate: usize) {
    let discord = Fake::start().await;
    discord.world(|world| {
        world.put_many(FIRST, BEFORE);
        world.limits.set(Route::Members, 1_000, Duration::from_secs(1));
        world.limits.set(Route::Member, 1_000, Duration::from_secs(1));
        world.limits.global.requests = 10_000;
    });
    let site = site.set("DISCORD_TOKEN", TOKEN).set("DISCORD_API_URL", discord.url());
    let mut processes = Vec::new();
    for roles in roles {
        processes.push(site.serve(roles).await);
    }
    let stores = site.stores().await;
    // The full sync after the start is over, so that nothing but the gateway tells of anybody.
    support::eventually("the first full sync has ended", async || {
        stores.read.last_fetch().await.unwrap().is_some_and(|run| run.state == RunState::Succeeded)
    })
    .await;

    let mut told = Told::default();
    let begun = Instant::now();
    flood(&discord, &mut told, seconds, rate).await;
    let sent = begun.elapsed();
    let silent = Instant::now();
    caught_up(&stores).await;
    let after = silent.elapsed();
    let lost = told.lost(&stores).await;
    let deltas = stores.read.runs(true, 1_000_000).await.unwrap().iter().filter(|run| run.mode == Mode::Delta).count();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let achieved = told.events as f64 / sent.as_secs_f64();
    println!(
        "{name:<28} {:>9} {achieved:>9.0} {:>9} {deltas:>6} {lost:>6} {:>10.0} ms {:>6.0} MiB",
        told.events,
        told.latest.len(),
        site::millis(after),
        processes.iter().map(Serving::peak_memory).fold(0.0, f64::max),
    );
}

/// Tells of members, evenly over the time.
async fn flood(discord: &Fake, told: &mut Told, seconds: usize, rate: usize) {
    let mut turn = interval(TICK);
    // What a slow machine could not say in time it says at the next turn.
    turn.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let ticks = seconds * 100;
    for tick in 1..=ticks {
        turn.tick().await;
        discord.world(|world| {
            while told.events < rate * seconds * tick / ticks {
                told.tell(world);
            }
            if tick == ticks {
                world.member_joins(&Person::new(LAST));
                told.events += 1;
                told.latest.insert(LAST, Some(String::new()));
            }
        });
    }
}

/// What was told last of each member: the nickname, or that they have left.
#[derive(Default)]
struct Told {
    events: usize,
    latest: BTreeMap<u64, Option<String>>,
    /// The member who came last, and the next to change, and to go.
    came: u64,
    changed: u64,
    gone: u64,
}

impl Told {
    fn tell(&mut self, world: &mut support::discord::World) {
        match self.events % 10 {
            0 | 1 | 3 | 4 | 6 | 7 => {
                self.came += 1;
                world.member_joins(&Person::new(NEW + self.came));
                self.latest.insert(NEW + self.came, Some(String::new()));
            }
            // Half of those who came are changed, and every fourth of the others goes, a while after they came.
            9 => {
                self.gone += 1;
                let id = NEW + self.gone * 4 - 1;
                world.member_leaves(id);
                self.latest.insert(id, None);
            }
            _ => {
                self.changed += 2;
                let nick = format!("changed {}", self.events);
                world.member_changes(&Person::new(NEW + self.changed).nick(&nick));
                self.latest.insert(NEW + self.changed, Some(nick));
            }
        }
        self.events += 1;
    }

    /// Members whose row is not as it was told.
    async fn lost(&self, stores: &Stores) -> usize {
        let mut rows = BTreeMap::new();
        let mut after = None;
        loop {
            let page = stores.read.members(MemberPage { after, limit: 10_000 }).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.member.id);
            rows.extend(page.into_iter().map(|row| {
                let name = row.date_left.is_none().then_some(row.member.nickname);
                (row.member.id.get().unsigned_abs(), name)
            }));
        }
        self.latest.iter().filter(|(id, told)| rows.get(id) != Some(told)).count()
    }
}

/// Waits until the member told of last is there and no run is open.
async fn caught_up(stores: &Stores) {
    let last = DiscordId::try_from(LAST).unwrap();
    let waiting = async {
        loop {
            let open = async || stores.read.runs(true, 50).await.unwrap().iter().any(|run| !run.state.has_ended());
            if stores.read.member(last).await.unwrap().is_some() && !open().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "the database has not caught up");
}
