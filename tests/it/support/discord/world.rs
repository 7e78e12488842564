//! What is true in the fake's Discord.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::gateway::Gateway;
use super::interactions::Interaction;
use super::limits::Limits;
use super::oauth::OAuth;
use super::person::{Person, role};
use super::request::{Request, Route};
use super::trouble::{Trouble, Troubles, When};

/// The application's id, which is also its bot's.
pub const APPLICATION: u64 = 300_000_000_000_000_001;
/// The guild's id.
pub const GUILD: u64 = 200_000_000_000_000_002;
/// The bot's token.
pub const TOKEN: &str = "not-a-token.of-any-bot.but-of-the-fake";

/// A request, and how it was answered.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The request.
    pub request: Request,
    /// The status that was answered; none if nothing was.
    pub status: Option<u16>,
}

/// A message in a channel.
#[derive(Debug, Clone)]
pub struct Posted {
    /// Where.
    pub channel: u64,
    /// As Discord answers it.
    pub message: Value,
}

/// The world; tests change it at any time.
pub struct World {
    /// The bot's token. Another one than the program's is a wrong token.
    pub token: String,
    /// Whether the Server Members Intent is switched on in the developer portal.
    pub members_intent: bool,
    /// Whether the bot is in the guild.
    pub in_guild: bool,
    /// Whether it was invited with the scope `applications.commands`.
    pub may_have_commands: bool,
    /// The guild's name.
    pub guild_name: String,
    /// What Discord believes the guild's size to be; the true size unless said.
    pub approximate_member_count: Option<u64>,
    /// The guild's roles.
    pub roles: Vec<Value>,
    /// Channels of the guild, and whether the bot may write there.
    pub channels: BTreeMap<u64, bool>,
    /// Those of them that the bot does not see.
    pub hidden_channels: BTreeSet<u64>,
    /// Channels of another guild that the bot is in, and that guild.
    pub channels_elsewhere: BTreeMap<u64, u64>,
    /// What the bot wrote there.
    pub messages: Vec<Posted>,
    /// The guild's commands, as last registered.
    pub commands: Vec<Value>,
    /// Commands that people called.
    pub interactions: Vec<Interaction>,
    /// Everything that was asked.
    pub log: Vec<Asked>,
    /// Login.
    pub oauth: OAuth,
    /// The gateway.
    pub gateway: Gateway,
    /// Rate limits, and who did not keep them.
    pub limits: Limits,
    pub(super) troubles: Troubles,
    /// Members by the number that their place in the list goes by, as JSON: a guild may have very many.
    pub(super) members: BTreeMap<u64, String>,
    /// Users who once were members.
    pub(super) gone: BTreeSet<u64>,
    last_id: u64,
}

impl World {
    pub(super) fn new(gateway: Gateway) -> Self {
        Self {
            token: TOKEN.into(),
            members_intent: true,
            in_guild: true,
            may_have_commands: true,
            guild_name: "The Fake Guild".into(),
            approximate_member_count: None,
            roles: vec![role(GUILD, "@everyone", 0)],
            channels: BTreeMap::new(),
            hidden_channels: BTreeSet::new(),
            channels_elsewhere: BTreeMap::new(),
            messages: Vec::new(),
            commands: Vec::new(),
            interactions: Vec::new(),
            log: Vec::new(),
            oauth: OAuth::new(),
            gateway,
            limits: Limits::new(),
            troubles: Troubles::default(),
            members: BTreeMap::new(),
            gone: BTreeSet::new(),
            last_id: 900_000_000_000_000_000,
        }
    }

    /// Makes someone a member, or replaces the member of that id, without an event.
    pub fn put(&mut self, person: &Person) {
        self.put_raw(person.id(), &person.member());
    }

    /// Puts anything at all at the place in the list where a member with that id would stand.
    pub fn put_raw(&mut self, place: u64, member: &Value) {
        self.members.insert(place, member.to_string());
    }

    /// So many ordinary members, their ids rising from `first`.
    pub fn put_many(&mut self, first: u64, count: u64) {
        // Written once: a hundred thousand take their time otherwise.
        let (marker, pattern) = (u64::MAX, Person::new(u64::MAX).member().to_string());
        for id in first..first + count {
            self.members.insert(id, pattern.replace(&marker.to_string(), &id.to_string()));
        }
    }

    /// Takes a member away, without an event.
    pub fn remove(&mut self, id: u64) {
        assert!(self.members.remove(&id).is_some(), "{id} is no member");
        self.gone.insert(id);
    }

    /// A member as listed.
    pub fn member(&self, id: u64) -> Option<Value> {
        self.members.get(&id).map(|text| serde_json::from_str(text).expect("we wrote it"))
    }

    /// How many members there are.
    pub fn member_count(&self) -> u64 {
        self.members.len() as u64
    }

    /// Scripts a trouble for requests to `route` from now on.
    pub fn trouble(&mut self, route: Route, when: When, trouble: Trouble) {
        self.troubles.add(route, when, trouble);
    }

    /// Ends all troubles.
    pub fn untroubled(&mut self) {
        self.troubles.clear();
    }

    /// The requests to `route` so far.
    pub fn asked(&self, route: Route) -> impl Iterator<Item = &Asked> {
        self.log.iter().filter(move |asked| asked.request.route == route)
    }

    /// The bot's user.
    pub fn bot() -> Person {
        Person::new(APPLICATION).username("Guild Sync").bot()
    }

    /// An id that nothing has yet.
    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}
