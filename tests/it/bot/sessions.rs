//! Who is connected to the gateway, and what is said when nobody is.

use std::collections::BTreeMap;
use std::time::Duration;

use guildsync::app::{self, Carrier, Role};
use guildsync::bot::{Ended, Pace, Standing};
use guildsync::config::{Config, Flags};
use guildsync::domain::{RunState, SystemClock};
use guildsync::store::{Jobs, Lease, Process};

use super::super::support::sqlite::sqlite;
use super::discord::{Route, World};
use super::{FIRST, Site, eventually, quick};

fn sessions(site: &Site) -> usize {
    site.discord.world(|world| world.gateway.sessions().len())
}

fn identifies(site: &Site) -> usize {
    site.discord.world(|world| world.gateway.identifies.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_ends_the_bot_and_says_what_to_do() {
    let site = Site::of(1).await;
    site.discord.world(|world| world.token = "another".to_owned());
    let mut robot = site.bot();
    assert_eq!(robot.ended().await, Ended::WrongToken);
    assert_eq!(robot.ended().await, Ended::WrongToken, "however often it is asked");
    assert_eq!(*robot.bot.standing().borrow(), Standing::WrongToken);
    let problem = site.problem("bot_token").await;
    assert!(problem.contains("DISCORD_TOKEN") && problem.contains("Bot > "), "{problem}");
    assert!(identifies(&site) <= 1, "it is not tried again");
    // Whoever sets it right hears no more of it.
    site.discord.world(|world| world.token = super::TOKEN.to_owned());
    let robot = site.settled().await;
    site.no_problem("bot_token").await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_the_guild_it_says_how_to_invite_it_and_begins_once_it_is_there() {
    let site = Site::of(2).await;
    site.discord.world(|world| world.in_guild = false);
    let robot = site.bot();
    robot.stands(&Standing::NotInGuild).await;
    let problem = site.problem("bot_guild").await;
    assert!(problem.contains("GUILD_ID") && problem.contains("/oauth2/authorize?client_id="), "{problem}");
    assert!(site.runs(true).await.is_empty());
    site.discord.world(World::bot_is_invited);
    robot.stands(&Standing::Connected).await;
    site.no_problem("bot_guild").await;
    assert_eq!(site.fetches(1).await[0].state, RunState::Succeeded);
    site.discord.until("its commands are registered", |world| (world.commands.len() == 2).then_some(())).await;
    site.discord.world(World::bot_is_removed);
    robot.stands(&Standing::NotInGuild).await;
    site.problem("bot_guild").await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_goes_to_no_other_host() {
    let site = Site::of(1).await;
    let right = site.discord.world(|world| std::mem::replace(&mut world.gateway.url, "wss://gateway.discord.gg".to_owned()));
    let robot = site.bot();
    robot.stands_so("away, for the host is another", |standing| standing.to_string().contains("gateway.discord.gg")).await;
    let problem = site.problem("bot_gateway").await;
    assert!(problem.contains("DISCORD_API_URL"), "{problem}");
    // Another name of the same machine is another host.
    let localhost = right.replace("127.0.0.1", "localhost");
    site.discord.world(|world| world.gateway.url = localhost);
    robot.stands_so("away, for the host is another", |standing| standing.to_string().contains("localhost")).await;
    assert_eq!(identifies(&site), 0);
    site.discord.world(|world| world.gateway.url = right);
    robot.stands(&Standing::Connected).await;
    site.no_problem("bot_gateway").await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_discord_is_away_it_keeps_trying_and_says_so() {
    let site = Site::of(1).await;
    site.discord.world(|world| world.gateway.away = true);
    let robot = site.bot_with(Pace { patience: Duration::from_secs(1), ..quick() });
    robot.stands_so("away", |standing| matches!(standing, Standing::Away(_))).await;
    site.problem("bot_gateway").await;
    // Nor does it answer where the gateway is.
    site.discord
        .world(|world| world.trouble(Route::Gateway, super::discord::When::Next(2), super::discord::Trouble::Status(503)));
    robot.stands_so("away, with the status", |standing| standing.to_string().contains("503")).await;
    site.discord.world(|world| world.gateway.away = false);
    robot.stands(&Standing::Connected).await;
    site.no_problem("bot_gateway").await;
    site.fetches(1).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_gateway_is_is_asked_without_the_token_and_read_within_bounds() {
    let site = Site::of(1).await;
    let right = site.discord.world(|world| {
        let long = format!("{}/{}", world.gateway.url, "x".repeat(100_000));
        std::mem::replace(&mut world.gateway.url, long)
    });
    let robot = site.bot();
    robot.stands_so("away, for the answer is too long", |standing| standing.to_string().contains("too long")).await;
    site.discord.world(|world| world.gateway.url = right);
    robot.stands(&Standing::Connected).await;
    site.discord.world(|world| {
        assert!(world.asked(Route::Gateway).all(|asked| asked.request.authorization.is_empty()));
    });
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_session_can_succeed_after_ends_the_bot_and_is_said_once() {
    for (code, word) in [(4010, "newer version"), (4011, "more servers"), (4012, "newer version"), (4013, "newer version")] {
        let site = Site::of(1).await;
        site.discord.world(|world| {
            world.gateway.refuses = Some(code);
            world.gateway.heartbeat = Duration::from_millis(600);
        });
        let mut robot = site.bot_with(Pace { patience: Duration::from_secs(1), ..quick() });
        let Ended::Refused(message) = robot.ended().await else { panic!("{code}: it ended otherwise") };
        assert!(message.contains(&format!("close code {code}")) && message.contains(word), "{message}");
        assert_eq!(*robot.bot.standing().borrow(), Standing::Refused);
        assert_eq!(site.problem("bot_sessions").await, message);
        site.no_problem("bot_gateway").await;
        assert!(identifies(&site) <= 5, "{code}: {} sessions were tried", identifies(&site));
        // Whoever mends it hears no more of it.
        site.discord.world(|world| world.gateway.refuses = None);
        let robot = site.settled().await;
        site.no_problem("bot_sessions").await;
        robot.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nobody_hears_of_its_troubles_unless_a_bot_runs_elsewhere() {
    let place = sqlite();
    let settings = [("DATABASE_URL", place.url()), ("GUILD_ID", super::GUILD.to_string())];
    let environment: BTreeMap<String, String> = settings.map(|(name, value)| (name.to_owned(), value)).into();
    let config = Config::load(&environment, &Flags::default()).unwrap();
    let (stores, _) = app::open_ledger(&config).await.unwrap();
    let now = guildsync::domain::Clock::now(&SystemClock);
    for code in ["bot_token", "other", "roster"] {
        stores.problems.note_problem(code, "x", now).await.unwrap();
    }
    let standing = async || -> Vec<String> {
        app::start(&config, &[Role::Worker], Carrier::Local).await.unwrap().stop().await;
        let mut codes: Vec<_> = stores.read.problems().await.unwrap().into_iter().map(|problem| problem.code).collect();
        codes.sort();
        codes
    };
    let elsewhere = Process {
        id: "elsewhere".into(),
        host: "elsewhere".into(),
        roles: "worker,bot".into(),
        version: "1".into(),
        started_at: now,
        seen_at: now,
        jobs: Jobs::default(),
    };
    stores.upkeep.beat(&elsewhere).await.unwrap();
    assert_eq!(standing().await, ["bot_token", "other", "roster"]);
    stores.upkeep.retire("elsewhere").await.unwrap();
    assert_eq!(standing().await, ["other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_bots_one_leads_and_another_takes_over() {
    let site = Site::of(1).await;
    let first = site.settled().await;
    let second = site.bot();
    let third = site.bot();
    assert_eq!((sessions(&site), identifies(&site)), (1, 1));
    first.stop().await;
    eventually("another one has the gateway", async || sessions(&site) == 1 && identifies(&site) == 2).await;
    let led = |robot: &super::Robot| *robot.bot.standing().borrow() == Standing::Connected;
    eventually("one of them leads", async || led(&second) != led(&third)).await;
    site.fetches(2).await;
    for robot in [second, third] {
        robot.stop().await;
    }
    eventually("nobody is connected", async || sessions(&site) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_loses_its_duty_leaves_the_gateway() {
    let site = Site::of(1).await;
    let robot = site.settled().await;
    let now = guildsync::domain::Clock::now(&SystemClock);
    let upkeep = &site.stores().upkeep;
    // As if this one had been away for so long that another has the duty.
    let later = now + chrono::TimeDelta::hours(1);
    let lease = |until| Lease { name: "bot", holder: "another", until };
    assert!(upkeep.take_lease(&lease(later + chrono::TimeDelta::hours(1)), later).await.unwrap());
    robot.stands(&Standing::Standby).await;
    eventually("nobody is connected", async || sessions(&site) == 0).await;
    upkeep.drop_lease("bot", "another").await.unwrap();
    robot.stands(&Standing::Connected).await;
    site.fetches(2).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_syncs_of_its_own_accord_keep_their_distance() {
    let site = Site::of(1).await;
    let pace = Pace { full_sync: chrono::TimeDelta::minutes(10), ..quick() };
    site.settled_with(pace).await.stop().await;
    let robot = site.bot_with(pace);
    robot.stands(&Standing::Connected).await;
    // What the gateway tells is taken meanwhile.
    site.discord.world(|world| world.member_leaves(FIRST));
    site.row(FIRST, "they have left", |row| row.date_left.is_some()).await;
    site.fetches(1).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_heartbeats_nobody_answers_is_begun_anew() {
    let site = Site::of(1).await;
    site.discord.world(|world| world.gateway.heartbeat = Duration::from_millis(600));
    let robot = site.settled().await;
    site.discord.world(|world| world.gateway.acknowledges = false);
    site.discord
        .until("it identifies again", |world| (world.gateway.identifies.len() == 2).then(|| world.gateway.acknowledges = true))
        .await;
    site.fetches(2).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_follow_one_another_too_quickly_are_spaced() {
    let site = Site::of(1).await;
    // Asked for again and again, the intent makes a session after the other.
    site.discord.world(|world| world.members_intent = false);
    let robot = site.bot_with(Pace { intent: Duration::from_millis(50), ..quick() });
    robot.stands_so("away", |standing| standing.to_string().contains("same token")).await;
    assert!(site.problem("bot_gateway").await.contains("another program"));
    // Four that began, and the refusals between them.
    assert!(identifies(&site) <= 9, "{}", identifies(&site));
    site.discord.world(|world| world.members_intent = true);
    robot.stands(&Standing::Connected).await;
    site.no_problem("bot_gateway").await;
    robot.stop().await;
}
