//! The built program with all its roles, watched by the kernel: whatever Discord does, nothing goes to another host. And what a process does
//! without a token that Discord accepts.

use std::time::Duration;

use super::kills::{CONNECTED, first_sync, guild_of, serve};
use crate::support::discord::{Call, Person, Route, Trouble, When};
use crate::support::eventually;
use crate::support::process::Stream;
use crate::support::redis::{unique_prefix, url as redis};
use crate::support::sqlite::sqlite;
use crate::support::strace::Connections;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ever_goes_to_another_host() {
    let discord = guild_of(1_200).await;
    // Whatever serenity or a client of ours does after failures, too.
    discord.world(|world| {
        world.trouble(Route::Gateway, When::Nth(1), Trouble::Status(500));
        world.trouble(Route::Members, When::Nth(2), Trouble::Closed);
    });
    let database = sqlite();
    let launch = serve("http,worker,bot,cron", &discord, &database.url())
        .var("DISCORD_CLIENT_ID", "300")
        .var("DISCORD_CLIENT_SECRET", "secret-of-the-tests");
    let (launch, connections) = Connections::of(launch);
    let mut process = launch.start();
    let serving = process.wait_for_line("serving on http://").await;
    let address = serving.split_once("http://").unwrap().1.split(' ').next().unwrap().to_owned();
    process.wait_for_line(CONNECTED).await;
    first_sync(&discord, &process).await;
    discord.world(|world| world.member_joins(&Person::new(5_000_000)));
    let mut call = discord.call(Call::of("sync_members")).await;
    call.reply_with("Active: 1,201").await;
    discord.world(|world| world.gateway.break_connections());
    eventually("a resumed or new session", async || discord.world(|world| !world.gateway.resumes.is_empty())).await;

    // A login as far as a stranger gets: the token endpoint refuses the code.
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let begun = browser.get(format!("http://{address}/accounts/discord/login/")).send().await.unwrap();
    let authorize = reqwest::Url::parse(begun.headers()["location"].to_str().unwrap()).unwrap();
    let state = authorize.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let cookie = begun.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let callback = format!("http://{address}/accounts/discord/login/callback/?code=x&state={state}");
    let refused = browser.get(callback).header("cookie", cookie).send().await.unwrap();
    assert!(refused.status().is_client_error() || refused.status().is_server_error(), "{refused:?}");
    discord.world(|world| assert!(world.asked(Route::Token).count() > 0));

    process.sigterm();
    process.wait().await;
    connections.assert_all_stayed_here();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_ends_a_bot_that_is_nothing_else_and_no_other_role() {
    let discord = guild_of(3).await;
    discord.world(|world| world.token = "another".into());
    let (database, prefix) = (sqlite(), unique_prefix());
    let start = |roles: &str| {
        let launch = serve(roles, &discord, &database.url()).var("REDIS_URL", redis());
        launch.var("GUILDSYNC__REDIS__PREFIX", &prefix).start()
    };
    let mut alone = start("bot");
    assert_eq!(alone.wait().await.code(), Some(1));
    let told = alone.lines(Stream::Err).join("\n");
    assert!(
        told.contains("Discord Developer Portal") && told.contains("DISCORD_TOKEN") && !told.contains("not-a-token"),
        "{told}"
    );

    let mut with_pages = start("bot,http,worker");
    let serving = with_pages.wait_for_line("serving on http://").await;
    let address = serving.split_once("http://").unwrap().1.split(' ').next().unwrap().to_owned();
    with_pages.wait_for_line("does not accept the bot's token").await;
    let ready = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
    eventually("readiness tells of the token", async || {
        let answer = ready.get(format!("http://{address}/readyz")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap().contains("wrong token")
    })
    .await;
    with_pages.sigterm();
    assert!(with_pages.wait().await.success());
}
