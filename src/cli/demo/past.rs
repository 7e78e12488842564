//! What has happened in the demo before anybody looks: some weeks of the guild, synced once a day by a process of its own, whose clock is
//! set back. That process has ended when the present begins.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use super::Guild;
use crate::app::{self, Carrier, Role, Running};
use crate::config::Config;
use crate::domain::{Clock as _, Run, SetBackClock};

/// Days of the past: as many as the overview draws.
const DAYS: i32 = 30;
/// Members that the lists of the past have together, at most, so that a demo of many members begins almost as soon as one of few.
const LISTED: usize = 150_000;
/// Fewest days, however many members there are.
const FEWEST_DAYS: i32 = 5;
/// So many days ago a list came in short.
const CUT_SHORT: i32 = 3;

/// What a person is told of the past.
pub(super) struct Past {
    /// Days that it lasted.
    pub days: i32,
    /// The first sync, which made everybody.
    pub first: Run,
    /// How long that took.
    pub took: Duration,
    /// Accounts that were imported, and how many of them belong to members.
    pub accounts: (i64, i64),
}

/// How many days a guild of so many members has behind it.
pub(super) fn days(members: usize) -> i32 {
    i32::try_from(LISTED / members.max(1)).unwrap_or(DAYS).clamp(FEWEST_DAYS, DAYS)
}

/// Lives through the guild's past, which ends at the machine's time.
pub(super) async fn live(config: &Config, guild: &mut Guild, days: i32) -> anyhow::Result<Past> {
    let clock = Arc::new(SetBackClock::new(TimeDelta::days(days.into())));
    let running = app::start_by(config, &[Role::Worker], Carrier::Local, clock.clone()).await?;
    let past = live_days(&running, guild, &clock, days).await;
    running.stop().await;
    past
}

async fn live_days(running: &Running, guild: &mut Guild, clock: &SetBackClock, days: i32) -> anyhow::Result<Past> {
    // As a fetch from Discord would bring them.
    running.stores.roles.replace_roles(&guild.invented.guild_roles()).await?;
    let begun = Instant::now();
    let first = guild.sync(running).await?;
    let mut past = Past { days, first, took: begun.elapsed(), accounts: (0, 0) };
    // When a third of the time is over: some of those who have an account leave after that.
    let import = days * 2 / 3;
    for ago in (0..days).rev() {
        clock.advance(TimeDelta::days(1));
        if ago == import {
            past.accounts = guild.import(running, clock.now()).await?;
        }
        guild.invented.churn(clock.now());
        if ago == CUT_SHORT {
            guild.sync_half(running).await?;
        } else {
            guild.sync(running).await?;
        }
    }
    Ok(past)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_members_the_fewer_days() {
        assert_eq!([1, 5_000, 10_000, 1_000_000].map(days), [30, 30, 15, 5]);
    }
}
