//! Invents people, one at a time.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rand::RngExt as _;

use super::roles::GuildRoles;
use super::snowflake::{self, DAY};
use super::{Random, shown, usernames};
use crate::domain::{DiscordId, Member, Roles};

/// Draws people of one guild and sees to it that no two share a username.
#[derive(Debug, Clone)]
pub struct Inventor {
    pub random: Random,
    roles: GuildRoles,
    /// When the guild was born.
    birth: i64,
    /// Marks of the usernames in use: eight bytes a name, and a chance twin only costs another draw.
    pub(super) taken: HashSet<u64>,
}

impl Inventor {
    /// For a guild born at `birth`.
    pub fn new(mut random: Random, birth: i64) -> Self {
        let roles = GuildRoles::new(birth, &mut random);
        Self { random, roles, birth, taken: HashSet::new() }
    }

    /// The guild's roles by name.
    pub fn roles(&self) -> Vec<crate::domain::GuildRole> {
        self.roles.named()
    }

    /// Someone who has been in the guild for a while.
    pub fn member(&mut self, id: DiscordId, now: i64) -> Member {
        let is_bot = self.random.random_ratio(15, 1_000);
        let mut member = self.person(id, is_bot);
        let made = snowflake::made_at(id);
        let joined = if made > self.birth && self.random.random_ratio(1, 8) {
            // Many make an account in order to join.
            self.random.random_range(made + 1..=now.min(made + DAY))
        } else {
            snowflake::late(made.max(self.birth) + 1..now, &mut self.random)
        };
        self.welcome(&mut member, joined, now);
        if self.random.random_ratio(1, 4) {
            member.nickname = shown::nickname(&member, &mut self.random);
        }
        member
    }

    /// Someone on Discord who is not in the guild.
    pub fn person(&mut self, id: DiscordId, is_bot: bool) -> Member {
        let username = self.username(id, is_bot);
        let display_name =
            if self.random.random_ratio(3, 5) { shown::display_name(&username, &mut self.random) } else { String::new() };
        let avatar_hash = if self.random.random_ratio(7, 10) { self.avatar() } else { String::new() };
        Member {
            id,
            username,
            display_name,
            nickname: String::new(),
            avatar_hash,
            // Discord serves only pictures that somebody uploaded, and has a default for users alone.
            guild_avatar_hash: None,
            roles: Roles::default(),
            joined_at: None,
            is_bot,
        }
    }

    /// Lets someone into the guild at `joined`: what they had there before is gone.
    pub fn welcome(&mut self, member: &mut Member, joined: i64, now: i64) {
        member.joined_at = snowflake::time(joined);
        member.nickname.clear();
        member.roles = self.roles.draw(member.is_bot, (now - joined) / DAY, &mut self.random);
    }

    /// Changes one thing about someone; answers whether it came out different.
    pub fn alter(&mut self, member: &mut Member) -> bool {
        let before = member.clone();
        match self.random.random_range(0..10) {
            0 => {
                self.forget(member);
                member.username = self.username(member.id, member.is_bot);
            }
            1..3 => member.display_name = shown::display_name(&member.username, &mut self.random),
            3..5 => member.nickname = shown::nickname(member, &mut self.random),
            5 => member.nickname.clear(),
            6 | 7 => member.avatar_hash = self.avatar(),
            _ => member.roles = self.roles.altered(&member.roles, &mut self.random),
        }
        *member != before
    }

    /// Frees the username of someone who is gone for good.
    pub fn forget(&mut self, member: &Member) {
        self.taken.remove(&mark(&member.username));
    }

    fn username(&mut self, id: DiscordId, is_bot: bool) -> String {
        let tries: u32 = 16;
        for crowd in 0..tries {
            let name =
                if is_bot { usernames::of_bot(&mut self.random) } else { usernames::of_person(crowd > 0, &mut self.random) };
            if self.taken.insert(mark(&name)) {
                return name;
            }
        }
        // So crowded that only the id tells them apart.
        let name = if is_bot { format!("bot {id}#0001") } else { format!("user_{id}") };
        self.taken.insert(mark(&name));
        name
    }

    /// A hash as Discord gives to a picture.
    fn avatar(&mut self) -> String {
        let moving = if self.random.random_ratio(8, 100) { "a_" } else { "" };
        format!("{moving}{:032x}", self.random.random::<u128>())
    }
}

fn mark(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
