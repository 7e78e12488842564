//! People who call commands, and what they get to read.

use serde_json::{Value, json};

use super::Fake;
use super::events;
use super::interactions::Interaction;
use super::person::Person;
use super::world::{GUILD, World};

/// `ADMINISTRATOR`
const ADMINISTRATOR: u64 = 8;
/// Where calls are made unless said.
const CHANNEL: u64 = 400_000_000_000_000_004;

/// A command about to be called.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) command: String,
    pub(super) options: Vec<Value>,
    pub(super) person: Person,
    pub(super) permissions: u64,
    pub(super) guild: Option<u64>,
    pub(super) channel: u64,
}

impl Call {
    /// Of the command with that name, by an administrator of the guild.
    pub fn of(command: &str) -> Self {
        Self {
            command: command.into(),
            options: Vec::new(),
            person: Person::new(100_000_000_000_000_009).username("admin"),
            permissions: ADMINISTRATOR,
            guild: Some(GUILD),
            channel: CHANNEL,
        }
    }

    /// With an option that is true or false.
    pub fn option(mut self, name: &str, value: bool) -> Self {
        self.options.push(json!({ "name": name, "type": 5, "value": value }));
        self
    }

    /// By someone with these permissions in that channel.
    pub fn by(mut self, person: &Person, permissions: u64) -> Self {
        self.person = person.clone();
        self.permissions = permissions;
        self
    }

    /// In another guild, or in none: a direct message.
    pub fn in_guild(mut self, guild: Option<u64>) -> Self {
        self.guild = guild;
        self
    }
}

impl World {
    /// Calls a command now, whether or not anybody is there to hear it. Answers the token of its replies.
    pub fn call(&mut self, call: &Call) -> String {
        let (id, token) = self.open_interaction(call.channel);
        let event = events::interaction_create(self, call, id, &token);
        self.dispatch("INTERACTION_CREATE", &event);
        token
    }
}

impl Fake {
    /// Waits until a bot is connected and has registered the command, and calls it.
    pub async fn call(&self, call: Call) -> Called<'_> {
        let what = format!("a bot is connected that has the command {}", call.command);
        let ready = |world: &mut World| {
            let registered = world.commands.iter().any(|command| command["name"] == *call.command);
            (registered && !world.gateway.sessions().is_empty()).then_some(())
        };
        self.until(&what, ready).await;
        Called { fake: self, token: self.world(|world| world.call(&call)), read: 0 }
    }
}

/// A command that was called: what its caller sees of it.
pub struct Called<'a> {
    fake: &'a Fake,
    /// What its replies are sent under.
    pub token: String,
    /// Replies read so far.
    read: usize,
}

impl Called<'_> {
    /// Waits for the first answer: what the bot sent to `callback`.
    pub async fn callback(&self) -> Value {
        self.until("the command is answered", |call| call.callback.as_ref().map(|(body, _)| body.clone())).await
    }

    /// Waits for the next text of the reply; none is passed over.
    pub async fn next_reply(&mut self) -> String {
        let read = self.read;
        let text = self.until("the reply is written", |call| call.replies.get(read).cloned()).await;
        self.read += 1;
        text
    }

    /// Waits for a text of the reply that contains `part`, passing over those before it.
    pub async fn reply_with(&mut self, part: &str) -> String {
        loop {
            let text = self.next_reply().await;
            if text.contains(part) {
                return text;
            }
        }
    }

    /// Ends the fifteen minutes in which the reply can be edited.
    pub fn expire(&self) {
        self.fake.world(|world| world.interaction(&self.token).expect("it was called").expired = true);
    }

    async fn until<T>(&self, what: &str, mut look: impl FnMut(&Interaction) -> Option<T>) -> T {
        self.fake.until(what, |world| look(world.interaction(&self.token).expect("it was called"))).await
    }
}
