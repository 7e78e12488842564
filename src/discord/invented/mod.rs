//! A guild that does not exist, for the demo, the tests and the benches.
//!
//! Enters: a seed, a size and a time. Leaves: members as Discord would list them, accounts of a website, and the roster as a bot
//! would send it. Imports nothing but `domain`.
//!
//! Everything is drawn from one portable generator, so a seed means the same guild on every machine. The names are chosen to be
//! trying: many scripts, joined emoji, fancy letters, and now and then a name that looks like markup or a formula.

mod accounts;
mod churn;
mod people;
mod roles;
mod roster;
mod scripts;
mod shown;
mod snowflake;
#[cfg(test)]
mod tests;
mod usernames;
mod words;

use chrono::{DateTime, Utc};
use rand::{RngExt as _, SeedableRng as _};

use crate::domain::{DiscordId, GuildRole, Member};

pub use accounts::InventedAccount;
pub use churn::Churn;
use people::Inventor;
pub use roster::write_roster;

/// The generator behind everything here: fast, and the same in every release and on every machine.
type Random = rand::rngs::Xoshiro256PlusPlus;

/// A guild that does not exist: its people, its roles, the website accounts some of them have, and how it changes.
#[derive(Debug, Clone)]
pub struct InventedGuild {
    id: DiscordId,
    seed: u64,
    inventor: Inventor,
    /// Milliseconds since Discord's epoch.
    now: i64,
    /// The size it was made with; churn keeps it near that.
    size: usize,
    /// Ascending by id.
    present: Vec<Member>,
    /// People who left and may return.
    away: Vec<Member>,
    /// People who were never here, have an account, and may yet join.
    strangers: Vec<Member>,
}

impl InventedGuild {
    /// Invents a guild of `members` present members at `now`. The same arguments give the same guild.
    ///
    /// A million members take about a second and 350 MB. A `now` before 2016 counts as the first day of 2016, because Discord was
    /// hardly there.
    #[must_use]
    pub fn new(seed: u64, members: usize, now: DateTime<Utc>) -> Self {
        let mut random = Random::seed_from_u64(seed);
        let now = snowflake::millis(now);
        let birth = random.random_range(now / 3..now / 2);
        let id = snowflake::id_at(birth, &mut random);
        let stranger_count = (members / 100).clamp(8, 200);

        let mut ids = Vec::new();
        let wanted = members + stranger_count;
        // Twins are so rare that a second round is already an exception.
        while ids.len() < wanted {
            let missing = wanted - ids.len();
            ids.extend((0..missing).map(|_| snowflake::any_person(now, &mut random)));
            ids.sort_unstable();
            ids.dedup();
        }
        let outside = pick_out(&mut ids, stranger_count, &mut random);

        let mut inventor = Inventor::new(random, birth);
        let present = ids.into_iter().map(|id| inventor.member(id, now)).collect();
        let strangers = outside.into_iter().map(|id| inventor.person(id, false)).collect();
        Self { id, seed, inventor, now, size: members, present, away: Vec::new(), strangers }
    }

    /// The guild's own id.
    #[must_use]
    pub fn id(&self) -> DiscordId {
        self.id
    }

    /// Everyone present, ascending by id, as Discord would list them.
    #[must_use]
    pub fn roster(&self) -> &[Member] {
        &self.present
    }

    /// Its roles by name, the highest first.
    #[must_use]
    pub fn guild_roles(&self) -> Vec<GuildRole> {
        self.inventor.roles()
    }

    /// Whether nobody known here, present or not, has this id.
    fn is_free(&self, id: DiscordId) -> bool {
        self.present.binary_search_by_key(&id, |member| member.id).is_err()
            && self.away.iter().chain(&self.strangers).all(|member| member.id != id)
    }
}

/// Takes `count` random items out of a list and keeps the order of the others.
fn pick_out<T>(items: &mut Vec<T>, count: usize, random: &mut Random) -> Vec<T> {
    let mut picks = rand::seq::index::sample(random, items.len(), count.min(items.len())).into_vec();
    picks.sort_unstable();
    let mut place = 0;
    items
        .extract_if(.., |_| {
            let picked = picks.binary_search(&place).is_ok();
            place += 1;
            picked
        })
        .collect()
}
