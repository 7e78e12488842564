//! The budget that processes share through Redis, and what becomes of it when Redis dies.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use guildsync::discord::{Budget, Limits, RedisBudget, Route, Scope};
use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

use super::{assert_patient, guild, id, rest_with, statuses};
use crate::support::discord::{Fake, Person, Route as Asked};
use crate::support::redis::{self, PrivateRedis};
use crate::support::{DEADLINE, eventually};

/// Longer than any test.
const LONG: Duration = Duration::from_hours(1);
/// How often a test is repeated that needs a machine which is not too busy.
const ATTEMPTS: usize = 20;

fn budget(prefix: &str) -> RedisBudget {
    RedisBudget::new(&redis::url().into(), prefix).unwrap()
}

fn members() -> Route {
    Route::new("GET", &["guilds", "41", "members"])
}

fn roles() -> Route {
    Route::new("GET", &["guilds", "41", "roles"])
}

fn limits(limit: u32, remaining: u32, reset_after: Duration) -> Limits {
    Limits::new("b0c1", limit, remaining, reset_after).unwrap()
}

/// Nearly as long as that is left.
#[track_caller]
fn assert_about(wait: Duration, whole: Duration) {
    assert!(wait + DEADLINE > whole && wait <= whole + Duration::from_millis(2), "{wait:?}");
}

#[tokio::test]
async fn what_one_process_is_told_holds_for_the_others() {
    let prefix = redis::unique_prefix();
    let (one, other) = (budget(&prefix), budget(&prefix));
    assert!(one.acquire(&members()).await.is_zero());
    one.learn(&members(), &limits(5, 0, LONG)).await;
    assert_about(other.acquire(&members()).await, LONG);
    // The same bucket under another route, and of another guild.
    other.learn(&roles(), &limits(5, 4, LONG)).await;
    assert_about(one.acquire(&roles()).await, LONG);
    assert!(other.acquire(&Route::new("GET", &["guilds", "42", "members"])).await.is_zero());

    let single = Route::new("GET", &["guilds", "41", "members", "7"]);
    one.pause(Scope::Route(&single), LONG).await;
    one.pause(Scope::Route(&single), Duration::from_secs(1)).await;
    assert_about(other.acquire(&single).await, LONG);

    let me = Route::new("GET", &["users", "@me"]);
    assert!(other.acquire(&me).await.is_zero());
    other.pause(Scope::Global, LONG).await;
    assert_about(one.acquire(&me).await, LONG);
    let reply = Route::new("PATCH", &["webhooks", "3", "token", "messages", "@original"]);
    assert!(one.acquire(&reply).await.is_zero());

    // Another installation on the same Redis is another bot.
    assert!(budget(&redis::unique_prefix()).acquire(&members()).await.is_zero());
}

#[tokio::test]
async fn a_window_is_used_up_together_and_fills_again() {
    let prefix = redis::unique_prefix();
    let (one, other) = (budget(&prefix), budget(&prefix));
    let window = Duration::from_millis(500);
    one.learn(&members(), &limits(3, 2, window)).await;
    let begun = Instant::now();
    let mut taken = 0;
    while taken < 8 {
        for budget in [&one, &other] {
            let wait = budget.acquire(&members()).await;
            if wait.is_zero() {
                taken += 1;
            }
            assert!(wait <= window + Duration::from_millis(1), "{wait:?}");
        }
        tokio::task::yield_now().await;
    }
    // Two of this window, three of the next, three of the one after that.
    assert!(begun.elapsed() + Duration::from_millis(5) >= window * 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn no_second_has_more_than_fifty_requests_of_all_processes() {
    for _ in 0..ATTEMPTS {
        let prefix = redis::unique_prefix();
        let (one, other) = (budget(&prefix), budget(&prefix));
        let begun = Instant::now();
        let asking = (0..80).map(|number| {
            let budget = if number % 2 == 0 { &one } else { &other };
            async move { budget.acquire(&members()).await }
        });
        let waits = futures::future::join_all(asking).await;
        if begun.elapsed() < Duration::from_secs(1) {
            assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 50);
            let longest = waits.iter().max().unwrap();
            assert!(*longest > Duration::ZERO && *longest <= Duration::from_millis(1_100));
            return;
        }
    }
    panic!("80 questions to Redis take more than a second each time");
}

#[tokio::test]
async fn two_clients_spare_each_other_every_429() {
    let fake = Fake::start().await;
    fake.world(|world| {
        world.put(&Person::new(1));
        world.limits.set(Asked::Member, 5, Duration::from_millis(500));
    });
    let prefix = redis::unique_prefix();
    let (one, other) = (rest_with(&fake, Arc::new(budget(&prefix))), rest_with(&fake, Arc::new(budget(&prefix))));
    one.member(guild(), id(1)).await.unwrap();
    let asking = (0..10).flat_map(|_| [one.member(guild(), id(1)), other.member(guild(), id(1))]);
    for presence in futures::future::join_all(asking).await {
        presence.unwrap();
    }
    assert_eq!(statuses(&fake, Asked::Member), [Some(200); 21]);
    assert_patient(&fake);
}

/// Log lines of this thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn count(&self, text: &str) -> usize {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().matches(text).count()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn when_redis_dies_a_process_goes_on_alone_says_so_once_and_finds_back() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).finish();
    let _logging = tracing::subscriber::set_default(subscriber);

    let mut server = PrivateRedis::start();
    let budgets = [(); 2].map(|()| RedisBudget::new(&server.url().into(), "test").unwrap());
    let [one, other] = &budgets;
    one.pause(Scope::Route(&roles()), LONG).await;
    assert!(one.acquire(&members()).await.is_zero());
    server.kill();

    // On and on, with the limits of one process, and with what it was told before.
    let mut taken = 0;
    while one.acquire(&members()).await.is_zero() {
        taken += 1;
    }
    assert!(taken >= 50, "{taken}");
    assert_about(one.acquire(&roles()).await, LONG);
    one.learn(&roles(), &limits(5, 4, LONG)).await;
    assert_eq!(lines.count("Redis cannot be reached"), 1);
    assert_eq!(lines.count("Redis answers again"), 0);

    server.restart();
    let single = Route::new("GET", &["guilds", "41", "members", "7"]);
    eventually("they share again", async || {
        one.pause(Scope::Route(&single), LONG).await;
        other.acquire(&single).await > DEADLINE
    })
    .await;
    assert_eq!(lines.count("Redis cannot be reached"), 1);
    assert_eq!(lines.count("Redis answers again"), 1);
}

#[tokio::test]
async fn a_redis_that_is_silent_holds_back_one_question_and_not_all() {
    let mut server = PrivateRedis::start();
    let budget = RedisBudget::new(&server.url().into(), "test").unwrap();
    assert!(budget.acquire(&members()).await.is_zero());
    server.pause();
    assert!(budget.acquire(&members()).await.is_zero());
    let begun = Instant::now();
    for _ in 0..10 {
        assert!(budget.acquire(&members()).await.is_zero());
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_redis_url_that_is_none_is_named() {
    let error = RedisBudget::new(&"http://127.0.0.1".into(), "test").err().unwrap();
    assert_eq!(error.code(), "bad_address");
    assert!(error.to_string().contains("REDIS_URL"), "{error}");
}
