//! What the gateway tells of members, and what becomes of it.

use guildsync::domain::Source;
use serde_json::{Value, json};

use super::discord::{GUILD, Person, Route, Trouble, When, role};
use super::{FIRST, Site, eventually};

pub fn nelly() -> Person {
    let picture = "0fa1c2e3aa1f5e5b8a3c1a4bd9a0c111";
    Person::new(77).username("nelly").global_name("Nelly").nick("Nell").roles(&[41, 42]).with("avatar", picture)
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_changing_leaving_and_coming_back() {
    let site = Site::of(2).await;
    let robot = site.settled().await;
    site.discord.world(|world| world.member_joins(&nelly()));
    let row = site.row(77, "she is here", |row| row.date_left.is_none()).await;
    let names = (row.member.username.as_str(), row.member.display_name.as_str(), row.member.nickname.as_str());
    assert_eq!((names, row.member.roles.to_vec()), (("nelly", "Nelly", "Nell"), vec!["41".to_owned(), "42".to_owned()]));
    assert_eq!((row.member.avatar_hash.as_str(), row.member.guild_avatar()), ("", "0fa1c2e3aa1f5e5b8a3c1a4bd9a0c111"));
    let joined = row.member.joined_at;
    assert_eq!(joined, Some("2024-05-01T12:30:00.123Z".parse().unwrap()));

    // Nothing but her picture for the guild.
    let moving = "a_0fa1c2e3aa1f5e5b8a3c1a4bd9a0c222";
    site.discord.world(|world| world.member_changes(&nelly().with("avatar", moving)));
    site.row(77, "she has another picture", |row| row.member.guild_avatar() == moving).await;
    site.discord.world(|world| world.member_changes(&nelly().with("avatar", Value::Null)));
    site.row(77, "she has no picture for the guild", |row| row.member.guild_avatar().is_empty()).await;

    // A change that does not know when she joined.
    site.discord.world(|world| world.member_changes(&nelly().nick("Nellie").with("joined_at", Value::Null)));
    let row = site.row(77, "she is called otherwise", |row| row.member.nickname == "Nellie").await;
    assert_eq!(row.member.joined_at, joined);

    site.discord.world(|world| world.member_leaves(77));
    let row = site.row(77, "she has left", |row| row.date_left.is_some()).await;
    assert_eq!(row.member.nickname, "Nellie");
    site.discord.world(|world| world.member_joins(&nelly()));
    site.row(77, "she is back", |row| row.date_left.is_none() && row.member.nickname == "Nell").await;

    // Of a stranger who leaves there is a row from then on.
    let stranger = Person::new(99).username("stranger");
    site.discord.world(|world| {
        world.dispatch("GUILD_MEMBER_REMOVE", &json!({ "guild_id": GUILD.to_string(), "user": stranger.user() }));
    });
    let row = site.row(99, "they have left", |row| row.date_left.is_some()).await;
    assert_eq!(row.member.username, "stranger");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_costs_itself_alone() {
    let site = Site::of(1).await;
    let robot = site.settled().await;
    let odd = Person::new(5).username("");
    let elsewhere = json!({ "guild_id": "1", "user": nelly().user(), "roles": [], "joined_at": null });
    site.discord.world(|world| {
        world.dispatch("GUILD_MEMBER_UPDATE", &json!({ "guild_id": GUILD.to_string() }));
        world.dispatch("GUILD_MEMBER_UPDATE", &elsewhere);
        world.member_changes(&odd);
        world.member_joins(&Person::new(6));
    });
    site.row(6, "they are here", |row| row.date_left.is_none()).await;
    assert_eq!(site.rows().await.into_keys().collect::<Vec<_>>(), [6, FIRST]);
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raid_is_a_few_runs() {
    const RAIDERS: u64 = 10_000;
    let site = Site::of(1).await;
    let robot = site.settled().await;
    site.discord.world(|world| (0..RAIDERS).for_each(|one| world.member_joins(&Person::new(2_000_000 + one))));
    eventually("all of them are here", async || {
        site.stores().read.member_totals().await.unwrap().present == i64::try_from(RAIDERS + 1).unwrap()
    })
    .await;
    let runs = site.runs(true).await;
    let deltas: Vec<_> = runs.iter().filter(|run| run.source == Source::Events).collect();
    assert!(deltas.len() <= 100, "{} runs", deltas.len());
    assert_eq!(deltas.iter().map(|run| run.counts.created).sum::<i64>(), i64::try_from(RAIDERS).unwrap());
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_member_keep_their_order() {
    const TIMES: u64 = 500;
    let site = Site::of(1).await;
    let robot = site.settled().await;
    site.discord.world(|world| {
        for time in 0..TIMES {
            for id in 1..=20 {
                let person = Person::new(id);
                world.member_joins(&person.nick(&format!("{time}")));
                world.member_leaves(id);
            }
        }
        (1..=10).for_each(|id| world.member_joins(&Person::new(id).nick("last")));
        world.member_joins(&Person::new(1_000));
    });
    site.row(1_000, "they are here", |row| row.date_left.is_none()).await;
    eventually("all have come and gone", async || {
        let rows = site.rows().await;
        (1..=20).all(|id| rows.get(&id).is_some_and(|row| row.date_left.is_none() == (id <= 10)))
    })
    .await;
    let rows = site.rows().await;
    assert!((1..=10).all(|id| rows[&id].member.nickname == "last"));
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_a_break_that_is_resumed() {
    let site = Site::of(1).await;
    let robot = site.settled().await;
    site.discord.world(|world| {
        world.gateway.break_connections();
        // Told when the session is had back.
        world.member_joins(&nelly());
    });
    site.row(77, "she is here", |row| row.date_left.is_none()).await;
    assert!(site.discord.world(|world| world.gateway.resumes.iter().any(|resume| resume.granted)));
    // No full sync had to say it.
    site.fetches(1).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_break_that_is_not_resumed_a_full_sync_says_what_was_missed() {
    let site = Site::of(1).await;
    let robot = site.settled().await;
    site.discord.world(|world| {
        world.gateway.invalidate(false);
        world.put(&nelly());
        world.remove(FIRST);
    });
    site.row(77, "she is here", |row| row.date_left.is_none()).await;
    site.row(FIRST, "they have left", |row| row.date_left.is_some()).await;
    assert_eq!(site.fetches(2).await[0].requested_by, "");
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_of_the_guild_a_full_sync_says_what_was_missed() {
    let site = Site::of(1).await;
    let robot = site.settled().await;
    site.discord.world(|world| {
        world.dispatch("GUILD_DELETE", &json!({ "id": GUILD.to_string(), "unavailable": true }));
        world.put(&nelly());
        world.bot_is_invited();
    });
    site.row(77, "she is here", |row| row.date_left.is_none()).await;
    site.fetches(2).await;
    robot.stop().await;
}

/// The names of the roles that pages show.
async fn role_names(site: &Site) -> Vec<String> {
    let mut roles = site.stores().read.roles().await.unwrap();
    roles.sort_by_key(|role| role.id);
    roles.into_iter().map(|role| role.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_roles_follow_the_gateway_and_a_burst_is_a_few_requests() {
    let site = Site::of(1).await;
    let robot = site.settled().await;
    let asked = || site.discord.world(|world| world.asked(Route::Roles).count());
    let become_so = async |names: &[&str]| {
        eventually(&format!("the roles are {names:?}"), async || role_names(&site).await == names).await;
    };
    become_so(&["@everyone"]).await;
    site.discord.world(|world| world.role_appears(&role(41, "Staff", 7)));
    become_so(&["Staff", "@everyone"]).await;
    site.discord.world(|world| world.role_changes(&role(41, "Crew", 7)));
    become_so(&["Crew", "@everyone"]).await;
    site.discord.world(|world| world.role_goes(41));
    become_so(&["@everyone"]).await;

    let before = asked();
    site.discord.world(|world| (1..=200).for_each(|id| world.role_appears(&role(id, &format!("role {id}"), 0))));
    eventually("all of them are named", async || role_names(&site).await.len() == 201).await;
    assert!(asked() - before <= 3, "{} requests", asked() - before);
    site.fetches(1).await;
    robot.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_roles_that_discord_does_not_tell_at_once_are_asked_for_again() {
    let site = Site::of(1).await;
    let robot = site.settled().await;
    site.discord.world(|world| {
        world.trouble(Route::Roles, When::Next(1), Trouble::Edge(403, None));
        world.role_appears(&role(41, "Staff", 7));
    });
    eventually("the role is named", async || role_names(&site).await == ["Staff", "@everyone"]).await;
    robot.stop().await;
}

/// How long after the last of ten thousand events the database has them all. By hand:
/// `cargo test --test it -- --ignored --nocapture a_burst_of_events`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints a figure and judges nothing"]
async fn a_burst_of_events_is_measured() {
    const EVENTS: u64 = 10_000;
    let site = Site::of(1).await;
    let robot = site.settled().await;
    site.discord.world(|world| (1..=EVENTS).for_each(|id| world.member_joins(&Person::new(id))));
    let told = std::time::Instant::now();
    let all = EVENTS + 1;
    eventually("all are there", async || {
        let present = site.stores().read.member_totals().await.unwrap().present;
        present == i64::try_from(all).unwrap()
    })
    .await;
    println!("{EVENTS} members joined; {:?} after the last was told of, all were in the database", told.elapsed());
    robot.stop().await;
}
