//! Jobs within this process: bounded channels under the same workers as Redis has.
//!
//! Enters: jobs of this process. Leaves: the same jobs, each line in order. What is waiting when the process ends is gone, and what finds the
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
use super::job::{Line, Lines};
use super::{Depth, Handler, Job, Notices, Places, Queue, QueueError, Ring, Take};
use crate::domain::RunId;

/// Jobs that may wait in a line. The largest list the API takes by default, cut into the smallest batches, is 25,000.
const CAPACITY: usize = 32_768;

/// How long the worker rests should it ever end by itself.
const REST: Duration = Duration::from_millis(250);

struct Local {
    senders: Lines<mpsc::Sender<Job>>,
    /// Shared, so that a worker can be stopped and another started.
    receivers: Lines<Arc<Mutex<mpsc::Receiver<Job>>>>,
    notices: Notices,
}

/// A queue within this process.
#[must_use]
pub fn local() -> Queue {
    let (runs, runs_out) = mpsc::channel(CAPACITY);
    let (batches, batches_out) = mpsc::channel(CAPACITY);
    let receivers = Lines { runs: Arc::new(Mutex::new(runs_out)), batches: Arc::new(Mutex::new(batches_out)) };
    let notices = Notices::new();
    let local = Arc::new(Local { senders: Lines { runs, batches }, receivers, notices: notices.clone() });
    Queue { ring: local.clone(), take: local.clone(), depth: local, notices }
}

impl Local {
    /// The jobs of a line as an apalis backend. They are read off the wire format again, so that both ways of carrying do the same.
    fn jobs(&self, line: Line) -> BoxStream<'static, Result<Value, Infallible>> {
        stream::unfold(Arc::clone(self.receivers.of(line)), |receiver| async move {
            let job = receiver.lock().await.recv().await?;
            Some((Ok(job.to_wire()), receiver))
        })
        .boxed()
    }

    /// Starts one worker after another until `stop`; the first is meant to be the only one.
    async fn supervise(&self, line: Line, crew: &Crew, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = consume(fresh_name("local"), self.jobs(line), crew.clone(), stop.clone()).await {
                tracing::error!("the worker of this process ended ({error}); another one starts");
                tokio::time::sleep(REST).await;
            }
        }
        crew.finish().await;
    }
}

#[async_trait]
impl Ring for Local {
    async fn ring(&self, jobs: &[Job]) {
        for (rung, job) in jobs.iter().enumerate() {
            // Never waits: a handler that rings would wait for room that only handlers make.
            if self.senders.of(job.line()).try_send(*job).is_err() {
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
        let waiting = |sender: &mpsc::Sender<Job>| sender.max_capacity() - sender.capacity();
        Ok(waiting(&self.senders.runs) + waiting(&self.senders.batches))
    }
}

#[async_trait]
impl Take for Local {
    async fn take(&self, places: Places, handler: Handler, stop: CancellationToken) {
        let crews = Crew::of_each_line(places, &handler);
        tokio::join!(self.supervise(Line::Runs, &crews.runs, &stop), self.supervise(Line::Batches, &crews.batches, &stop),);
    }
}
