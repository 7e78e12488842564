//! The accounts of the website that belongs to the guild.

use std::collections::HashSet;

use rand::seq::{SliceRandom as _, index};
use rand::{RngExt as _, SeedableRng as _};

use super::{InventedGuild, Random, snowflake, usernames};
use crate::domain::DiscordId;

/// An account of the website.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventedAccount {
    /// Its name: ASCII letters, digits, `_`, `.`.
    pub username: String,
    /// An address that can never be delivered to: `…@example.org`.
    pub email: String,
    /// Whose it is.
    pub discord_id: DiscordId,
}

/// Keeps the draws of accounts apart from those of the guild itself.
const SALT: u64 = 0x6163_636f_756e_7473;

impl InventedGuild {
    /// Accounts of the website, `count` of them, in no order. Seven in eight belong to people present (bots have none), the
    /// others to people who never were in the guild; some of those join later. If there are not enough people present, more
    /// belong to the others. Names are distinct without regard to case; ids and addresses are distinct.
    #[must_use]
    pub fn accounts(&self, count: usize) -> Vec<InventedAccount> {
        let mut random = Random::seed_from_u64(self.seed ^ SALT);
        let people: Vec<_> = self.present.iter().filter(|member| !member.is_bot).collect();
        let inside = (count - count / 8).min(people.len());
        let mut owners: Vec<(DiscordId, String)> = index::sample(&mut random, people.len(), inside)
            .into_iter()
            .map(|place| people[place])
            // The last stranger is the next to join, so those come first.
            .chain(self.strangers.iter().rev().take(count - inside))
            .map(|member| (member.id, member.username.clone()))
            .collect();

        let mut known: HashSet<DiscordId> = owners.iter().map(|(id, _)| *id).collect();
        while owners.len() < count {
            let id = snowflake::any_person(self.now, &mut random);
            if self.is_free(id) && known.insert(id) {
                owners.push((id, usernames::of_person(true, &mut random)));
            }
        }
        owners.shuffle(&mut random);

        let mut names = HashSet::with_capacity(count);
        owners.into_iter().map(|(id, known_as)| account(id, &known_as, &mut names, &mut random)).collect()
    }
}

/// Makes the account of someone whom Discord knows as `known_as`; `names` holds the names in use, in lower case.
fn account(discord_id: DiscordId, known_as: &str, names: &mut HashSet<String>, random: &mut Random) -> InventedAccount {
    let base = match random.random_range(0..10) {
        0..6 => known_as.to_owned(),
        6 | 7 => usernames::capitalized(known_as),
        8 => known_as.replace(['_', '.'], ""),
        _ => usernames::of_person(false, random),
    };
    // The name is also the first part of the address, which may not begin or end with a dot.
    let base = base.trim_matches('.');
    let base = if base.is_empty() { "guest" } else { base };
    let mut username = base.to_owned();
    while !names.insert(username.to_ascii_lowercase()) {
        username = format!("{base}{}", random.random_range(2..100_000));
    }
    let tag = if random.random_ratio(1, 25) { "+community" } else { "" };
    let email = format!("{}{tag}@example.org", username.to_ascii_lowercase());
    InventedAccount { username, email, discord_id }
}
