//! What clients say, and what comes of it.

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::{Frame, GUILD_MEMBERS, Gateway, Resume};
use crate::support::discord::world::World;

/// Every intent there is.
const ALL_INTENTS: u64 = (1 << 26) - 1;

/// Close codes, by Discord's names.
mod code {
    pub const UNKNOWN_OPCODE: u16 = 4001;
    pub const DECODE_ERROR: u16 = 4002;
    pub const NOT_AUTHENTICATED: u16 = 4003;
    pub const AUTHENTICATION_FAILED: u16 = 4004;
    pub const ALREADY_AUTHENTICATED: u16 = 4005;
    pub const INVALID_SEQ: u16 = 4007;
    pub const INVALID_INTENTS: u16 = 4013;
    pub const DISALLOWED_INTENTS: u16 = 4014;
}

impl Gateway {
    /// A new connection, greeted. None is made while the gateway is away.
    pub(super) fn connect(&mut self, line: UnboundedSender<Frame>) -> Option<u64> {
        if self.away {
            return None;
        }
        self.connected += 1;
        self.connections.insert(self.connected, line);
        let interval = u64::try_from(self.heartbeat.as_millis()).expect("a pause");
        self.send(self.connected, Frame::Text(json!({ "op": 10, "d": { "heartbeat_interval": interval } }).to_string()));
        Some(self.connected)
    }

    /// The end of a connection. A client that says goodbye itself gives its session up.
    pub(super) fn disconnect(&mut self, connection: u64, goodbye: Option<u16>) {
        self.connections.remove(&connection);
        if matches!(goodbye, Some(1000 | 1001)) {
            self.sessions.retain(|session| session.connection != Some(connection));
        }
        for session in self.sessions.iter_mut().filter(|session| session.connection == Some(connection)) {
            session.connection = None;
        }
    }

    fn is_known(&self, connection: u64) -> bool {
        self.sessions.iter().any(|session| session.connection == Some(connection))
    }
}

impl World {
    /// What a client said.
    pub(super) fn hear(&mut self, connection: u64, text: &str) {
        let refused = match serde_json::from_str::<Value>(text) {
            Ok(frame) => self.judge(connection, &frame).err(),
            Err(_) => Some(code::DECODE_ERROR),
        };
        if let Some(code) = refused {
            self.gateway.send(connection, Frame::Close(code));
        }
    }

    /// Does what a frame asks for, or answers the code it is refused with.
    fn judge(&mut self, connection: u64, frame: &Value) -> Result<(), u16> {
        match frame["op"].as_u64() {
            Some(1) => {
                self.gateway.heartbeats += 1;
                if self.gateway.acknowledges {
                    self.gateway.send(connection, Frame::Text(json!({ "op": 11 }).to_string()));
                }
                Ok(())
            }
            Some(2) => self.identify(connection, &frame["d"]),
            Some(6) => self.resume(connection, &frame["d"]),
            // Presence: nobody here looks at it.
            Some(3) if self.gateway.is_known(connection) => Ok(()),
            Some(3) => Err(code::NOT_AUTHENTICATED),
            _ => Err(code::UNKNOWN_OPCODE),
        }
    }

    /// Discord takes the token with and without the word that REST puts before it; serenity sends it with.
    fn is_ours(&self, token: &str) -> bool {
        token.strip_prefix("Bot ").unwrap_or(token) == self.token
    }

    fn identify(&mut self, connection: u64, said: &Value) -> Result<(), u16> {
        let (Some(token), Some(intents)) = (said["token"].as_str(), said["intents"].as_u64()) else {
            return Err(code::DECODE_ERROR);
        };
        if !said["properties"].is_object() {
            return Err(code::DECODE_ERROR);
        }
        if self.gateway.is_known(connection) {
            return Err(code::ALREADY_AUTHENTICATED);
        }
        self.gateway.identifies.push(intents);
        if !self.is_ours(token) {
            return Err(code::AUTHENTICATION_FAILED);
        }
        if let Some(code) = self.gateway.refuses {
            return Err(code);
        }
        if intents & !ALL_INTENTS != 0 {
            return Err(code::INVALID_INTENTS);
        }
        if intents & GUILD_MEMBERS != 0 && !self.members_intent {
            return Err(code::DISALLOWED_INTENTS);
        }
        self.welcome(connection, intents);
        Ok(())
    }

    fn resume(&mut self, connection: u64, said: &Value) -> Result<(), u16> {
        let (Some(id), Some(seq)) = (said["session_id"].as_str(), said["seq"].as_u64()) else {
            return Err(code::DECODE_ERROR);
        };
        if !said["token"].as_str().is_some_and(|token| self.is_ours(token)) {
            return Err(code::AUTHENTICATION_FAILED);
        }
        let gateway = &mut self.gateway;
        let found = gateway.sessions.iter().position(|session| session.id == id).filter(|_| gateway.resumable);
        gateway.resumes.push(Resume { seq, granted: found.is_some() });
        let Some(found) = found else {
            gateway.sessions.retain(|session| session.id != id);
            gateway.send(connection, Frame::Text(json!({ "op": 9, "d": false }).to_string()));
            return Ok(());
        };
        let session = &mut gateway.sessions[found];
        if seq > session.seq {
            return Err(code::INVALID_SEQ);
        }
        session.connection = Some(connection);
        if let Some(line) = gateway.connections.get(&connection) {
            for (_, text) in session.kept.iter().filter(|(kept, _)| *kept > seq) {
                drop(line.send(Frame::Text(text.clone())));
            }
        }
        session.dispatch(&gateway.connections, "RESUMED", &json!({ "_trace": [] }));
        Ok(())
    }
}
