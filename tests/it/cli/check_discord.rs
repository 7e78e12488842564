//! What the doctor says of Discord: each thing that may be wrong names the switch to turn.

use guildsync::discord::members_intent_off;

use super::{GUILD, Home};
use crate::support::discord::{self, Fake, Route, TOKEN, Trouble, When, World};

async fn home(fake: &Fake) -> Home {
    let home = Home::new()
        .with("DISCORD_API_URL", &fake.url())
        .with("DISCORD_TOKEN", TOKEN)
        .with("GUILD_ID", &discord::GUILD.to_string());
    home.run(["migrate"]).await.exits(0);
    home
}

#[tokio::test]
async fn each_step_is_confirmed() {
    let fake = Fake::start().await;
    fake.world(|world| world.put_many(1_000, 7));
    let told = home(&fake).await.run(["check"]).await;
    let told = told.says(&[
        "Discord knows the token",
        "the Server Members Intent is on",
        "The Fake Guild",
        "about 7 members",
        "7 on the first page",
    ]);
    assert!(!told.out.contains(TOKEN), "{told:?}");
}

#[tokio::test]
async fn the_guild_may_be_known_from_the_database_alone() {
    let fake = Fake::start().await;
    fake.world(|world| world.put_many(1_000, 7));
    let mut home = home(&fake).await;
    drop(home.serve().await);
    home.vars.retain(|(name, _)| name != "GUILD_ID");
    home.run(["check"]).await.says(&["the bot is in the server The Fake Guild", "7 on the first page"]);
}

#[tokio::test]
async fn what_is_wrong_names_the_switch() {
    let fake = Fake::start().await;
    let home = home(&fake).await;
    fake.world(|world| world.members_intent = false);
    home.run(["check"]).await.exits(1).says(&["PROBLEM", &members_intent_off()]);
    fake.world(|world| (world.members_intent, world.in_guild) = (true, false));
    home.run(["check"]).await.exits(1).says(&["not in the server of GUILD_ID", "URL Generator"]);
    fake.world(|world| world.token = "another".into());
    home.run(["check"]).await.exits(1).says(&["Bot > Reset Token", "DISCORD_TOKEN"]);
}

#[tokio::test]
async fn without_a_token_or_a_discord_it_says_so_soon() {
    let home = Home::new().with("GUILD_ID", GUILD);
    home.run(["migrate"]).await.exits(0);
    home.run(["check"]).await.says(&["DISCORD_TOKEN is not set"]);
    let fake = Fake::start().await;
    let gone = fake.url();
    drop(fake);
    let home = Home::new().with("DISCORD_API_URL", &gone).with("DISCORD_TOKEN", TOKEN);
    home.run(["check"]).await.exits(1).says(&["does not answer as it should", &gone]);
}

#[tokio::test]
async fn the_report_channel_is_looked_at() {
    const CHANNEL: u64 = 500_000_000_000_000_005;
    let fake = Fake::start().await;
    let home = home(&fake).await;
    let told = home.run(["check"]).await;
    assert!(!told.out.contains("channel"), "without one nothing is said of it: {told:?}");

    let home = home.with("GUILDSYNC__BOT__REPORT_CHANNEL", &CHANNEL.to_string());
    home.run(["check"]).await.exits(1).says(&["PROBLEM", "no such channel", "Copy Channel ID", "bot.report_channel"]);
    fake.world(|world| world.channels.insert(CHANNEL, true));
    let told = home.run(["check"]).await;
    told.says(&[format!("ok       the bot may write in the report channel (#channel-{CHANNEL})").as_str()]);
    fake.world(|world| world.channels.insert(CHANNEL, false));
    let told = home.run(["check"]).await.exits(1);
    told.says(&["PROBLEM", "may not write", "lacks Send Messages", "Edit Channel > Permissions"]);
    // Whatever is wrong with the members, the channel is looked at.
    fake.world(|world| world.trouble(Route::Members, When::Next(1_000), Trouble::Status(500)));
    home.run(["check"]).await.exits(1).says(&["does not answer as it should", "lacks Send Messages"]);
    fake.world(World::untroubled);
    fake.world(|world| world.hidden_channels.insert(CHANNEL));
    home.run(["check"]).await.exits(1).says(&["PROBLEM", "50001", "View Channel", "bot.report_channel"]);
    fake.world(|world| world.channels_elsewhere.insert(CHANNEL, discord::GUILD + 1));
    home.run(["check"]).await.exits(1).says(&["PROBLEM", "is not in the server of GUILD_ID", "Copy Channel ID"]);
}
