//! The gateway: who is connected, which sessions they hold, what each of them is sent.

mod frames;
mod socket;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::Shared;
use super::events;
use super::world::World;

/// `GUILDS`: the guild itself, its roles and channels.
const GUILDS: u64 = 1;
/// `GUILD_MEMBERS`, the Server Members Intent.
pub const GUILD_MEMBERS: u64 = 1 << 1;
/// Dispatches of a session that a resume can have again.
const MAX_KEPT: usize = 200_000;
/// Identifies a day.
const IDENTIFIES: usize = 1000;

/// What a client said to get its session back.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The last event it has.
    pub seq: u64,
    /// Whether it got the session back.
    pub granted: bool,
}

/// What is sent on a connection.
#[derive(Debug)]
enum Frame {
    Text(String),
    /// A close frame with that code.
    Close(u16),
    /// The end of the connection, with no word.
    Drop,
}

#[derive(Debug)]
struct Session {
    id: String,
    intents: u64,
    seq: u64,
    /// What was dispatched, for a resume.
    kept: VecDeque<(u64, String)>,
    /// The connection it is on.
    connection: Option<u64>,
}

/// The gateway, as tests see and change it.
pub struct Gateway {
    /// What `GET /gateway` tells; a test may name another place.
    pub url: String,
    /// Pause between heartbeats that clients are told to keep. Connections made later keep it.
    pub heartbeat: Duration,
    /// Whether heartbeats are acknowledged.
    pub acknowledges: bool,
    /// Whether a session can be had back.
    pub resumable: bool,
    /// Whether connections are ended as soon as they are made.
    pub away: bool,
    /// The close code that everyone who identifies is refused with.
    pub refuses: Option<u16>,
    /// The bits of the intents of everyone who identified, also of those who were refused.
    pub identifies: Vec<u64>,
    /// Everyone who tried to resume.
    pub resumes: Vec<Resume>,
    /// Heartbeats that came.
    pub heartbeats: u64,
    connections: BTreeMap<u64, UnboundedSender<Frame>>,
    connected: u64,
    sessions: Vec<Session>,
}

/// Serves the gateway until the task is dropped.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(socket::serve(stream, shared.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

impl Gateway {
    pub(super) fn at(address: SocketAddr) -> Self {
        Self {
            url: format!("ws://{address}"),
            heartbeat: Duration::from_millis(41_250),
            acknowledges: true,
            resumable: true,
            away: false,
            refuses: None,
            identifies: Vec::new(),
            resumes: Vec::new(),
            heartbeats: 0,
            connections: BTreeMap::new(),
            connected: 0,
            sessions: Vec::new(),
        }
    }

    /// The intents of each session that is connected.
    pub fn sessions(&self) -> Vec<u64> {
        self.sessions.iter().filter(|session| session.connection.is_some()).map(|session| session.intents).collect()
    }

    /// Asks every client to connect anew and resume.
    pub fn ask_to_reconnect(&mut self) {
        self.say_to_all(&json!({ "op": 7, "d": null }));
    }

    /// Tells every client that its session is void, and whether it may yet try to resume it.
    pub fn invalidate(&mut self, resumable: bool) {
        self.say_to_all(&json!({ "op": 9, "d": resumable }));
        if !resumable {
            self.sessions.clear();
        }
    }

    /// Breaks every connection without a word. Sessions stay, to be resumed.
    pub fn break_connections(&mut self) {
        self.end_all(|| Frame::Drop);
    }

    /// Closes every connection with that code. Sessions stay, to be resumed.
    pub fn close_connections(&mut self, code: u16) {
        self.end_all(|| Frame::Close(code));
    }

    fn end_all(&mut self, frame: impl Fn() -> Frame) {
        for line in self.connections.values() {
            drop(line.send(frame()));
        }
        for session in &mut self.sessions {
            session.connection = None;
        }
    }

    fn say_to_all(&self, frame: &Value) {
        for line in self.connections.values() {
            drop(line.send(Frame::Text(frame.to_string())));
        }
    }

    fn send(&self, connection: u64, frame: Frame) {
        if let Some(line) = self.connections.get(&connection) {
            // It may be gone; then nobody hears it.
            drop(line.send(frame));
        }
    }

    /// `session_start_limit` of `GET /gateway/bot`.
    pub(super) fn start_limit(&self) -> Value {
        let remaining = IDENTIFIES.saturating_sub(self.identifies.len());
        json!({ "total": IDENTIFIES, "remaining": remaining, "reset_after": 86_400_000, "max_concurrency": 1 })
    }
}

impl Session {
    /// Sends an event to it, now or when it resumes.
    fn dispatch(&mut self, connections: &BTreeMap<u64, UnboundedSender<Frame>>, kind: &str, data: &Value) {
        self.seq += 1;
        let text = json!({ "op": 0, "s": self.seq, "t": kind, "d": data }).to_string();
        if let Some(line) = self.connection.and_then(|connection| connections.get(&connection)) {
            drop(line.send(Frame::Text(text.clone())));
        }
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((self.seq, text));
    }
}

impl World {
    /// Sends an event to every session that asked for its kind.
    pub fn dispatch(&mut self, kind: &str, data: &Value) {
        let needed = match kind {
            "GUILD_MEMBER_ADD" | "GUILD_MEMBER_UPDATE" | "GUILD_MEMBER_REMOVE" => GUILD_MEMBERS,
            "INTERACTION_CREATE" => 0,
            _ => GUILDS,
        };
        let Gateway { sessions, connections, .. } = &mut self.gateway;
        for session in sessions.iter_mut().filter(|session| session.intents & needed == needed) {
            session.dispatch(connections, kind, data);
        }
    }

    /// What a new session is told first: who it is, then its guild.
    fn welcome(&mut self, connection: u64, intents: u64) {
        let id = format!("session-{}", self.new_id());
        let ready = events::ready(self, &id);
        let guild = (self.in_guild && intents & GUILDS != 0).then(|| events::guild_create(self));
        let mut session = Session { id, intents, seq: 0, kept: VecDeque::new(), connection: Some(connection) };
        session.dispatch(&self.gateway.connections, "READY", &ready);
        if let Some(guild) = guild {
            session.dispatch(&self.gateway.connections, "GUILD_CREATE", &guild);
        }
        self.gateway.sessions.push(session);
    }
}
