//! The roles of a member as coloured words.
//!
//! Enters: role ids, and what the guild calls them. Leaves: pieces of markup. A role that Discord did not name (yet) is its id.

use std::collections::HashMap;

use askama::Template;
use askama::filters::HtmlSafe;

use crate::domain::{GuildRole, Member};

/// Chips of one member that are shown; the others are counted.
const SHOWN: usize = 2;

/// One role. Its colour stands in an attribute of SVG: the policy of the pages allows no style in a document.
#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<span class="chip">{% if let Some(color) = color %}<svg viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="5" fill="{{ color }}"/></svg>{% endif %}<bdi>{{ name }}</bdi></span>"#
)]
pub(in crate::http) struct Chip {
    name: String,
    color: Option<String>,
}

impl HtmlSafe for Chip {}

/// The roles of one member: the highest ones, and how many more there are.
pub(in crate::http) struct Chips {
    pub(in crate::http) shown: Vec<Chip>,
    pub(in crate::http) more: usize,
}

/// What the guild calls its roles.
pub(in crate::http) struct RoleNames(HashMap<String, GuildRole>);

impl RoleNames {
    pub(in crate::http) fn new(roles: Vec<GuildRole>) -> Self {
        Self(roles.into_iter().map(|role| (role.id.to_string(), role)).collect())
    }

    /// The roles of a member, the highest first; those without a name last.
    pub(in crate::http) fn chips(&self, member: &Member) -> Chips {
        let mut ids = self.ordered(member);
        let more = ids.len().saturating_sub(SHOWN);
        ids.truncate(SHOWN);
        Chips { shown: ids.into_iter().map(|id| self.chip(id)).collect(), more }
    }

    /// All roles of a member, in the same order.
    pub(in crate::http) fn all(&self, member: &Member) -> Vec<Chip> {
        self.ordered(member).into_iter().map(|id| self.chip(id)).collect()
    }

    fn ordered(&self, member: &Member) -> Vec<String> {
        let mut ids = member.roles.to_vec();
        ids.sort_by_key(|id| std::cmp::Reverse(self.0.get(id).map(|role| role.position)));
        ids
    }

    /// What all roles of a member are called, in the same order.
    pub(in crate::http) fn names(&self, member: &Member) -> Vec<String> {
        self.ordered(member).into_iter().map(|id| self.chip(id).name).collect()
    }

    /// One role.
    pub(in crate::http) fn chip(&self, id: String) -> Chip {
        match self.0.get(&id) {
            Some(role) => {
                Chip { name: role.name.clone(), color: (role.color != 0).then(|| format!("#{:06x}", role.color & 0x00ff_ffff)) }
            }
            None => Chip { name: id, color: None },
        }
    }
}
