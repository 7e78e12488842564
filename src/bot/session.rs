//! One life of serenity's gateway client: on a thread and a runtime of its own, so that it can be ended for sure, and so that events keep their
//! order.
//!
//! Serenity hands every event to a task of its own. On a runtime with several threads two events of one member may then change places, and a member
//! who joined and left at once would be present for ever. A runtime with one thread runs tasks in the order in which they were spawned.
//!
//! The shard manager is used below serenity's `Client`, which would look the gateway's address up by itself; see [`discover`](super::discover).

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serenity::all::{GatewayError, GatewayIntents, ShardId, ShardManager, ShardManagerOptions};
use serenity::gateway::ConnectionStage;
use serenity::http::Http;
use serenity::prelude::{RawEventHandler, TypeMap};
use tokio::sync::{Mutex, RwLock, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How long Discord is given to answer a goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// How often it is looked whether the session stands.
const LOOK: Duration = Duration::from_millis(500);

/// Why a session has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Closed {
    /// It was told to.
    Stopped,
    /// Close code 4004.
    WrongToken,
    /// Close code 4014.
    IntentRefused,
    /// A close code after which no session can succeed: 4010 to 4013.
    Refused(u16),
    /// It had no connection for longer than one has patience for, or came to an end that is none of the above.
    Broken(String),
}

impl Closed {
    /// What a close code means, if no session can succeed as this one was begun.
    pub fn by_code(code: u16) -> Option<Self> {
        match code {
            4004 => Some(Self::WrongToken),
            4010..=4013 => Some(Self::Refused(code)),
            4014 => Some(Self::IntentRefused),
            _ => None,
        }
    }
}

/// What a session is begun with.
pub(super) struct Opening {
    /// The gateway's address, checked.
    pub url: String,
    /// Serenity's REST client; of it only the token is used here.
    pub http: Arc<Http>,
    /// What the session is to be told of.
    pub intents: GatewayIntents,
    /// Is given each event.
    pub handler: Arc<dyn RawEventHandler>,
    /// How long the session may be without connection.
    pub patience: Duration,
}

/// Begins a session. It ends with `stop`, and is gone for sure once the receiver has its end.
pub(super) fn open(opening: Opening, stop: CancellationToken) -> oneshot::Receiver<Closed> {
    let (sender, closed) = oneshot::channel();
    let spawned = std::thread::Builder::new().name("gateway".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let closed = match runtime {
            Ok(runtime) => runtime.block_on(live(opening, &stop)),
            Err(error) => Closed::Broken(format!("no runtime for the gateway: {error}")),
        };
        // The runtime and all tasks of serenity are gone by now. Nobody listens if the process is ending.
        let _ = sender.send(closed);
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread for the gateway");
    }
    closed
}

async fn live(opening: Opening, stop: &CancellationToken) -> Closed {
    let data = Arc::new(RwLock::new(TypeMap::new()));
    let (manager, mut verdict) = ShardManager::new(ShardManagerOptions {
        data: data.clone(),
        event_handlers: Vec::new(),
        raw_event_handlers: vec![opening.handler],
        shard_index: 0,
        shard_init: 1,
        shard_total: 1,
        ws_url: Arc::new(Mutex::new(opening.url)),
        http: opening.http,
        intents: opening.intents,
        presence: None,
    });
    if manager.initialize().is_err() {
        return Closed::Broken("the gateway client did not start".into());
    }
    tokio::select! {
        verdict = verdict.next() => match verdict {
            Some(Err(GatewayError::InvalidAuthentication)) => Closed::WrongToken,
            Some(Err(GatewayError::DisallowedGatewayIntents)) => Closed::IntentRefused,
            Some(Err(GatewayError::InvalidGatewayIntents)) => Closed::Refused(4013),
            Some(Err(error)) => Closed::Broken(error.to_string()),
            Some(Ok(())) | None => Closed::Broken("the gateway client ended".into()),
        },
        () = forsaken(&manager, &data, opening.patience) => Closed::Broken("the gateway does not answer, or ends every session".into()),
        () = stop.cancelled() => {
            // Says goodbye, so that Discord does not keep the session; whatever comes of it, the runtime ends.
            let _ = timeout(GOODBYE, manager.shutdown_all()).await;
            Closed::Stopped
        }
    }
}

/// Returns once there has been no connection for so long.
async fn forsaken(manager: &ShardManager, data: &Arc<RwLock<TypeMap>>, patience: Duration) {
    let mut connected = Instant::now();
    while connected.elapsed() < patience {
        tokio::time::sleep(LOOK).await;
        let stage = manager.runners.lock().await.get(&ShardId(0)).map(|runner| runner.stage);
        // The shard's task holds the data, too. Should it panic, its entry would go on saying that it is connected.
        let alive = Arc::strong_count(data) > 2;
        if alive && stage == Some(ConnectionStage::Connected) {
            connected = Instant::now();
        }
    }
}
