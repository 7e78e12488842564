//! The budget of one process.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::kept::Kept;
use super::{Budget, GLOBAL_LIMIT, GLOBAL_WINDOW, LONGEST_PAUSE, Limits, Route, Scope};

/// A budget within this process.
#[derive(Debug, Default)]
pub struct LocalBudget(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the pause over all routes ends.
    paused_until: Option<Instant>,
    /// When the last requests that count against the limit over all went; at most [`GLOBAL_LIMIT`].
    recent: VecDeque<Instant>,
    routes: Kept<Known>,
    /// By bucket and resource.
    windows: Kept<Window>,
}

/// What is known of a route.
#[derive(Debug, Default)]
struct Known {
    paused_until: Option<Instant>,
    /// Key of its window.
    window: Option<String>,
}

/// A bucket's requests until it is filled again.
#[derive(Debug)]
struct Window {
    remaining: u32,
    limit: u32,
    ends: Instant,
    /// The longest that was seen: how long the next may last.
    length: Duration,
}

impl Window {
    fn wait(&self, now: Instant) -> Duration {
        if self.remaining == 0 { self.ends.saturating_duration_since(now) } else { Duration::ZERO }
    }

    fn take(&mut self, now: Instant) {
        if now >= self.ends {
            // Discord begins the next one with this request.
            (self.remaining, self.ends) = (self.limit, now + self.length);
        }
        self.remaining = self.remaining.saturating_sub(1);
    }

    fn learn(&mut self, limits: &Limits, now: Instant) {
        // While a window lasts we also know of requests that are under way.
        self.remaining = if now < self.ends { self.remaining.min(limits.remaining) } else { limits.remaining };
        (self.limit, self.ends) = (limits.limit, now + limits.reset_after);
        self.length = self.length.max(limits.reset_after);
    }
}

impl State {
    /// How long the route is held back by pauses and by an empty bucket.
    fn blocked(&self, route: &Route, now: Instant) -> Duration {
        let left = |until: Option<Instant>| until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let global = if route.is_global() { left(self.paused_until) } else { Duration::ZERO };
        let Some(known) = self.routes.get(route.name()) else { return global };
        let window = known.window.as_ref().and_then(|key| self.windows.get(key));
        global.max(left(known.paused_until)).max(window.map_or(Duration::ZERO, |window| window.wait(now)))
    }

    fn acquire(&mut self, route: &Route, now: Instant) -> Duration {
        let blocked = self.blocked(route, now);
        if !blocked.is_zero() {
            return blocked;
        }
        if route.is_global() {
            if self.recent.len() >= GLOBAL_LIMIT {
                let free = self.recent.front().map_or(now, |oldest| *oldest + GLOBAL_WINDOW);
                if free > now {
                    return free - now;
                }
                self.recent.pop_front();
            }
            self.recent.push_back(now);
        }
        if let Some(key) = self.routes.get(route.name()).and_then(|known| known.window.clone())
            && let Some(window) = self.windows.get_mut(&key, now)
        {
            window.take(now);
        }
        Duration::ZERO
    }

    fn learn(&mut self, route: &Route, limits: &Limits, now: Instant) {
        let key = format!("{}{}", limits.bucket, route.resource());
        self.routes.entry(route.name(), now, Known::default).window = Some(key.clone());
        let new = || Window { remaining: limits.remaining, limit: limits.limit, ends: now, length: limits.reset_after };
        self.windows.entry(&key, now, new).learn(limits, now);
    }

    fn pause(&mut self, scope: Scope<'_>, until: Instant, now: Instant) {
        let paused = match scope {
            Scope::Global => &mut self.paused_until,
            Scope::Route(route) => &mut self.routes.entry(route.name(), now, Known::default).paused_until,
        };
        // A later word does not shorten an earlier one.
        *paused = (*paused).max(Some(until));
    }
}

impl LocalBudget {
    /// A budget of which nothing is used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long the route is held back by what this process was told; takes no place.
    pub(super) fn blocked(&self, route: &Route) -> Duration {
        self.state().blocked(route, Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Budget for LocalBudget {
    async fn acquire(&self, route: &Route) -> Duration {
        self.state().acquire(route, Instant::now())
    }

    async fn learn(&self, route: &Route, limits: &Limits) {
        self.state().learn(route, limits, Instant::now());
    }

    async fn pause(&self, scope: Scope<'_>, length: Duration) {
        let now = Instant::now();
        self.state().pause(scope, now + length.min(LONGEST_PAUSE), now);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn members() -> Route {
        Route::new("GET", &["guilds", "41", "members"])
    }

    fn limits(limit: u32, remaining: u32, millis: u64) -> Limits {
        Limits::new("b0c1", limit, remaining, Duration::from_millis(millis)).unwrap()
    }

    /// How many requests may go at once.
    async fn burst(budget: &LocalBudget, route: &Route) -> (usize, Duration) {
        for taken in 0..200 {
            let wait = budget.acquire(route).await;
            if !wait.is_zero() {
                return (taken, wait);
            }
        }
        (200, Duration::ZERO)
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_than_fifty_requests_over_all_routes() {
        let budget = LocalBudget::new();
        for _ in 0..30 {
            assert!(budget.acquire(&members()).await.is_zero());
        }
        advance(Duration::from_millis(600)).await;
        let other = Route::new("GET", &["users", "@me"]);
        assert_eq!(burst(&budget, &other).await, (20, Duration::from_millis(500)));
        advance(Duration::from_millis(500)).await;
        assert_eq!(burst(&budget, &members()).await, (30, Duration::from_millis(600)));
        // Replies to interactions do not count.
        let reply = Route::new("PATCH", &["webhooks", "3", "token", "messages", "@original"]);
        assert_eq!(burst(&budget, &reply).await, (200, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_bucket_waits_for_its_window_and_fills_to_its_limit() {
        let budget = LocalBudget::new();
        assert!(budget.acquire(&members()).await.is_zero());
        budget.learn(&members(), &limits(10, 0, 2_500)).await;
        assert_eq!(burst(&budget, &members()).await, (0, Duration::from_millis(2_500)));
        // Another guild's bucket is another one.
        assert!(budget.acquire(&Route::new("GET", &["guilds", "42", "members"])).await.is_zero());
        advance(Duration::from_millis(2_500)).await;
        assert_eq!(burst(&budget, &members()).await, (10, Duration::from_millis(2_500)));
    }

    #[tokio::test(start_paused = true)]
    async fn routes_of_one_bucket_share_it() {
        let budget = LocalBudget::new();
        let one = Route::new("GET", &["guilds", "41", "members", "7"]);
        budget.learn(&one, &limits(5, 0, 1_000)).await;
        budget.learn(&members(), &limits(5, 0, 1_000)).await;
        assert_eq!(burst(&budget, &one).await.0, 0);
        advance(Duration::from_secs(1)).await;
        for _ in 0..4 {
            assert!(budget.acquire(&members()).await.is_zero());
        }
        assert_eq!(burst(&budget, &one).await.0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_under_way_stay_counted_until_the_window_is_over() {
        let budget = LocalBudget::new();
        budget.learn(&members(), &limits(5, 4, 1_000)).await;
        for _ in 0..3 {
            assert!(budget.acquire(&members()).await.is_zero());
        }
        // The first of the three comes back, and says what Discord knew then.
        budget.learn(&members(), &limits(5, 3, 990)).await;
        assert_eq!(burst(&budget, &members()).await.0, 1);
        advance(Duration::from_secs(1)).await;
        budget.learn(&members(), &limits(5, 3, 1_000)).await;
        assert_eq!(burst(&budget, &members()).await.0, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_kept_to_its_end_and_not_shortened() {
        let budget = LocalBudget::new();
        let seconds = Duration::from_secs;
        budget.pause(Scope::Route(&members()), seconds(9)).await;
        budget.pause(Scope::Route(&members()), seconds(2)).await;
        assert_eq!(budget.acquire(&members()).await, seconds(9));
        let roles = Route::new("GET", &["guilds", "41", "roles"]);
        assert!(budget.acquire(&roles).await.is_zero());
        budget.pause(Scope::Global, seconds(20)).await;
        assert_eq!((budget.acquire(&members()).await, budget.acquire(&roles).await), (seconds(20), seconds(20)));
        let reply = Route::new("PATCH", &["webhooks", "3", "token", "messages", "@original"]);
        assert!(budget.acquire(&reply).await.is_zero());
        advance(seconds(20)).await;
        assert!(budget.acquire(&members()).await.is_zero());
        budget.pause(Scope::Global, Duration::MAX).await;
        assert_eq!(budget.acquire(&members()).await, LONGEST_PAUSE);
    }
}
