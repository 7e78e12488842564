//! The one pub/sub connection of a process: hears that there are jobs, and that runs have changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use redis::{Msg, Value};
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, sleep, timeout};

use super::keys::Keys;
use super::link::{ANSWER_LIMIT, Backoff, CONNECT_LIMIT, Link, Outage, silent, unavailable};
use crate::domain::RunId;
use crate::queue::{Notices, QueueError};

/// How often a silent connection is asked whether it is still there: a lost peer says nothing.
const CHECK_EVERY: Duration = Duration::from_secs(15);

/// What is heard, and who is told.
pub(super) struct Ears {
    pub(super) link: Link,
    pub(super) keys: Keys,
    pub(super) notices: Notices,
    /// Told of jobs, and of every new subscription: jobs may have been rung while there was none.
    pub(super) wake: Arc<watch::Sender<()>>,
}

impl Ears {
    /// Listens for ever, subscribing again whenever the connection is lost.
    pub(super) async fn listen(self) {
        let outage = Outage::new("hearing of jobs and changed runs");
        let mut backoff = Backoff::new();
        loop {
            let Err(error) = self.attend(&outage, &mut backoff).await;
            outage.begins(&error);
            sleep(backoff.next()).await;
        }
    }

    async fn attend(&self, outage: &Outage, backoff: &mut Backoff) -> Result<Infallible, QueueError> {
        let subscribe = async {
            let mut pubsub = self.link.client().get_async_pubsub().await?;
            pubsub.subscribe(&[self.keys.wake(), self.keys.runs()]).await?;
            redis::RedisResult::Ok(pubsub)
        };
        let pubsub = timeout(CONNECT_LIMIT, subscribe).await.map_err(|_| silent(CONNECT_LIMIT))?.map_err(unavailable)?;
        outage.ends();
        backoff.reset();
        self.wake.send_replace(());

        let (mut sink, mut messages) = pubsub.split();
        let mut check = interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
        loop {
            tokio::select! {
                message = messages.next() => self.hear(&message.ok_or_else(|| unavailable("the connection was closed"))?),
                _ = check.tick() => {
                    let answer = timeout(ANSWER_LIMIT, sink.ping::<Value>()).await;
                    answer.map_err(|_| silent(ANSWER_LIMIT))?.map_err(unavailable)?;
                }
            }
        }
    }

    fn hear(&self, message: &Msg) {
        if message.get_channel_name() == self.keys.wake() {
            self.wake.send_replace(());
            return;
        }
        let run = str::from_utf8(message.get_payload_bytes()).ok().and_then(|text| text.parse::<RunId>().ok());
        if let Some(run) = run {
            self.notices.publish(run);
        } else {
            tracing::debug!("a notice named no run; it was dropped");
        }
    }
}
