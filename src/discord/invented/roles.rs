//! The roles of the guild and who holds them.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

use super::{Random, snowflake};
use crate::domain::{GuildRole, Roles};

/// The roles, highest first. A roster carries their ids alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Moderator,
    Bot,
    Booster,
    Veteran,
    Artist,
    Events,
    Europe,
    Americas,
    Pacific,
    Verified,
    Member,
    Newcomer,
}

impl Role {
    /// Its name, and its colour as 24 bits of red, green and blue.
    fn shown(self) -> (&'static str, i32) {
        match self {
            Self::Moderator => ("Moderator", 0x00e7_4c3c),
            Self::Bot => ("Bot", 0x0034_98db),
            Self::Booster => ("Booster", 0x00f4_7fff),
            Self::Veteran => ("Veteran", 0x00f1_c40f),
            Self::Artist => ("Artist", 0x009b_59b6),
            Self::Events => ("Events", 0x00e6_7e22),
            Self::Europe => ("Europe", 0x001a_bc9c),
            Self::Americas => ("Americas", 0x002e_cc71),
            Self::Pacific => ("Pacific", 0x0020_6694),
            Self::Verified => ("Verified", 0),
            Self::Member => ("Member", 0),
            Self::Newcomer => ("Newcomer", 0x0095_a5a6),
        }
    }
}

const ALL: [Role; 12] = [
    Role::Moderator,
    Role::Bot,
    Role::Booster,
    Role::Veteran,
    Role::Artist,
    Role::Events,
    Role::Europe,
    Role::Americas,
    Role::Pacific,
    Role::Verified,
    Role::Member,
    Role::Newcomer,
];

/// Roles that people give themselves, or win and lose.
const FLEETING: [Role; 7] =
    [Role::Booster, Role::Artist, Role::Events, Role::Europe, Role::Americas, Role::Pacific, Role::Verified];

/// The guild's roles: their ids, in the order of [`ALL`].
#[derive(Debug, Clone)]
pub struct GuildRoles([String; ALL.len()]);

impl GuildRoles {
    /// Makes the roles of a guild born at `birth`, in its first month.
    pub fn new(birth: i64, random: &mut Random) -> Self {
        Self(ALL.map(|_| {
            let made = birth + random.random_range(1..30 * snowflake::DAY);
            snowflake::id_at(made, random).to_string()
        }))
    }

    /// The roles as Discord would list them.
    pub fn named(&self) -> Vec<GuildRole> {
        let positions = (1..=ALL.len()).rev().filter_map(|position| i32::try_from(position).ok());
        let roles = self.0.iter().zip(ALL).zip(positions);
        roles
            .filter_map(|((id, role), position)| {
                let (name, color) = role.shown();
                Some(GuildRole { id: id.parse().ok()?, name: name.to_owned(), color, position })
            })
            .collect()
    }

    /// What someone holds who has been here for `days`.
    pub fn draw(&self, is_bot: bool, days: i64, random: &mut Random) -> Roles {
        let mut held = [false; ALL.len()];
        let mut give = |role: Role, per_mille: u32, random: &mut Random| {
            let given = random.random_ratio(per_mille, 1_000);
            held[role as usize] = given;
            given
        };
        if is_bot {
            give(Role::Bot, 1_000, random);
            give(Role::Member, 400, random);
            return self.listed(held);
        }
        // Some never accept the rules of the guild and hold nothing.
        if give(Role::Member, 920, random) {
            give(Role::Verified, 780, random);
            give(Role::Booster, 15, random);
            give(Role::Moderator, 4, random);
            give(Role::Artist, 60, random);
            give(Role::Events, 180, random);
            let region = match random.random_range(0..100) {
                0..26 => Some(Role::Europe),
                26..52 => Some(Role::Americas),
                52..67 => Some(Role::Pacific),
                _ => None,
            };
            if let Some(region) = region {
                give(region, 1_000, random);
            }
            if days >= 730 {
                give(Role::Veteran, 800, random);
            }
        }
        if days < 30 {
            give(Role::Newcomer, 1_000, random);
        }
        self.listed(held)
    }

    /// The same roles but for one that comes or goes.
    pub fn altered(&self, roles: &Roles, random: &mut Random) -> Roles {
        let before = roles.to_vec();
        let mut held = ALL.map(|role| before.contains(&self.0[role as usize]));
        if let Some(&role) = FLEETING.choose(random) {
            held[role as usize] = !held[role as usize];
        }
        self.listed(held)
    }

    fn listed(&self, held: [bool; ALL.len()]) -> Roles {
        self.0.iter().zip(held).filter(|(_, is_held)| *is_held).map(|(id, _)| id).collect()
    }
}
