//! The rules of a member list (design 3.3), written a second time: from the whole body as a tree, with no thought for speed.

use std::collections::BTreeMap;

use super::node::Node;
use super::time;

/// A member as the list states it: texts are `username`, `display_name`, `nickname` and `avatar`, times microseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub id: i64,
    pub texts: [String; 4],
    /// `None` if the entry does not tell.
    pub guild_avatar: Option<String>,
    pub roles: Vec<String>,
    pub joined_at: Option<i64>,
    pub is_bot: bool,
}

/// What the body says of the run.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Switches {
    pub allow_mass_departure: bool,
    pub dry_run: bool,
}

/// What a body without a key twice should come to.
#[derive(Debug, Default)]
pub struct Expected {
    /// As `place Rule`, in the order of the body.
    pub faults: Vec<String>,
    pub received: i64,
    pub observed_at: Option<i64>,
    pub switches: Switches,
    pub members: BTreeMap<i64, Person>,
}

impl Expected {
    pub fn of(body: &Node, guild: i64) -> Self {
        let mut expected = Self::default();
        let Node::Object(entries) = body else {
            expected.faults.push(" Type".into());
            return expected;
        };
        for (key, value) in entries {
            match (key.as_str(), value) {
                ("members", Node::List(entries)) => {
                    expected.received = entries.len().cast_signed() as i64;
                    for (index, entry) in entries.iter().enumerate() {
                        let mut judge = Judge { index, entry, faults: &mut expected.faults };
                        if let Some(person) = judge.person(guild) {
                            expected.members.insert(person.id, person);
                        }
                    }
                }
                ("members", _) => expected.faults.push("members Type".into()),
                ("observed_at" | "dry_run" | "allow_mass_departure", Node::Null) => {}
                ("observed_at", Node::Text(text)) => match time::micros(text) {
                    Some(at) => expected.observed_at = Some(at),
                    None => expected.faults.push("observed_at Time".into()),
                },
                ("observed_at", _) => expected.faults.push("observed_at Type".into()),
                ("dry_run", Node::Bool(flag)) => expected.switches.dry_run = *flag,
                ("allow_mass_departure", Node::Bool(flag)) => expected.switches.allow_mass_departure = *flag,
                ("dry_run" | "allow_mass_departure", _) => expected.faults.push(format!("{key} Type")),
                _ => {}
            }
        }
        if body.get("members").is_none() {
            expected.faults.push("members Required".into());
        }
        expected
    }
}

struct Judge<'a> {
    index: usize,
    entry: &'a Node,
    faults: &'a mut Vec<String>,
}

impl<'a> Judge<'a> {
    fn fault<T>(&mut self, key: &str, rule: &str) -> Option<T> {
        self.faults.push(format!("members[{}].{key} {rule}", self.index));
        None
    }

    /// The value under the documented key, else under the other one, and the key it is spoken of by.
    fn value(&self, key: &'static str, other: &'static str) -> (&'static str, Option<&'a Node>) {
        match (self.entry.get(key), self.entry.get(other)) {
            (None, Some(value)) => (other, Some(value)),
            (value, _) => (key, value),
        }
    }

    fn person(&mut self, guild: i64) -> Option<Person> {
        if !matches!(self.entry, Node::Object(_)) {
            self.faults.push(format!("members[{}] Type", self.index));
            return None;
        }
        let id = self.id();
        let username = match self.entry.get("username") {
            None | Some(Node::Null) => self.fault("username", "Required"),
            Some(Node::Text(text)) if text.is_empty() => self.fault("username", "Length"),
            value => self.text("username", value),
        };
        let display_name = self.text("display_name", self.entry.get("display_name"));
        let nickname = self.text("nickname", self.entry.get("nickname"));
        let (avatar_key, avatar) = self.value("avatar", "avatar_hash");
        let avatar = self.text(avatar_key, avatar);
        let (guild_avatar_key, guild_avatar) = self.value("guild_avatar", "guild_avatar_hash");
        let guild_avatar = match guild_avatar {
            None => Some(None),
            told => self.text(guild_avatar_key, told).map(Some),
        };
        let roles = self.roles(guild);
        let joined_at = match self.entry.get("joined_at") {
            None | Some(Node::Null) => Some(None),
            Some(Node::Text(text)) => time::micros(text).map(Some).or_else(|| self.fault("joined_at", "Time")),
            Some(_) => self.fault("joined_at", "Type"),
        };
        let is_bot = match self.entry.get("is_bot") {
            None | Some(Node::Null) => Some(false),
            Some(Node::Bool(flag)) => Some(*flag),
            Some(_) => self.fault("is_bot", "Type"),
        };
        Some(Person {
            id: id?,
            texts: [username?, display_name?, nickname?, avatar?],
            guild_avatar: guild_avatar?,
            roles: roles?,
            joined_at: joined_at?,
            is_bot: is_bot?,
        })
    }

    fn id(&mut self) -> Option<i64> {
        let (key, value) = self.value("id", "discord_id");
        let digits = match value {
            None | Some(Node::Null) => return self.fault(key, "Required"),
            Some(Node::Text(digits) | Node::Integer(digits)) => digits,
            Some(_) => return self.fault(key, "Type"),
        };
        let id: Option<i64> = digits.parse().ok();
        // Whatever else Rust reads as a number, it writes in digits alone.
        id.filter(|id| *id > 0 && id.to_string() == *digits).or_else(|| self.fault(key, "Id"))
    }

    fn text(&mut self, key: &str, value: Option<&Node>) -> Option<String> {
        match value {
            None | Some(Node::Null) => Some(String::new()),
            Some(Node::Text(text)) if text.contains('\0') => self.fault(key, "Nul"),
            Some(Node::Text(text)) if text.chars().count() > 100 => self.fault(key, "Length"),
            Some(Node::Text(text)) => Some(text.clone()),
            Some(_) => self.fault(key, "Type"),
        }
    }

    fn roles(&mut self, guild: i64) -> Option<Vec<String>> {
        let elements = match self.entry.get("roles") {
            None | Some(Node::Null) => return Some(Vec::new()),
            // A thousand, and the guild's own.
            Some(Node::List(elements)) if elements.len() > 1_001 => return self.fault("roles", "Count"),
            Some(Node::List(elements)) => elements,
            Some(_) => return self.fault("roles", "Type"),
        };
        let mut roles = Vec::new();
        let mut wrong = false;
        for (place, element) in elements.iter().enumerate() {
            let rule = match element {
                Node::Text(role) | Node::Integer(role) if role.contains('\0') => "Nul",
                Node::Text(role) | Node::Integer(role) if !(1..=64).contains(&role.chars().count()) => "Length",
                Node::Text(role) | Node::Integer(role) => {
                    roles.extend((*role != guild.to_string()).then(|| role.clone()));
                    continue;
                }
                _ => "Type",
            };
            wrong = true;
            let _: Option<()> = self.fault(&format!("roles[{place}]"), rule);
        }
        if roles.len() > 1_000 {
            return self.fault("roles", "Count");
        }
        (!wrong).then_some(roles)
    }
}
