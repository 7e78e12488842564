//! Asks the gateway why it refuses every session, by one connection of our own: serenity tells of three close codes alone, and after the others
//! tries again for ever.

use futures::{SinkExt as _, StreamExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use serenity::all::GatewayIntents;
use tokio::time::timeout;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::STEP;

/// Longest message that is read, in bytes. A READY lists the bot's guilds by their ids.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// The code with which Discord ends a session begun like this; `None` if it begins one, or does not say.
pub(super) async fn close_code(url: &str, token: &SecretString, intents: GatewayIntents) -> Option<u16> {
    // Boxed, for a handshake is large and this is rare.
    timeout(STEP, Box::pin(identify(url, token, intents))).await.ok().flatten()
}

async fn identify(url: &str, token: &SecretString, intents: GatewayIntents) -> Option<u16> {
    let bounds =
        WebSocketConfig { max_message_size: Some(MAX_MESSAGE), max_frame_size: Some(MAX_MESSAGE), ..WebSocketConfig::default() };
    let (mut socket, _) = connect_async_with_config(format!("{url}?v=10&encoding=json"), Some(bounds), false).await.ok()?;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Close(frame) => return frame.map(|frame| frame.code.into()),
            Message::Text(text) => match opcode(&text) {
                Some(HELLO) => socket.send(Message::Text(introduction(token, intents))).await.ok()?,
                // A session has begun, or is not to be had just now: this is no refusal for good.
                Some(DISPATCH | INVALID_SESSION) => break,
                _ => {}
            },
            _ => {}
        }
    }
    // Whatever comes of it: the session is not kept.
    let _ = socket.close(None).await;
    None
}

const DISPATCH: u64 = 0;
const IDENTIFY: u64 = 2;
const INVALID_SESSION: u64 = 9;
const HELLO: u64 = 10;

fn opcode(text: &str) -> Option<u64> {
    serde_json::from_str::<Value>(text).ok()?["op"].as_u64()
}

/// What serenity says at the beginning of a session, too.
fn introduction(token: &SecretString, intents: GatewayIntents) -> String {
    let properties = json!({ "os": std::env::consts::OS, "browser": "guildsync", "device": "guildsync" });
    let token = token.expose_secret().trim();
    let data = json!({ "token": token, "intents": intents.bits(), "shard": [0, 1], "properties": properties });
    json!({ "op": IDENTIFY, "d": data }).to_string()
}
