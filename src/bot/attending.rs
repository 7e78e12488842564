//! What a session tells of itself, and what follows: how the bot stands, what a person must know of, commands, a full sync.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::events::Told;
use super::gateway::Gateway;
use super::troubles::Trouble;
use super::{Standing, commands, say};

/// More sessions than this within [`RESTLESS`] are too many: Discord takes 1,000 a day, and then resets the token.
const MOST_SESSIONS: usize = 3;
const RESTLESS: Duration = Duration::from_mins(10);

/// What a session has told of itself.
pub(super) struct Attending<'a> {
    gateway: &'a mut Gateway,
    application: u64,
    in_guild: bool,
    /// Discord cannot serve the guild, and tells nothing of its members.
    outage: bool,
    /// Registers the commands; ends with the session.
    registering: JoinSet<()>,
}

impl<'a> Attending<'a> {
    pub fn new(gateway: &'a mut Gateway) -> Self {
        Self { gateway, application: 0, in_guild: false, outage: false, registering: JoinSet::new() }
    }

    /// Whether the session is told of members.
    pub fn is_privileged(&self) -> bool {
        self.gateway.privileged
    }

    /// Acts on a notice; answers whether sessions follow one another too quickly.
    pub fn take(&mut self, notice: &Told) -> bool {
        match notice {
            Told::Ready { application, in_guild } => {
                self.gateway.begun.retain(|begun| begun.elapsed() < RESTLESS);
                self.gateway.begun.push(Instant::now());
                self.application = *application;
                self.ready(*in_guild);
            }
            Told::Resumed => self.connected(),
            Told::GuildHere if !self.in_guild || self.outage => self.arrived(),
            Told::GuildAway => self.outage = true,
            Told::GuildGone => self.missing(),
            _ => {}
        }
        self.gateway.begun.len() > MOST_SESSIONS
    }

    /// A session has begun: what happened before it is not known.
    fn ready(&mut self, in_guild: bool) {
        tracing::info!(members = self.gateway.privileged, "connected to Discord");
        let troubles = &self.gateway.desk.troubles;
        troubles.clear(Trouble::Token);
        troubles.clear(Trouble::Sessions);
        if self.gateway.privileged {
            troubles.clear(Trouble::Intent);
            self.gateway.granted();
        }
        if in_guild { self.arrived() } else { self.missing() }
    }

    /// The bot is in the guild.
    fn arrived(&mut self) {
        (self.in_guild, self.outage) = (true, false);
        self.connected();
        self.gateway.desk.troubles.clear(Trouble::Guild);
        // Without the intent the list would be refused, too.
        if self.gateway.privileged {
            self.gateway.desk.catch_up.wish(self.gateway.desk.tools.clock.now());
        }
        self.registering.abort_all();
        self.registering.spawn(commands::register(self.gateway.desk.clone(), self.gateway.http.clone(), self.application));
    }

    /// The bot is not in the guild.
    fn missing(&mut self) {
        self.in_guild = false;
        self.registering.abort_all();
        self.connected();
        let desk = &self.gateway.desk;
        let invitation = commands::invitation(&desk.options.api_url, self.application);
        desk.troubles.note(Trouble::Guild, &say::guild(desk.options.guild, &invitation));
    }

    /// There is a connection.
    fn connected(&mut self) {
        self.gateway.recovered();
        let standing = match (self.in_guild, self.gateway.privileged) {
            (false, _) => Standing::NotInGuild,
            (true, true) => Standing::Connected,
            (true, false) => Standing::WithoutIntent,
        };
        self.gateway.desk.standing.send_replace(standing);
        self.gateway.desk.troubles.clear(Trouble::Gateway);
    }
}
