//! The built program: processes that are killed in the middle of a sync, and a database that goes away.

use std::time::Duration;

use crate::support::discord::{Call, Fake, GUILD, Route, TOKEN, Trouble, When, World};
use crate::support::eventually;
use crate::support::postgres::{PrivatePostgres, database};
use crate::support::process::{Guildsync, Launch};
use crate::support::redis::{unique_prefix, url as redis};
use crate::support::sqlite::sqlite;

/// A Discord with so many members, and limits that stand in nobody's way.
pub(super) async fn guild_of(members: u64) -> Fake {
    let discord = Fake::start().await;
    discord.world(|world| {
        world.put_many(1_000_000, members);
        world.limits.set(Route::Members, 1_000, Duration::from_secs(1));
        world.limits.global.requests = 10_000;
    });
    discord
}

/// A process with these roles, about to be started.
pub(super) fn serve(roles: &str, discord: &Fake, database: &str) -> Launch {
    Guildsync::with(["serve", "--role", roles])
        .var("DATABASE_URL", database)
        .var("GUILD_ID", GUILD.to_string())
        .var("DISCORD_TOKEN", TOKEN)
        .var("DISCORD_API_URL", discord.url())
        .var("HTTP_BIND", "127.0.0.1:0")
}

pub(super) const CONNECTED: &str = "connected to Discord";

/// Waits until the first list has come in whole.
pub(super) async fn first_sync(discord: &Fake, process: &Guildsync) {
    discord.until("the first list is fetched", |world| (world.asked(Route::Members).count() >= 3).then_some(())).await;
    process.wait_for_line("succeeded").await;
}

/// Lets one page come, and no other until all troubles are ended.
fn stop_after_a_page(world: &mut World) {
    world.trouble(Route::Members, When::Nth(1), Trouble::CutShort(1_000));
    world.trouble(Route::Members, When::Next(1_000), Trouble::Status(503));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reply_of_a_killed_bot_is_completed_by_the_next() {
    let discord = guild_of(2_500).await;
    let database = sqlite();
    let mut process = serve("bot,http,worker", &discord, &database.url()).start();
    process.wait_for_line(CONNECTED).await;
    first_sync(&discord, &process).await;
    discord.world(stop_after_a_page);
    let mut call = discord.call(Call::of("sync_members")).await;
    assert!(call.next_reply().await.starts_with("A sync is filed"));
    process.sigkill();
    process.wait().await;
    discord.world(World::untroubled);
    let _process = serve("bot,http,worker", &discord, &database.url()).start();
    let done = call.reply_with("Active: 2,500").await;
    assert!(done.starts_with("The sync is done"), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_takes_over_the_gateway_and_the_reply() {
    let discord = guild_of(2_500).await;
    let (database, redis, prefix) = (database().await, redis(), unique_prefix());
    let start = || {
        let launch = serve("bot,worker", &discord, database.url()).var("REDIS_URL", &redis);
        launch.var("GUILDSYNC__REDIS__PREFIX", &prefix).start()
    };
    let mut leader = start();
    leader.wait_for_line(CONNECTED).await;
    first_sync(&discord, &leader).await;
    let other = start();
    other.wait_for_line("serving").await;
    discord.world(stop_after_a_page);
    let mut call = discord.call(Call::of("sync_members")).await;
    assert!(call.next_reply().await.starts_with("A sync is filed"));
    assert_eq!(discord.world(|world| world.gateway.identifies.len()), 1, "one of them identifies");
    leader.sigkill();
    discord.world(World::untroubled);
    assert!(call.reply_with("Active: 2,500").await.starts_with("The sync is done"));
    other.wait_for_line(CONNECTED).await;
    assert_eq!(discord.world(|world| world.gateway.identifies.len()), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_bot_leaves_the_gateway_and_comes_back() {
    let discord = guild_of(3).await;
    let mut server = PrivatePostgres::start();
    let database = server.database().await;
    let process = serve("bot,http,worker", &discord, database.url()).start();
    process.wait_for_line(CONNECTED).await;
    server.stop_hard();
    let sessions = || discord.world(|world| world.gateway.sessions().len());
    eventually("the bot has left the gateway", async || sessions() == 0).await;
    server.restart();
    process.wait_for_lines(CONNECTED, 2).await;
    assert_eq!(sessions(), 1);
}
