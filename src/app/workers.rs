//! The workers of a process: actors, and the jobs they take.

use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::queue::Queue;
use crate::worker::{Tools, Workforce};

/// How long the sweeper takes to let go of its duty.
const GOODBYE: Duration = Duration::from_secs(3);

/// Workers at work.
pub(super) struct Workers {
    workforce: Workforce,
    stop: CancellationToken,
    taking: JoinHandle<()>,
    actors: ActorThread,
}

impl Workers {
    /// Starts `writers` batch writers and what goes with them, and begins to take jobs.
    pub fn start(tools: &Tools, queue: &Queue, writers: usize) -> anyhow::Result<Self> {
        let actors = ActorThread::start()?;
        let workforce = Workforce::start(tools, writers, actors.system.arbiter());
        let stop = tools.stop.clone();
        let (take, handler, stopped) = (queue.take.clone(), workforce.handler(), stop.clone());
        let taking = tokio::spawn(async move { take.take(Workforce::places(writers), handler, stopped).await });
        Ok(Self { workforce, stop, taking, actors })
    }

    /// Waits for the taking of jobs to end of its own accord, which it should not; answers why it did.
    pub async fn failed(&mut self) -> anyhow::Error {
        match (&mut self.taking).await {
            Ok(()) => anyhow::anyhow!("the workers ended of their own accord"),
            Err(panic) => anyhow::Error::new(panic).context("the workers panicked"),
        }
    }

    /// Takes no more jobs, finishes those in hand or hands them on, and ends the actors.
    pub async fn stop(self, grace: Duration) {
        self.stop.cancel();
        if tokio::time::timeout(grace, self.taking).await.is_err() {
            tracing::warn!("some steps were not finished in time; others will take them over");
        }
        if tokio::time::timeout(GOODBYE, self.workforce.stop()).await.is_err() {
            tracing::debug!("the sweeper's duty was not let go of in time; it runs out by itself");
        }
        self.actors.stop();
    }
}

/// The one actix System of the process, on a thread of its own.
struct ActorThread {
    system: actix::System,
    thread: std::thread::JoinHandle<std::io::Result<()>>,
}

impl ActorThread {
    fn start() -> anyhow::Result<Self> {
        let (ready, started) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("actors".into()).spawn(move || {
            let runner = actix::System::new();
            // The other end only goes away with the process.
            let _ = ready.send(actix::System::current());
            runner.run()
        })?;
        Ok(Self { system: started.recv().context("the actors' thread ended at once")?, thread })
    }

    /// Ends the System; actors that are still at work are dropped.
    fn stop(self) {
        self.system.stop();
        if self.thread.join().is_err() {
            tracing::error!("the actors' thread panicked");
        }
    }
}
