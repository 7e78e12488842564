//! What goes wrong, and when.

use std::time::Duration;

use super::limits::{Limits, Scope};
use super::reply::{Answer, Reply};
use super::request::{Request, Route};

/// Which of the requests to a route meet a trouble, counted from when it was scripted.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// The next so many.
    Next(u32),
    /// That one alone; 1 is the next.
    Nth(u32),
    /// Every so-manieth.
    Every(u32),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    /// 429 with Discord's JSON, although the limit was not met.
    Limited(Scope, Duration),
    /// A page of the network in front of Discord: that status, HTML, and a `Retry-After` in seconds or none.
    Edge(u16, Option<u32>),
    /// That status with Discord's JSON.
    Status(u16),
    /// No answer, ever.
    Hang,
    /// The connection is closed in place of an answer.
    Closed,
    /// The connection is closed in the middle of the body.
    CutBody,
    /// A page of members ends after so many, as if these were all.
    CutShort(usize),
    /// A page of members begins with so many that an earlier one had.
    Repeat(usize),
}

#[derive(Debug)]
struct Script {
    route: Route,
    when: When,
    trouble: Trouble,
    seen: u32,
}

/// Everything scripted.
#[derive(Debug, Default)]
pub(super) struct Troubles(Vec<Script>);

impl Troubles {
    pub fn add(&mut self, route: Route, when: When, trouble: Trouble) {
        self.0.push(Script { route, when, trouble, seen: 0 });
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The trouble that this request meets; the first scripted, if several are due.
    pub fn due(&mut self, route: Route) -> Option<Trouble> {
        let mut due = None;
        for script in self.0.iter_mut().filter(|script| script.route == route) {
            script.seen += 1;
            let met = match script.when {
                When::Next(count) => script.seen <= count,
                When::Nth(place) => script.seen == place,
                When::Every(step) => script.seen % step == 0,
            };
            due = due.or(met.then_some(script.trouble));
        }
        due
    }
}

impl Trouble {
    /// What it answers, for troubles that need no answer to spoil.
    pub(super) fn instead(self, asked: &Request, limits: &mut Limits) -> Option<Reply> {
        Some(match self {
            Self::Limited(scope, wait) => Reply::Whole(limits.refuse(asked, scope, wait)),
            Self::Edge(status, None) => Reply::Whole(Answer::edge(status)),
            Self::Edge(status, Some(seconds)) => {
                limits.remember(asked, Scope::Global, Duration::from_secs(seconds.into()));
                Reply::Whole(Answer::edge(status).header("retry-after", seconds.to_string()))
            }
            Self::Status(status) => Reply::Whole(Answer::error(status, 0, &format!("{status}: scripted"))),
            Self::Hang => Reply::Hang,
            Self::Closed => Reply::Closed,
            Self::CutBody | Self::CutShort(_) | Self::Repeat(_) => return None,
        })
    }
}
