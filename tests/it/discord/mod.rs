//! The REST client against the fake Discord, over real sockets: what it reads, how it waits, when it gives up.

mod budget;
mod failures;
mod limits;
mod messages;
mod roster;
mod script;

use std::sync::Arc;
use std::time::Duration;

use guildsync::discord::{Budget, LocalBudget, Patience, Rest, RestOptions};
use guildsync::domain::DiscordId;

use crate::support::DEADLINE;
use crate::support::discord::{Fake, GUILD, Route, TOKEN};

/// Pauses so short that eight tries are soon over; waits that Discord names are kept all the same.
const BRIEF: Patience = Patience {
    connect: DEADLINE,
    answer: DEADLINE,
    stand_still: DEADLINE,
    first_pause: Duration::from_millis(2),
    longest_pause: Duration::from_millis(20),
};

fn id(number: u64) -> DiscordId {
    number.try_into().unwrap()
}

fn guild() -> DiscordId {
    id(GUILD)
}

/// How to reach whatever stands at this address.
fn options(api_url: &str, patience: Patience) -> RestOptions {
    RestOptions {
        api_url: api_url.into(),
        token: TOKEN.into(),
        home: "https://members.example.org".into(),
        random: Arc::new(rand::random),
        patience,
    }
}

fn rest_at(api_url: &str, patience: Patience) -> Rest {
    Rest::new(options(api_url, patience), Arc::new(LocalBudget::new())).unwrap()
}

fn rest(fake: &Fake) -> Rest {
    rest_at(&fake.url(), BRIEF)
}

fn rest_with(fake: &Fake, budget: Arc<dyn Budget>) -> Rest {
    Rest::new(options(&fake.url(), BRIEF), budget).unwrap()
}

/// The statuses of the answers so far; none for an answer that never was.
fn statuses(fake: &Fake, route: Route) -> Vec<Option<u16>> {
    fake.world(|world| world.asked(route).map(|asked| asked.status).collect())
}

/// Nobody asked while the fake had named a wait.
#[track_caller]
fn assert_patient(fake: &Fake) {
    let violations = fake.world(|world| world.limits.violations.clone());
    assert!(violations.is_empty(), "{violations:?}");
}
