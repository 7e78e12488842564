//! The roles that a list of members can be filtered by.
//!
//! Enters: the guild's roles by name, how many members have each, and the one that is chosen. Leaves: choices. Lists may give members roles
//! that the guild has no name for, or that are texts: of those the most frequent can be chosen.

use std::collections::{HashMap, HashSet};

use crate::domain::GuildRole;
use crate::http::pages::role_counts::RolesCounted;
use crate::http::pages::select::Choice;
use crate::http::pages::shell::number;

/// Roles without a name that can be chosen.
const UNNAMED: usize = 100;

/// The choices: roles by their names, then those without one, the most frequent first.
pub(super) fn choices(chosen: &str, roles: &[GuildRole], counted: &RolesCounted) -> Vec<Choice> {
    let members: HashMap<&str, i64> = counted.counts.iter().map(|count| (count.role.as_str(), count.members)).collect();
    let choice = |value: String, words: &str| {
        let words = match members.get(value.as_str()) {
            Some(count) if counted.is_exact => format!("{words} ({})", number(*count)),
            Some(count) => format!("{words} (about {})", number(*count)),
            None => words.to_owned(),
        };
        Choice { is_chosen: value == chosen, value, words }
    };
    let mut by_name: Vec<&GuildRole> = roles.iter().collect();
    by_name.sort_by_cached_key(|role| role.name.to_lowercase());
    let mut choices: Vec<Choice> = by_name.into_iter().map(|role| choice(role.id.to_string(), &role.name)).collect();
    let named: HashSet<String> = choices.iter().map(|choice| choice.value.clone()).collect();
    let unnamed = counted.counts.iter().map(|count| &count.role).filter(|role| !named.contains(*role)).take(UNNAMED);
    choices.extend(unnamed.map(|role| choice(role.clone(), role)));
    if !chosen.is_empty() && !choices.iter().any(|choice| choice.is_chosen) {
        choices.push(choice(chosen.into(), chosen));
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RoleCount;

    fn words(chosen: &str, counts: &[(&str, i64)], is_exact: bool) -> Vec<String> {
        let role = |id: i64, name: &str| GuildRole { id: id.try_into().unwrap(), name: name.into(), color: 0, position: 0 };
        let counts = counts.iter().map(|(role, members)| RoleCount { role: (*role).into(), members: *members }).collect();
        let counted = RolesCounted { counts, is_exact };
        choices(chosen, &[role(7, "zebra"), role(8, "Ant")], &counted).into_iter().map(|choice| choice.words).collect()
    }

    #[test]
    fn named_roles_come_first_and_then_the_most_frequent() {
        assert_eq!(words("", &[("9", 4_000), ("7", 30), ("mods", 2)], true), ["Ant", "zebra (30)", "9 (4,000)", "mods (2)"]);
        assert_eq!(words("gone", &[("7", 1_200)], false), ["Ant", "zebra (about 1,200)", "gone"]);
        let many: Vec<(String, i64)> = (0..300).map(|n| (format!("r{n}"), 1_000 - n)).collect();
        let many: Vec<(&str, i64)> = many.iter().map(|(role, members)| (role.as_str(), *members)).collect();
        assert_eq!(words("r250", &many, true).len(), 2 + UNNAMED + 1);
    }
}
