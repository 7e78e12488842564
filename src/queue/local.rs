//! Jobs within this process: a bounded channel under the same worker as Redis has.
//!
//! Enters: jobs of this process. Leaves: the same jobs, in order. What is waiting when the process ends is gone, and what finds the
//! channel full is dropped: the sweeper rings both again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::consume::{Crew, consume, fresh_name};
use super::{Depth, Handler, Job, Notices, Queue, QueueError, Ring, Take};
use crate::domain::RunId;

/// Jobs that may wait. The largest list the API takes by default, cut into the smallest batches, is 25,000.
const CAPACITY: usize = 32_768;

/// How long the worker rests should it ever end by itself.
const REST: Duration = Duration::from_millis(250);

struct Local {
    sender: mpsc::Sender<Job>,
    /// Shared, so that a worker can be stopped and another started.
    receiver: Arc<Mutex<mpsc::Receiver<Job>>>,
    notices: Notices,
}

/// A queue within this process.
#[must_use]
pub fn local() -> Queue {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let notices = Notices::new();
    let local = Arc::new(Local { sender, receiver: Arc::new(Mutex::new(receiver)), notices: notices.clone() });
    Queue { ring: local.clone(), take: local.clone(), depth: local, notices }
}

impl Local {
    /// The jobs as an apalis backend. They are read off the wire format again, so that both ways of carrying do the same.
    fn jobs(&self) -> BoxStream<'static, Result<Value, Infallible>> {
        stream::unfold(Arc::clone(&self.receiver), |receiver| async move {
            let job = receiver.lock().await.recv().await?;
            Some((Ok(job.to_wire()), receiver))
        })
        .boxed()
    }
}

#[async_trait]
impl Ring for Local {
    async fn ring(&self, jobs: &[Job]) {
        for (rung, job) in jobs.iter().enumerate() {
            // Never waits: a handler that rings would wait for room that only handlers make.
            if self.sender.try_send(*job).is_err() {
                tracing::debug!(dropped = jobs.len() - rung, "the queue is full; the sweeper rings these jobs later");
                return;
            }
        }
    }

    async fn notify(&self, run: RunId) {
        self.notices.publish(run);
    }
}

#[async_trait]
impl Depth for Local {
    fn carrier(&self) -> &'static str {
        "this process"
    }

    async fn waiting(&self) -> Result<usize, QueueError> {
        Ok(self.sender.max_capacity() - self.sender.capacity())
    }
}

#[async_trait]
impl Take for Local {
    async fn take(&self, concurrency: usize, handler: Handler, stop: CancellationToken) {
        let crew = Crew::new(concurrency, handler);
        while !stop.is_cancelled() {
            if let Err(error) = consume(fresh_name("local"), self.jobs(), crew.clone(), stop.clone()).await {
                tracing::error!("the worker of this process ended ({error}); another one starts");
                tokio::time::sleep(REST).await;
            }
        }
        crew.finish().await;
    }
}
