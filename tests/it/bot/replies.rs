//! Replies that outlive the bot that began them, and results that come too late for theirs.

use std::time::Duration;

use chrono::TimeDelta;
use guildsync::app;
use guildsync::bot::{Bot, BotTools, Ended, Pace, Standing};
use guildsync::discord::Patience;
use tokio_util::sync::CancellationToken;

use super::discord::{Call, Route, Trouble, When, World};
use super::{CHANNEL, FIRST, Robot, Site, eventually, quick};

/// Lets no page come until [`go_on`].
fn hold_up(site: &Site) {
    site.discord.world(|world| world.trouble(Route::Members, When::Next(1_000), Trouble::Status(503)));
}

fn go_on(site: &Site) {
    site.discord.world(World::untroubled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_completed_although_its_bot_is_gone() {
    let site = Site::of(3).await;
    let robot = site.settled().await;
    hold_up(&site);
    let mut call = site.discord.call(Call::of("sync_members")).await;
    call.next_reply().await;
    robot.stop().await;
    // Another bot, which never leads.
    site.discord.world(|world| world.gateway.away = true);
    let robot = site.bot();
    go_on(&site);
    let done = call.reply_with("Active: 3").await;
    assert!(done.starts_with("The sync is done"), "{done}");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_refused_every_session_still_says_what_it_owes() {
    let site = Site::of(100).await.with_channel();
    site.discord.world(|world| world.gateway.heartbeat = Duration::from_millis(600));
    let mut robot = site.settled_with(Pace { patience: Duration::from_secs(1), ..quick() }).await;
    hold_up(&site);
    let mut call = site.discord.call(Call::of("sync_members")).await;
    call.next_reply().await;
    site.discord.world(|world| {
        // Its session cannot be resumed, and it gets no other.
        (world.gateway.refuses, world.gateway.resumable) = (Some(4011), false);
        world.gateway.close_connections(4011);
        (FIRST..FIRST + 30).for_each(|id| world.remove(id));
    });
    assert!(matches!(robot.ended().await, Ended::Refused(_)));
    go_on(&site);
    let done = call.reply_with("Active: 100").await;
    assert!(done.contains("30 departures are held"), "{done}");
    site.posted_with("30 departures are held").await;
    // It is told to stop, and lets go of what it had.
    robot.stop.cancel();
    let another = site.bot();
    site.discord.world(|world| (world.gateway.refuses, world.gateway.resumable) = (None, true));
    another.stands(&Standing::Connected).await;
    another.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_too_late_for_its_reply_is_posted() {
    let site = Site::of(100).await.with_channel();
    let robot = site.settled_with(Pace { reply: TimeDelta::seconds(2), ..quick() }).await;
    hold_up(&site);
    let mut call = site.discord.call(Call::of("sync_members")).await;
    let last = call.reply_with("15 minutes").await;
    assert!(last.contains("report channel") && last.contains("/admin/sync/"), "{last}");
    call.expire();
    go_on(&site);
    let posts = site.posted_with("can no longer be changed").await;
    assert!(posts[0].contains("<@100000000000000009>") && posts[0].contains("Active: 100"), "{posts:?}");
    eventually("the reply is forgotten", async || site.stores().replies.open_replies(10).await.unwrap().is_empty()).await;

    // Held, and too late: the channel hears of it once.
    hold_up(&site);
    site.discord.world(|world| (FIRST..FIRST + 30).for_each(|id| world.remove(id)));
    let mut call = site.discord.call(Call::of("sync_members")).await;
    call.reply_with("15 minutes").await;
    go_on(&site);
    let posts = site.posted_with("30 departures are held").await;
    eventually("the reply is forgotten", async || site.stores().replies.open_replies(10).await.unwrap().is_empty()).await;
    assert_eq!(posts.len(), 2, "{posts:?}");
    assert_eq!(site.posted().len(), 2, "{:?}", site.posted());
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_discord_has_forgotten_is_posted_instead() {
    let site = Site::of(3).await.with_channel();
    let robot = site.settled().await;
    hold_up(&site);
    let mut call = site.discord.call(Call::of("sync_members")).await;
    call.next_reply().await;
    call.expire();
    go_on(&site);
    let posts = site.posted_with("can no longer be changed").await;
    assert!(posts[0].contains("Active: 3"), "{posts:?}");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_cannot_be_written_to_is_a_problem_until_it_can() {
    let site = Site::of(3).await.with_channel();
    site.discord.world(|world| world.channels.insert(CHANNEL, false));
    let robot = site.bot_with(Pace { look: Duration::from_millis(50), ..quick() });
    robot.stands(&Standing::Connected).await;
    site.fetches(1).await;
    site.discord.world(|world| world.members_intent = false);
    let mut call = site.discord.call(Call::of("sync_members")).await;
    call.reply_with("failed").await;
    let problem = site.problem("bot_channel").await;
    assert!(problem.contains("bot.report_channel") && problem.contains("View Channel"), "{problem}");
    site.discord.world(|world| world.channels.insert(CHANNEL, true));
    let mut call = site.discord.call(Call::of("sync_members")).await;
    let filed = call.next_reply().await;
    assert!(filed.contains("**Note:**") && filed.contains(&problem), "{filed}");
    call.reply_with("failed").await;
    site.posted_with("failed").await;
    site.no_problem("bot_channel").await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_did_not_come_through_is_told_once_when_discord_is_back() {
    let site = Site::of(100).await.with_channel();
    // Gives up soon, so that the tries of one report are over while Discord is still away.
    let pause = Duration::from_millis(10);
    let patience = Patience { first_pause: pause, longest_pause: pause, ..Patience::default() };
    let tools = BotTools { rest: app::rest(&site.config, None, patience).unwrap().unwrap(), ..site.tools() };
    let stop = CancellationToken::new();
    let robot = Robot { bot: Bot::start(site.options(quick()), tools, stop.clone()).unwrap(), stop };
    robot.stands(&Standing::Connected).await;
    site.fetches(1).await;
    site.discord.world(|world| {
        world.trouble(Route::Message, When::Next(1_000), Trouble::Status(503));
        (FIRST..FIRST + 30).for_each(|id| world.remove(id));
    });
    site.discord.call(Call::of("sync_members")).await.reply_with("30 departures are held").await;
    let tries = |site: &Site| site.discord.world(|world| world.asked(Route::Message).count());
    eventually("the report was given up, and begun anew", async || tries(&site) > 8).await;
    assert!(site.posted().is_empty());
    site.discord.world(World::untroubled);
    let posts = site.posted_with("30 departures are held").await;
    eventually("nothing is left to report", async || site.stores().replies.unreported(10).await.unwrap().is_empty()).await;
    assert_eq!(posts.len(), 1, "{posts:?}");
    assert_eq!(site.posted().len(), 1, "{:?}", site.posted());
    robot.stop().await;
}
