//! The one place that builds an apalis worker, over whatever carries the jobs.
//!
//! Enters: a backend whose items are JSON, and a [`Crew`]. Leaves: calls of the handler. A message that is no job is logged and
//! dropped. Each job runs as a task of its own, so that a worker that dies with its connection cancels nothing, and a job that
//! panics or hangs ends only itself. apalis is never told of a failure: its own retries are not wanted, because SQL decides those.

use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis::layers::WorkerBuilderExt as _;
use apalis_core::backend::finalize::FinalizeBackend;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::error::{BoxDynError, WorkerError};
use apalis_core::task::Task;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::lifecycle::LifecycleService;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service};
use ulid::Ulid;

use super::job::Lines;
use super::{Handler, Job, Places};

/// A job that takes longer is given up, so that it cannot hold its place for ever. Far above any honest job: the work itself has
/// shorter limits, and its lease in SQL is long gone by then.
const JOB_LIMIT: Duration = Duration::from_mins(10);

/// The hands of one line of a `take`: the handler, and what all its apalis workers, one after the other, have in hand.
#[derive(Clone)]
pub(super) struct Crew {
    handler: Handler,
    concurrency: usize,
    /// Counts places over worker restarts: jobs of a dead worker run on, and the next worker must not come on top of them.
    places: Arc<Semaphore>,
    in_hand: TaskTracker,
}

impl Crew {
    /// A crew that does at most `concurrency` jobs at once, and at least one.
    fn new(concurrency: usize, handler: Handler) -> Self {
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        Self { handler, concurrency, places: Arc::new(Semaphore::new(concurrency)), in_hand: TaskTracker::new() }
    }

    /// One for each line.
    pub(super) fn of_each_line(places: Places, handler: &Handler) -> Lines<Self> {
        let crew = |places| Self::new(places, Arc::clone(handler));
        Lines { runs: crew(places.runs), batches: crew(places.batches) }
    }

    /// Waits for the jobs in hand. Bounded, because each job is.
    pub(super) async fn finish(&self) {
        self.in_hand.close();
        self.in_hand.wait().await;
    }

    async fn carry_out(self, wire: Value) {
        match Job::from_wire(&wire) {
            // Waiting may be cut short by the worker's death; the task goes on.
            Ok(job) => drop(self.begin(job).await.await),
            Err(unknown) => tracing::warn!("{unknown}; it was dropped"),
        }
    }

    /// Waits for a free place and begins a job, as a task.
    pub(super) async fn begin(&self, job: Job) -> JoinHandle<()> {
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let handler = Arc::clone(&self.handler);
        let work = async move {
            let _place = place;
            // The call stands inside, so that a panic while the future is made is caught as well.
            let work = AssertUnwindSafe(async { handler(job).await }).catch_unwind();
            match tokio::time::timeout(JOB_LIMIT, work).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => tracing::error!(?job, "a job panicked; the worker goes on, and the sweeper takes the job up again"),
                Err(_) => tracing::error!(?job, limit = ?JOB_LIMIT, "a job was given up, because it did not end"),
            }
        };
        self.in_hand.spawn(work)
    }
}

impl Service<Task<Value>> for Crew {
    type Response = ();
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<(), BoxDynError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, task: Task<Value>) -> Self::Future {
        self.clone().carry_out(task.args).map(Ok).boxed()
    }
}

/// A name no worker had before: apalis refuses a name that was alive a moment ago, so a quick restart needs another.
pub(super) fn fresh_name(host: &str) -> String {
    format!("{host}-{}", Ulid::generate())
}

/// Runs one apalis worker over `backend` until `stop`, and then until its jobs are done. The error is the backend's or apalis's
/// own: this worker is dead then, its jobs are not.
pub(super) async fn consume<B, F, S>(name: String, backend: B, crew: Crew, stop: CancellationToken) -> Result<(), WorkerError>
where
    B: Backend + BackendConfig<Args = Value>,
    B::Kind: FinalizeBackend<B, Value, Backend = F>,
    F: Backend<Task = Task<Value>> + BackendConfig<Args = Value> + Send + Unpin,
    F::Layer: Layer<ConcurrencyLimit<LifecycleService<Crew>>, Service = S>,
    S: Service<Task<Value>, Error = BoxDynError> + Send + 'static,
    S::Response: Send + Sync + 'static,
    S::Future: Send,
{
    let concurrency = crew.concurrency;
    let worker = WorkerBuilder::new(name).backend(backend).concurrency(concurrency).build::<_, Crew, F>(crew);
    let life = worker.run_until(stop.cancelled_owned().then(|()| ready(Ok::<_, WorkerError>(()))));
    // apalis panics where it finds itself in a state it does not expect; that, too, must only end this worker.
    AssertUnwindSafe(life).catch_unwind().await.unwrap_or_else(|_| Err(WorkerError::PanicError("in apalis".into())))
}
