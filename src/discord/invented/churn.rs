//! How the guild changes as time passes.

use chrono::{DateTime, Utc};
use rand::RngExt as _;
use rand::seq::index;

use super::snowflake::{self, DAY, HOUR};
use super::{InventedGuild, pick_out};
use crate::domain::{DiscordId, Member};

/// What a step of churn did, in people. Nobody is in two of the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Churn {
    /// Joined for the first time.
    pub joined: usize,
    /// Left.
    pub left: usize,
    /// Came back after they had left.
    pub returned: usize,
    /// Stayed, and differ from before in some field.
    pub changed: usize,
}

/// Most people of one kind in a step, whatever the size: well below the 25 departures that a guard always believes.
const MOST: usize = 12;
/// How many of those who left are remembered; the earliest are forgotten first.
const MOST_AWAY: usize = 1_000;

impl InventedGuild {
    /// Lets time pass until `now`: a few people join, leave, return, rename themselves, change nickname, avatar or roles. The size
    /// stays near what it was made with, so a demo can run for weeks. A `now` before the last one counts as the last one.
    pub fn churn(&mut self, now: DateTime<Utc>) -> Churn {
        let before = self.now;
        self.now = snowflake::millis(now).max(before);
        let few = (self.size / 500).clamp(1, MOST);
        let slack = self.size / 20 + few;
        let mut up_to = |most: usize| self.inventor.random.random_range(0..=most);
        let (to_join, to_leave, to_return, to_change) = (up_to(few), up_to(few), up_to(few.div_ceil(2)), up_to(2 * few));

        // Who leaves now does not return within the same step, nor does who arrives change: so each is counted once.
        let room = (self.size + slack).saturating_sub(self.present.len());
        let mut arrivals = pick_out(&mut self.away, to_return.min(room), &mut self.inventor.random);
        let returned = arrivals.len();
        let joined = to_join.min(room - returned);
        let mut fresh: Vec<Member> = Vec::with_capacity(joined);
        for _ in 0..joined {
            let newcomer = self.newcomer(&fresh);
            fresh.push(newcomer);
        }
        arrivals.append(&mut fresh);

        let spare = self.present.len().saturating_sub(self.size.saturating_sub(slack).max(1));
        let leavers = pick_out(&mut self.present, to_leave.min(spare), &mut self.inventor.random);
        let left = leavers.len();
        let changed = self.alter_some(to_change);

        for member in &mut arrivals {
            // An account can be younger than the last step.
            let earliest = before.max(snowflake::made_at(member.id) + 1);
            let joined_at = self.inventor.random.random_range(earliest..=self.now);
            self.inventor.welcome(member, joined_at, self.now);
        }
        self.present.append(&mut arrivals);
        // Two sorted runs: the stable sort merges them in one pass.
        self.present.sort_by_key(|member| member.id);
        self.send_away(leavers);
        Churn { joined, left, returned, changed }
    }

    /// Someone who was never here: now and then one who already has an account.
    fn newcomer(&mut self, fresh: &[Member]) -> Member {
        let random = &mut self.inventor.random;
        if random.random_ratio(1, 3)
            && let Some(stranger) = self.strangers.pop()
        {
            return stranger;
        }
        let id = loop {
            let id = self.newcomer_id();
            if self.is_free(id) && fresh.iter().all(|member| member.id != id) {
                break id;
            }
        };
        let is_bot = self.inventor.random.random_ratio(15, 1_000);
        self.inventor.person(id, is_bot)
    }

    fn newcomer_id(&mut self) -> DiscordId {
        let random = &mut self.inventor.random;
        if random.random_ratio(1, 3) {
            // New to Discord as well.
            let made = random.random_range(self.now - 30 * DAY..self.now - HOUR);
            snowflake::id_at(made, random)
        } else {
            snowflake::any_person(self.now, random)
        }
    }

    /// Changes up to `most` of those present; answers how many really differ.
    fn alter_some(&mut self, most: usize) -> usize {
        let count = most.min(self.present.len());
        let picks = index::sample(&mut self.inventor.random, self.present.len(), count);
        picks.into_iter().filter(|&place| self.inventor.alter(&mut self.present[place])).count()
    }

    fn send_away(&mut self, mut leavers: Vec<Member>) {
        self.away.append(&mut leavers);
        let excess = self.away.len().saturating_sub(MOST_AWAY);
        for member in self.away.drain(..excess) {
            self.inventor.forget(&member);
        }
    }
}
