//! Rate limits as Discord keeps them: a bucket per route and guild, one for everything, and waits that are held against who
//! does not keep them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use guildsync::domain::{Clock as _, SystemClock};
use serde_json::json;
use tokio::time::Instant;

use super::reply::Answer;
use super::request::{Request, Route};

/// So many requests in so long a time.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Requests that are answered.
    pub requests: u32,
    /// From the first of them until the count begins anew.
    pub window: Duration,
}

/// Whose limit was met: `X-RateLimit-Scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This bot's, on this route.
    User,
    /// This bot's, on all routes.
    Global,
    /// That of all who ask for this resource.
    Shared,
}

/// A bucket's key: the route and the guild, channel or token.
type Key = (Route, String);

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: Instant,
    used: u32,
}

impl Window {
    /// Counts one more request; the window begins anew if it is over.
    fn count(&mut self, rate: Rate, now: Instant) {
        if now >= self.ends {
            *self = Self { ends: now + rate.window, used: 0 };
        }
        self.used += 1;
    }
}

/// A wait that was named and runs.
#[derive(Debug, Clone, Copy)]
struct Wait {
    scope: Scope,
    named: Instant,
    ends: Instant,
    to: Option<SocketAddr>,
}

/// What was asked while the fake had named a wait.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Method and path.
    pub asked: String,
    /// How much of the wait was left.
    pub early: Duration,
}

/// All of it.
pub struct Limits {
    rates: HashMap<Route, Rate>,
    /// Over all routes but those of an interaction.
    pub global: Rate,
    windows: HashMap<Key, Window>,
    all: Window,
    waits: HashMap<Key, Wait>,
    wait_for_all: Option<Wait>,
    /// How long after a wait was named a request on another connection may come in: it was on its way.
    pub on_its_way: Duration,
    /// Requests that came while a wait was running.
    pub violations: Vec<Violation>,
}

impl Limits {
    const USUAL: Rate = Rate { requests: 50, window: Duration::from_secs(1) };

    pub(super) fn new() -> Self {
        Self {
            rates: HashMap::new(),
            global: Self::USUAL,
            windows: HashMap::new(),
            all: Window { ends: Instant::now(), used: 0 },
            waits: HashMap::new(),
            wait_for_all: None,
            on_its_way: Duration::from_millis(20),
            violations: Vec::new(),
        }
    }

    /// Sets the rate of a route; 50 a second unless said.
    pub fn set(&mut self, route: Route, requests: u32, window: Duration) {
        self.rates.insert(route, Rate { requests, window });
    }

    /// The refusal of a request that comes while a wait is running.
    pub(super) fn early(&mut self, asked: &Request) -> Option<Answer> {
        let now = Instant::now();
        let for_all = self.wait_for_all.filter(|_| !asked.route.is_of_an_interaction());
        let wait = [self.waits.get(&key(asked)).copied(), for_all].into_iter().flatten().find(|wait| now < wait.ends)?;
        if wait.to == asked.peer || now > wait.named + self.on_its_way {
            let asked = format!("{} {}", asked.method, asked.path);
            self.violations.push(Violation { asked, early: wait.ends - now });
        }
        Some(limited(wait.scope, wait.ends - now))
    }

    /// Counts a request: the headers that its answer carries, and its refusal if it was one too many.
    pub(super) fn count(&mut self, asked: &Request) -> (Vec<(&'static str, String)>, Option<Answer>) {
        let now = Instant::now();
        if !asked.route.is_of_an_interaction() {
            self.all.count(self.global, now);
            if self.all.used > self.global.requests {
                return (Vec::new(), Some(self.refuse(asked, Scope::Global, self.all.ends - now)));
            }
        }
        let rate = self.rates.get(&asked.route).copied().unwrap_or(Self::USUAL);
        let window = self.windows.entry(key(asked)).or_insert(Window { ends: now, used: 0 });
        window.count(rate, now);
        let Window { ends, used } = *window;
        let left = round_up(ends - now);
        let reset = SystemClock.now() + left;
        let headers = vec![
            ("x-ratelimit-limit", rate.requests.to_string()),
            ("x-ratelimit-remaining", rate.requests.saturating_sub(used).to_string()),
            ("x-ratelimit-reset", format!("{}.{:03}", reset.timestamp(), reset.timestamp_subsec_millis())),
            ("x-ratelimit-reset-after", format!("{:.3}", left.as_secs_f64())),
            ("x-ratelimit-bucket", format!("{:032x}", asked.route as u32 + 0xb0c0)),
        ];
        let refusal = (used > rate.requests).then(|| self.refuse(asked, Scope::User, ends - now));
        (headers, refusal)
    }

    /// Names a wait, and remembers it.
    pub(super) fn refuse(&mut self, asked: &Request, scope: Scope, wait: Duration) -> Answer {
        let wait = round_up(wait);
        self.remember(asked, scope, wait);
        limited(scope, wait)
    }

    /// Remembers that `wait` was named to who asked this.
    pub(super) fn remember(&mut self, asked: &Request, scope: Scope, wait: Duration) {
        let named = Instant::now();
        let wait = Wait { scope, named, ends: named + wait, to: asked.peer };
        if scope == Scope::Global {
            self.wait_for_all = Some(wait);
        } else {
            self.waits.insert(key(asked), wait);
        }
    }
}

fn key(asked: &Request) -> Key {
    (asked.route, asked.major.clone())
}

/// To whole milliseconds, which is what the headers tell: never shorter than it is.
fn round_up(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_nanos().div_ceil(1_000_000)).expect("a short time"))
}

/// The 429 itself. The header has whole seconds, the body knows better.
fn limited(scope: Scope, wait: Duration) -> Answer {
    let wait = round_up(wait);
    let message = match scope {
        Scope::Shared => "The resource is being rate limited.",
        Scope::User | Scope::Global => "You are being rate limited.",
    };
    let body = json!({ "message": message, "retry_after": wait.as_secs_f64(), "global": scope == Scope::Global });
    let answer = Answer { status: 429, ..Answer::json(&body) };
    let answer = answer.header("retry-after", wait.as_millis().div_ceil(1000).to_string());
    match scope {
        Scope::User => answer.header("x-ratelimit-scope", "user"),
        Scope::Shared => answer.header("x-ratelimit-scope", "shared"),
        Scope::Global => answer.header("x-ratelimit-scope", "global").header("x-ratelimit-global", "true"),
    }
}
