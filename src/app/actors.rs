//! The actors' thread.

use anyhow::Context as _;

/// The one actix System of the process, on a thread of its own.
pub(super) struct ActorThread {
    system: actix::System,
    thread: std::thread::JoinHandle<std::io::Result<()>>,
}

impl ActorThread {
    pub fn start() -> anyhow::Result<Self> {
        let (ready, started) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("actors".into()).spawn(move || {
            let runner = actix::System::new();
            // The other end only goes away with the process.
            let _ = ready.send(actix::System::current());
            runner.run()
        })?;
        Ok(Self { system: started.recv().context("the actors' thread ended at once")?, thread })
    }

    /// The arbiter in which actors start.
    pub fn arbiter(&self) -> &actix::ArbiterHandle {
        self.system.arbiter()
    }

    /// Ends the System; actors that are still at work are dropped.
    pub fn stop(self) {
        self.system.stop();
        if self.thread.join().is_err() {
            tracing::error!("the actors' thread panicked");
        }
    }
}
