//! The built program: a process that has all roles is killed in the middle of a sync, and started again.

use std::path::Path;

use crate::support::discord::{Call, Fake, GUILD, Route, TOKEN, Trouble, When};
use crate::support::process::Guildsync;
use crate::support::sqlite::sqlite;

/// A process with all roles, on that database.
async fn serve(discord: &Fake, database: &str) -> Guildsync {
    let launch = Guildsync::with(["serve", "--role", "bot,http,worker"])
        .var("DATABASE_URL", database)
        .var("GUILD_ID", GUILD.to_string())
        .var("DISCORD_TOKEN", TOKEN)
        .var("DISCORD_API_URL", discord.url())
        .var("HTTP_BIND", "127.0.0.1:0")
        .var("PUBLIC_URL", "https://members.example.org")
        .folder(Path::new("/"));
    let process = launch.start();
    process.wait_for_line("connected to Discord").await;
    process
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reply_of_a_killed_bot_is_completed_by_the_next() {
    let discord = Fake::start().await;
    discord.world(|world| {
        world.put_many(1_000_000, 2_500);
        world.limits.set(Route::Members, 1_000, std::time::Duration::from_secs(1));
    });
    let database = sqlite();
    let mut process = serve(&discord, &database.url()).await;
    discord.until("the first list is fetched", |world| (world.asked(Route::Members).count() >= 3).then_some(())).await;
    process.wait_for_line("succeeded").await;
    // One page comes, and no other.
    discord.world(|world| {
        world.trouble(Route::Members, When::Nth(1), Trouble::CutShort(1_000));
        world.trouble(Route::Members, When::Next(1_000), Trouble::Status(503));
    });
    let mut call = discord.call(Call::of("sync_members")).await;
    assert!(call.next_reply().await.starts_with("A sync is filed"));
    process.sigkill();
    process.wait().await;
    discord.world(crate::support::discord::World::untroubled);
    let _process = serve(&discord, &database.url()).await;
    let done = call.reply_with("Active: 2,500").await;
    assert!(done.starts_with("The sync is done"), "{done}");
}
