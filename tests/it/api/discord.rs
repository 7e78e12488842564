//! Lists that are fetched from Discord: whole, through whatever goes wrong there, and never believed when they are not.

use std::sync::Arc;
use std::time::Duration;

use guildsync::domain::SystemClock;

use serde_json::{Value, json};

use super::{Answer, Database, KEY, Service, list, members, picked, send};
use crate::support::discord::{self, Fake, Person, Route, Scope, TOKEN, Trouble, When};

const RUNS: &str = "/api/dbot/sync_runs";
/// Ids of the members that [`discord::World::put_many`] makes.
const FIRST: u64 = 1_000_000;

impl Service {
    /// With that Discord; on SQLite.
    async fn with_discord(discord: &Fake) -> Self {
        Self::with(&settings(&discord.url())).await
    }

    async fn begin(&self, wish: Value) -> Answer {
        let request = self.client.post(self.url(RUNS)).header("X-API-Key", KEY).header("X-Guild-Id", &self.guild);
        send(request.header("Content-Type", "application/json").body(wish.to_string())).await
    }

    /// A sync from Discord, at its end.
    async fn fetch(&self) -> Value {
        let begun = self.begin(json!({ "source": "discord" })).await;
        assert_eq!(begun.status, 202, "{}", begun.text);
        self.ended(begun.header("location")).await
    }

    async fn active(&self) -> usize {
        self.column("SELECT 'x' FROM guild_members WHERE date_left IS NULL").await.len()
    }
}

fn settings(url: &str) -> [(&'static str, &str); 3] {
    // Leaked once a test: settings live as long as the service.
    let guild: &'static str = Box::leak(discord::GUILD.to_string().into_boxed_str());
    [("DISCORD_API_URL", url), ("DISCORD_TOKEN", TOKEN), ("GUILD_ID", guild)]
}

/// A guild of so many, of which all pages come at once.
async fn guild_of(count: u64) -> Fake {
    let discord = Fake::start().await;
    discord.world(|world| {
        world.put_many(FIRST, count);
        world.limits.set(Route::Members, 1_000, Duration::from_secs(1));
        world.limits.set(Route::Member, 1_000, Duration::from_secs(1));
        world.limits.global.requests = 1_000;
    });
    discord
}

fn counts<const N: usize>(run: &Value, names: [&str; N]) -> [i64; N] {
    picked(&run["counts"], names)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_any_size_come_whole_through_troubles() {
    for size in [1, 999, 1_000, 1_001, 4_500] {
        let discord = guild_of(size).await;
        discord.world(|world| {
            world.trouble(Route::Members, When::Every(2), Trouble::Status(500));
            world.trouble(Route::Members, When::Nth(3), Trouble::Limited(Scope::User, Duration::from_millis(50)));
            world.trouble(Route::Members, When::Nth(5), Trouble::CutBody);
        });
        let service = Service::with_discord(&discord).await;
        let run = service.fetch().await;
        assert_eq!((&run["state"], &run["source"]), (&json!("succeeded"), &json!("discord")), "{run}");
        let size = i64::try_from(size).unwrap();
        assert_eq!(
            counts(&run, ["created", "total_received", "duplicates", "skipped", "total_active"]),
            [size, size, 0, 0, size]
        );
        assert_eq!(run["observed_at"], run["started_at"], "a list is as new as its fetch");
        let again = service.fetch().await;
        assert_eq!(counts(&again, ["created", "updated", "unchanged", "marked_left"]), [0, size, size, 0]);
        discord.world(|world| assert!(world.limits.violations.is_empty(), "{:?}", world.limits.violations));
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_come_whole() {
    let discord = guild_of(100_000).await;
    discord.world(|world| {
        world.trouble(Route::Members, When::Every(17), Trouble::Status(502));
        world.trouble(Route::Members, When::Every(23), Trouble::Limited(Scope::Shared, Duration::from_millis(20)));
    });
    for service in Service::on_both(&settings(&discord.url())).await {
        let run = service.fetch().await;
        assert_eq!(run["state"], "succeeded", "{run}");
        assert_eq!(counts(&run, ["created", "total_received", "total_active"]), [100_000; 3]);
        assert_eq!(run["progress"]["batches_total"], 100, "a batch a page");
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_cut_short_at_any_page_marks_nobody() {
    let discord = guild_of(3_500).await;
    let service = Service::with_discord(&discord).await;
    service.fetch().await;
    for page in 1..=4 {
        discord.world(|world| world.trouble(Route::Members, When::Nth(page), Trouble::CutShort(400)));
        let run = service.fetch().await;
        let missing = 3_500 - i64::from(page - 1) * 1_000 - 400;
        assert_eq!((&run["state"], &run["counts"]["held_reason"]), (&json!("held"), &json!("incomplete_roster")), "{run}");
        assert_eq!(counts(&run, ["marked_left", "departures_held"]), [0, missing]);
        assert_eq!(service.active().await, 3_500);
        discord.world(discord::World::untroubled);
    }
    // The next whole list puts everything right, and leaves no hold.
    let run = service.fetch().await;
    assert_eq!(
        (&run["state"], service.column("SELECT state FROM sync_runs WHERE state = 'held'").await.len()),
        (&json!("succeeded"), 0)
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_departure_is_believed_once_discord_says_so() {
    let discord = guild_of(1_000).await;
    let service = Service::with_discord(&discord).await;
    service.fetch().await;
    // Two have gone; the page leaves out a third, who has not.
    discord.world(|world| {
        world.remove(FIRST + 998);
        world.remove(FIRST + 997);
        world.trouble(Route::Members, When::Nth(1), Trouble::CutShort(997));
    });
    let run = service.fetch().await;
    assert_eq!((&run["state"], counts(&run, ["marked_left", "deferred"])), (&json!("succeeded"), [2, 1]), "{run}");
    discord.world(|world| assert_eq!(world.asked(Route::Member).count(), 3));
    let left = service.column("SELECT CAST(discord_id AS TEXT) FROM guild_members WHERE date_left IS NOT NULL ORDER BY 1").await;
    assert_eq!(left, [(FIRST + 997).to_string(), (FIRST + 998).to_string()]);
    let next = service.fetch().await;
    assert_eq!(counts(&next, ["updated", "unchanged", "marked_left"]), [998, 998, 0]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_departures_one_that_is_none_holds_them_all() {
    let discord = guild_of(3_000).await;
    let service = Service::with_discord(&discord).await;
    service.fetch().await;
    discord.world(|world| {
        for id in FIRST..FIRST + 150 {
            world.remove(id);
        }
    });
    // All of them are true, and the guard believes so many.
    let run = service.fetch().await;
    assert_eq!((&run["state"], counts(&run, ["marked_left"])), (&json!("succeeded"), [150]), "{run}");
    discord.world(|world| assert_eq!(world.asked(Route::Member).count(), 100));
    // What the guard does not believe is asked of nobody.
    discord.world(|world| {
        world.approximate_member_count = Some(1_900);
        world.trouble(Route::Members, When::Nth(2), Trouble::CutShort(900));
    });
    let run = service.fetch().await;
    assert_eq!((&run["state"], &run["counts"]["held_reason"]), (&json!("held"), &json!("mass_departure")), "{run}");
    discord.world(|world| {
        assert_eq!(world.asked(Route::Member).count(), 100);
        world.untroubled();
    });
    // Now as many are left out of the list, and Discord knows them, though it counts few.
    discord.world(|world| {
        world.approximate_member_count = Some(2_700);
        world.trouble(Route::Members, When::Nth(3), Trouble::CutShort(700));
    });
    let run = service.fetch().await;
    assert_eq!((&run["state"], &run["counts"]["held_reason"]), (&json!("held"), &json!("verification")), "{run}");
    assert_eq!((counts(&run, ["marked_left", "departures_held"]), service.active().await), ([0, 150], 2_850));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_member_costs_no_other_and_is_not_taken_for_gone() {
    let discord = guild_of(30).await;
    let service = Service::with_discord(&discord).await;
    service.fetch().await;
    discord.world(|world| {
        let odd = Person::new(FIRST + 3).member();
        let mut odd = odd;
        odd["user"]["username"] = json!("x".repeat(101));
        world.put_raw(FIRST + 3, &odd);
        world.put_raw(FIRST + 100, &json!({ "roles": [], "nick": "no user" }));
    });
    let run = service.fetch().await;
    assert_eq!(run["state"], "succeeded", "{run}");
    assert_eq!(counts(&run, ["total_received", "skipped", "updated", "marked_left"]), [31, 2, 29, 0]);
    let warnings = run["warnings"].to_string();
    assert!(warnings.contains(&(FIRST + 3).to_string()) && !warnings.contains("no user"), "{warnings}");
    assert_eq!(service.active().await, 30);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discord_refuses_fails_the_run_says_which_switch_and_is_not_asked_again() {
    let discord = guild_of(20).await;
    let service = Service::with_discord(&discord).await;
    service.fetch().await;
    discord.world(|world| world.members_intent = false);
    let before = discord.world(|world| world.asked(Route::Members).count());
    let run = service.fetch().await;
    assert_eq!((&run["state"], &run["error"]["code"]), (&json!("failed"), &json!("missing_access")), "{run}");
    let message = run["error"]["message"].as_str().unwrap();
    assert!(message.contains("Server Members Intent") && message.contains("nobody was marked as left"), "{message}");
    assert_eq!(discord.world(|world| world.asked(Route::Members).count()) - before, 1, "403 is not asked again");
    let problems = service.column("SELECT message FROM problems").await;
    assert!(problems.len() == 1 && problems[0].contains("Server Members Intent"), "{problems:?}");
    assert_eq!(service.active().await, 20);

    discord.world(|world| world.members_intent = true);
    assert_eq!(service.fetch().await["state"], "succeeded");
    assert_eq!(service.column("SELECT message FROM problems").await, Vec::<String>::new());

    discord.world(|world| world.token = "another".into());
    let run = service.fetch().await;
    assert_eq!((&run["state"], &run["error"]["code"]), (&json!("failed"), &json!("wrong_token")), "{run}");
    let asked = discord.world(|world| world.log.len());
    service.fetch().await;
    assert_eq!(discord.world(|world| world.log.len()), asked, "a wrong token is not tried again");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_fails_and_one_that_does_not_move_on_ends() {
    let discord = guild_of(1_500).await;
    let service = Service::with_discord(&discord).await;
    service.fetch().await;
    discord.world(|world| world.trouble(Route::Members, When::Nth(1), Trouble::CutShort(0)));
    let run = service.fetch().await;
    assert_eq!((&run["state"], &run["error"]["code"]), (&json!("failed"), &json!("empty_roster")), "{run}");
    assert_eq!(service.active().await, 1_500);
    // An entry that comes twice, on two pages, counts once.
    discord.world(|world| world.trouble(Route::Members, When::Nth(2), Trouble::Repeat(3)));
    let run = service.fetch().await;
    assert_eq!(counts(&run, ["duplicates", "unchanged", "total_active"]), [3, 1_500, 1_500], "{run}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_wish_joins_the_first_and_a_dry_run_asks_of_nobody() {
    let discord = guild_of(100).await;
    let service = Service::with_discord(&discord).await;
    service.fetch().await;
    // The first page hangs until the trouble is over.
    discord
        .world(|world| world.trouble(Route::Members, When::Every(1), Trouble::Limited(Scope::User, Duration::from_millis(300))));
    let first = service.begin(json!({ "source": "discord" })).await.json();
    let second = service.begin(json!({ "source": "discord", "dry_run": false })).await.json();
    assert_eq!((&first["joined"], &second["joined"], &second["id"]), (&json!(false), &json!(true), &first["id"]));
    discord.world(discord::World::untroubled);
    service.ended(&format!("{RUNS}/{}", first["id"].as_str().unwrap())).await;

    discord.world(|world| world.remove(FIRST));
    let asked = discord.world(|world| world.asked(Route::Member).count());
    let dry = service.begin(json!({ "source": "discord", "dry_run": true })).await;
    let dry = service.ended(dry.header("location")).await;
    assert_eq!((&dry["mode"], counts(&dry, ["marked_left", "unchanged"])), (&json!("dry_run"), [1, 99]), "{dry}");
    assert_eq!(discord.world(|world| world.asked(Route::Member).count()), asked);
    assert_eq!(service.active().await, 100);
    for (wish, place) in [
        (json!({}), "source form"),
        (json!({ "source": "file" }), "source form"),
        (json!({ "source": "discord", "dry": 1 }), "dry form"),
    ] {
        assert_eq!(service.begin(wish).await.faults(), [place]);
    }
    service.stop().await;

    let bare = Service::start().await;
    let refused = bare.begin(json!({ "source": "discord" })).await;
    assert!(refused.problem(503)["detail"].as_str().is_some_and(|text| text.contains("DISCORD_TOKEN")));
    bare.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_roles_come_with_the_list_and_posted_lists_go_on_beside() {
    let discord = guild_of(5).await;
    discord.world(|world| world.roles.push(discord::role(77, "Gardeners", 0x00_88_44)));
    let service = Service::with_discord(&discord).await;
    service.fetch().await;
    let roles = service.column("SELECT name || ' ' || CAST(color AS TEXT) FROM roles WHERE role_id = 77").await;
    assert_eq!(roles, [format!("Gardeners {}", 0x00_88_44)]);
    // A list that a bot posts is checked by nobody at Discord.
    let posted = send(service.post(list(members(FIRST..FIRST + 4)))).await.counts();
    assert_eq!(picked(&posted, ["unchanged", "marked_left"])[1], 1);
    discord.world(|world| assert_eq!(world.asked(Route::Member).count(), 0));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_of_the_schedule_is_one_run_however_many_processes_have_it() {
    let discord = guild_of(10).await;
    let service = Service::with_discord(&discord).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let schedules: Vec<_> = (0..3)
        .map(|_| {
            let (intake, clock) = (service.running.intake.clone().unwrap(), Arc::new(SystemClock));
            tokio::spawn(guildsync::cron::run(intake, Duration::from_secs(1), clock, stop.clone()))
        })
        .collect();
    let runs = "SELECT CAST(id AS TEXT) FROM sync_runs WHERE requested_by = 'schedule'";
    crate::support::eventually("three ticks were filed", async || service.column(runs).await.len() >= 3).await;
    stop.cancel();
    for schedule in schedules {
        schedule.await.unwrap();
    }
    let keys = service.column("SELECT key FROM idempotency_keys WHERE key LIKE 'schedule %'").await;
    assert_eq!(service.column(runs).await.len(), keys.len());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_is_cancelled_while_discord_says_nothing_holds_nobody_up() {
    let discord = guild_of(50).await;
    let service = Service::with_discord(&discord).await;
    discord.world(|world| world.trouble(Route::Members, When::Next(1), Trouble::Hang));
    let first = service.begin(json!({ "source": "discord" })).await.json();
    discord.until("the page is asked for", |world| (world.asked(Route::Members).count() > 0).then_some(())).await;
    let begun = std::time::Instant::now();
    let path = format!("{RUNS}/{}/cancel", first["id"].as_str().unwrap());
    send(service.client.post(service.url(&path)).header("X-API-Key", KEY).header("X-Guild-Id", &service.guild)).await.counts();
    let next = service.fetch().await;
    assert_eq!((&next["state"], counts(&next, ["created"])), (&json!("succeeded"), [50]), "{next}");
    // One answer is waited for half a minute.
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn departures_wait_for_a_worker_that_can_ask_discord() {
    let discord = guild_of(100).await;
    let service = Service::with_discord(&discord).await;
    service.fetch().await;
    discord.world(|world| {
        world.remove(FIRST);
        world.trouble(Route::Member, When::Every(1), Trouble::Hang);
    });
    let begun = service.begin(json!({ "source": "discord" })).await;
    discord.until("it is being asked about", |world| (world.asked(Route::Member).count() > 0).then_some(())).await;
    // The worker ends in the middle of its questions; the next one has no token.
    let Service { running, database, .. } = service;
    running.stop().await;
    let Database::Sqlite(place) = database else { panic!("it is SQLite") };
    let url = place.url();
    let address = discord.url();
    let settings = settings(&address);
    let without = [settings[0], ("DISCORD_TOKEN", ""), settings[2]];
    let blind = Service::on(Database::Sqlite(place), &url, &without).await;
    let rung = "SELECT CAST(rung_at AS TEXT) FROM sync_runs WHERE state = 'finishing'";
    let mut seen = std::collections::BTreeSet::new();
    crate::support::eventually("it was given back again and again", async || {
        seen.extend(blind.column(rung).await);
        seen.len() > 3
    })
    .await;
    assert_eq!(blind.active().await, 100);
    let Service { running, database, .. } = blind;
    running.stop().await;
    discord.world(discord::World::untroubled);
    let Database::Sqlite(place) = database else { panic!("it is SQLite") };
    let service = Service::on(Database::Sqlite(place), &url, &settings).await;
    let run = service.ended(begun.header("location")).await;
    assert_eq!((&run["state"], counts(&run, ["marked_left"])), (&json!("succeeded"), [1]), "{run}");
    service.stop().await;
}
