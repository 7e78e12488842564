//! Members, the guild, its roles, the bot: what is read when all goes well, and of members that are odd.

use std::collections::BTreeSet;
use std::time::Duration;

use guildsync::discord::{Presence, Rest};
use guildsync::domain::{DiscordId, GuildRole};
use serde_json::json;

use super::{assert_patient, guild, id, rest};
use crate::support::discord::{APPLICATION, Fake, GUILD, Person, Route, Scope, Trouble, When, role};

/// What a whole fetch found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    pages: usize,
    members: BTreeSet<DiscordId>,
    odd: Vec<String>,
    received: usize,
    duplicates: usize,
}

async fn fetch(rest: &Rest) -> Found {
    let (mut found, mut after) = (Found::default(), None);
    loop {
        let page = rest.members_after(guild(), after).await.unwrap();
        found.pages += 1;
        for member in &page.members {
            assert!(found.members.insert(member.id), "{} twice", member.id);
        }
        found.odd.extend(page.odd.iter().map(ToString::to_string));
        found.received += page.received;
        found.duplicates += page.duplicates;
        if page.is_last {
            return found;
        }
        assert!(page.last > after);
        after = page.last;
    }
}

#[tokio::test]
async fn rosters_around_the_size_of_a_page_come_in_whole() {
    for (count, pages) in [(0, 1), (1, 1), (999, 1), (1_000, 2), (1_001, 2), (2_500, 3)] {
        let fake = Fake::start().await;
        // Ids of different lengths: as text, 999 would be the last of all.
        fake.world(|world| world.put_many(999, count));
        let found = fetch(&rest(&fake)).await;
        let members: BTreeSet<DiscordId> = (999..999 + count).map(id).collect();
        assert!(found.members == members, "{count}: {}", found.members.len());
        assert_eq!((found.pages, found.received, found.duplicates), (pages, members.len(), 0));
        let queries: Vec<String> =
            fake.world(|world| world.asked(Route::Members).map(|asked| asked.request.query.clone()).collect());
        assert_eq!(queries[0], "limit=1000");
        if pages > 1 {
            assert_eq!(queries[1], "limit=1000&after=1998");
        }
    }
}

#[tokio::test]
async fn a_roster_comes_in_whole_through_pages_that_fail_now_and_then() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put_many(1, 12_345);
        world.limits.set(Route::Members, 5, Duration::from_millis(300));
        world.trouble(Route::Members, When::Every(3), Trouble::Status(500));
        world.trouble(Route::Members, When::Every(4), Trouble::CutBody);
        world.trouble(Route::Members, When::Every(7), Trouble::Limited(Scope::User, Duration::from_millis(30)));
    });
    let found = fetch(&rest(&fake)).await;
    assert_eq!((found.members.len(), found.received, found.pages), (12_345, 12_345, 13));
    assert_patient(&fake);
}

#[tokio::test]
async fn odd_members_are_named_and_cost_no_other() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put_many(10, 5);
        world.put(&Person::new(20).username("nul\0nul"));
        world.put(&Person::new(21).with("joined_at", "yesterday"));
        world.put_raw(22, &json!({"nick": "nobody"}));
        world.put_raw(23, &json!(null));
        world.put(&Person::new(24).with("pending", true).with("joined_at", json!(null)));
    });
    let found = fetch(&rest(&fake)).await;
    let members: BTreeSet<DiscordId> = (10..15).chain([24]).map(id).collect();
    assert_eq!((found.members, found.received), (members, 10));
    assert_eq!(
        found.odd,
        [
            "member 20: user.username: must not contain a NUL character",
            "member 21: joined_at: must be a time like 2024-01-01T00:00:00Z",
            "a member without a readable id: user: is missing",
            "a member without a readable id: user: is missing",
        ]
    );
}

#[tokio::test]
async fn members_that_come_again_are_counted_and_not_given_again() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put_many(1, 1_500);
        world.trouble(Route::Members, When::Nth(2), Trouble::Repeat(3));
    });
    let found = fetch(&rest(&fake)).await;
    assert_eq!((found.members.len(), found.received, found.duplicates), (1_500, 1_503, 3));
}

#[tokio::test]
async fn a_page_that_does_not_go_on_is_an_error_and_no_loop() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put_many(1, 2_000);
        world.trouble(Route::Members, When::Next(100), Trouble::Repeat(1_000));
    });
    let error = rest(&fake).members_after(guild(), Some(id(1_000))).await.unwrap_err();
    assert_eq!(error.code(), "bad_answer");
    assert_eq!(fake.world(|world| world.asked(Route::Members).count()), 8);
}

#[tokio::test]
async fn one_person_is_present_odd_or_gone() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put(&Person::new(1).username("here"));
        world.put(&Person::new(2).username(""));
        world.put_many(3, 1);
        world.remove(3);
    });
    let rest = rest(&fake);
    let ask = async |user| rest.member(guild(), id(user)).await.unwrap();
    assert!(matches!(ask(1).await, Presence::Present(member) if member.username == "here" && member.id == id(1)));
    assert!(matches!(ask(2).await, Presence::PresentButOdd(odd) if odd.id == Some(id(2))));
    // Unknown Member, and Unknown User.
    assert_eq!((ask(3).await, ask(4).await), (Presence::Gone, Presence::Gone));
    assert_eq!(rest.member(id(77), id(1)).await.unwrap_err().code(), "unknown_guild");
}

#[tokio::test]
async fn the_guild_tells_its_name_and_its_size() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.guild_name = "Kaffeekränzchen".into();
        world.approximate_member_count = Some(12_345);
    });
    let facts = rest(&fake).guild(guild()).await.unwrap();
    assert_eq!((facts.name.as_str(), facts.approximate_member_count), ("Kaffeekränzchen", Some(12_345)));
}

#[tokio::test]
async fn roles_have_names_and_colours() {
    let fake = Fake::start().await;
    fake.world(|world| world.roles.push(role(7, "Moderators", 0x00e9_1e63)));
    let roles = rest(&fake).roles(guild()).await.unwrap();
    assert_eq!(roles.iter().map(|role| role.id).collect::<Vec<_>>(), [id(GUILD), id(7)]);
    assert!(matches!(&roles[1], GuildRole { name, color: 0x00e9_1e63, .. } if name == "Moderators"));
}

#[tokio::test]
async fn the_token_tells_whose_it_is_and_whether_the_intent_is_on() {
    let fake = Fake::start().await;
    let rest = rest(&fake);
    let identity = rest.identity().await.unwrap();
    assert_eq!((identity.application, identity.user), (id(APPLICATION), id(APPLICATION)));
    assert!(identity.has_members_intent && identity.username.starts_with("Guild Sync"), "{identity:?}");
    fake.world(|world| world.members_intent = false);
    assert!(!rest.identity().await.unwrap().has_members_intent);
    let agent = fake.world(|world| world.log[0].request.user_agent.clone());
    assert_eq!(agent, format!("DiscordBot (https://members.example.org, {})", env!("CARGO_PKG_VERSION")));
}
