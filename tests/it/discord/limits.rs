//! 429 of every kind: each wait that is named is kept, and is no try.

use std::sync::Arc;
use std::time::Duration;

use guildsync::discord::{Budget, LocalBudget, Patience, Rest};
use tokio::time::Instant;

use super::{BRIEF, assert_patient, guild, id, options, rest, rest_at, rest_with, statuses};
use crate::support::discord::{Fake, Person, Route, Scope, Trouble, When};

const WAIT: Duration = Duration::from_millis(120);

/// A request meets a trouble so often that a try each would be too many, and waits each time.
async fn outlasts(trouble: Trouble, times: u32, each: Duration) {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put(&Person::new(1));
        world.trouble(Route::Members, When::Next(times), trouble);
    });
    let begun = Instant::now();
    let page = rest(&fake).members_after(guild(), None).await.unwrap();
    assert_eq!(page.members.len(), 1);
    assert!(begun.elapsed() >= each * times, "{trouble:?}: {:?}", begun.elapsed());
    assert_eq!(statuses(&fake, Route::Members).len(), times as usize + 1);
    assert_patient(&fake);
}

#[tokio::test]
async fn waits_of_a_route_of_all_routes_and_of_others_are_kept() {
    let scopes = [Scope::User, Scope::Global, Scope::Shared];
    // The header rounds up to a second; more than eight of them in a row.
    let second = Duration::from_secs(1);
    futures::future::join_all(scopes.map(|scope| outlasts(Trouble::Limited(scope, WAIT), 9, second))).await;
}

#[tokio::test]
async fn the_edge_says_429_without_json_and_its_wait_is_kept() {
    outlasts(Trouble::Edge(429, Some(1)), 2, Duration::from_secs(1)).await;
    // Without a wait there is only patience.
    outlasts(Trouble::Edge(429, None), 7, Duration::ZERO).await;
}

#[tokio::test]
async fn a_503_that_names_a_wait_is_waited_for() {
    outlasts(Trouble::Edge(503, Some(1)), 1, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn a_wait_for_all_routes_holds_back_the_others() {
    let fake = Fake::start().await;
    let wait = Duration::from_millis(700);
    fake.world(|world| world.trouble(Route::Roles, When::Next(1), Trouble::Limited(Scope::Global, wait)));
    let budget: Arc<dyn Budget> = Arc::new(LocalBudget::new());
    let hasty = Patience { stand_still: Duration::from_millis(300), ..BRIEF };
    let hasty = Rest::new(options(&fake.url(), hasty), Arc::clone(&budget)).unwrap();
    let begun = Instant::now();
    assert_eq!(hasty.roles(guild()).await.unwrap_err().code(), "stood_still");
    // Neither another route nor another client.
    assert_eq!(hasty.guild(guild()).await.unwrap_err().code(), "stood_still");
    rest_with(&fake, budget).guild(guild()).await.unwrap();
    assert!(begun.elapsed() >= wait);
    assert_eq!(statuses(&fake, Route::Guild), [Some(200)]);
    assert_patient(&fake);
}

#[tokio::test]
async fn the_headers_spare_us_every_429() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put(&Person::new(1));
        world.limits.set(Route::Member, 4, Duration::from_millis(400));
    });
    let rest = rest(&fake);
    // The first answer tells what there is.
    rest.member(guild(), id(1)).await.unwrap();
    let asking = (0..15).map(|_| rest.member(guild(), id(1)));
    for presence in futures::future::join_all(asking).await {
        presence.unwrap();
    }
    assert_eq!(statuses(&fake, Route::Member), [Some(200); 16]);
    assert_patient(&fake);
}

#[tokio::test]
async fn whoever_stands_still_for_too_long_gives_up_and_keeps_the_wait() {
    let fake = Fake::start().await;
    fake.world(|world| world.trouble(Route::Members, When::Next(1), Trouble::Limited(Scope::User, Duration::from_hours(1))));
    let begun = Instant::now();
    let rest = rest_at(&fake.url(), Patience { stand_still: Duration::from_mins(15), ..BRIEF });
    for _ in 0..3 {
        let error = rest.members_after(guild(), None).await.unwrap_err();
        assert_eq!((error.code(), error.is_transient()), ("stood_still", true));
    }
    assert!(begun.elapsed() < Duration::from_mins(10));
    assert_eq!(statuses(&fake, Route::Members), [Some(429)]);
}
