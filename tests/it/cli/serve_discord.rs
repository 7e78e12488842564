//! The service and a Discord that will not have its bot: what the overview and the log say, what serves on, and what ends.

use reqwest::header::COOKIE;

use super::{Home, list};
use crate::support::discord::{self, Fake, Route, TOKEN, Trouble, When, World};
use crate::support::forms::LoginForm;
use crate::support::{eventually, redis};

const PASSWORD: &str = "correct horse battery";
const CHANNEL: u64 = 500_000_000_000_000_005;

/// A Discord that is so, and a home whose service asks it.
async fn site(change: impl FnOnce(&mut World)) -> (Fake, Home) {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put_many(1_000, 3);
        // Sessions that are refused are found to be so the sooner.
        world.gateway.heartbeat = std::time::Duration::from_millis(600);
        change(world);
    });
    let home = Home::new()
        .with("DISCORD_API_URL", &fake.url())
        .with("DISCORD_TOKEN", TOKEN)
        .with("GUILD_ID", &discord::GUILD.to_string());
    home.run(["migrate"]).await.exits(0);
    (fake, home)
}

/// The cookie of somebody who may look.
async fn log_in(home: &Home, address: &str) -> String {
    home.fed(["staff", "create", "anna", "--password-stdin"], PASSWORD).await.exits(0);
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    LoginForm::ask(&client, &format!("http://{address}")).await.log_in("anna", PASSWORD).await
}

async fn overview(address: &str, cookie: &str) -> String {
    let answer = reqwest::Client::new().get(format!("http://{address}/admin/")).header(COOKIE, cookie).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// Waits until the overview of a home's service says this.
async fn is_told(home: &Home, words: &str) {
    let (_service, address) = home.serve().await;
    let cookie = log_in(home, &address).await;
    eventually(&format!("the overview says {words:?}"), async || overview(&address, &cookie).await.contains(words)).await;
}

#[tokio::test]
async fn the_overview_says_what_the_bot_has_met() {
    let nowhere = async {
        let (_fake, home) = site(|world| world.in_guild = false).await;
        is_told(&home, "The bot is not in the Discord server").await;
    };
    let mute = async {
        let (_fake, home) = site(|world| {
            world.channels.insert(CHANNEL, false);
            world.trouble(Route::Members, When::Next(1_000), Trouble::Status(403));
        })
        .await;
        let home = home.with("GUILDSYNC__BOT__REPORT_CHANNEL", &CHANNEL.to_string());
        is_told(&home, "could not be written to").await;
    };
    let refused = async {
        let (_fake, home) = site(|world| world.gateway.refuses = Some(4011)).await;
        // The pages are served on.
        is_told(&home, "close code 4011").await;
    };
    tokio::join!(nowhere, mute, refused);
}

#[tokio::test]
async fn a_wrong_token_is_told_until_it_is_mended_or_taken_away() {
    const WORDS: &str = "Make a new one in the Discord Developer Portal";
    let (_fake, mut home) = site(|world| world.token = "another".to_owned()).await;
    is_told(&home, WORDS).await;
    home.vars.retain(|(name, _)| name != "DISCORD_TOKEN");
    // The one before was killed, so that it looks alive for a while.
    eventually("it is told no more", async || {
        let (mut service, _) = home.serve().await;
        service.sigterm();
        service.wait().await;
        !home.run(["check"]).await.out.contains(WORDS)
    })
    .await;
}

#[tokio::test]
async fn with_a_wrong_token_the_log_has_what_the_channel_would_be_told() {
    let (_fake, home) = site(|world| world.token = "another".to_owned()).await;
    let home = home.with("GUILDSYNC__BOT__REPORT_CHANNEL", &CHANNEL.to_string());
    let [all, some] = [(1, "all.json"), (61, "some.json")].map(|(first, name)| home.file(name, list(first..=100)));
    home.run(["sync".as_ref(), all.as_os_str()]).await.exits(0);
    home.run(["sync".as_ref(), some.as_os_str()]).await.exits(3);
    let (service, _) = home.serve().await;
    service.wait_for_line("60 departures are held").await;
}

#[tokio::test]
async fn a_process_that_is_nothing_but_a_refused_bot_exits_1() {
    let (_fake, home) = site(|world| world.gateway.refuses = Some(4011)).await;
    let home = home.with("REDIS_URL", &redis::url()).with("GUILDSYNC__REDIS__PREFIX", &redis::unique_prefix());
    home.run(["serve", "--role", "bot"]).await.exits(1).says(&["close code 4011", "no other role"]);
}
