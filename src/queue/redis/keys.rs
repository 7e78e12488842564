//! The names in Redis. Those of the queue are apalis-redis's own; three are ours.

use apalis_redis::Config;

/// The names that begin with an installation's prefix.
#[derive(Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The queue, as apalis names it; its keys begin with this.
    pub(super) fn queue(&self) -> String {
        format!("{}:jobs", self.prefix)
    }

    /// apalis's settings, which also name its keys.
    pub(super) fn config(&self) -> Config {
        Config::default().queue(self.queue())
    }

    /// Channel: there are new jobs.
    pub(super) fn wake(&self) -> String {
        format!("{}:wake", self.queue())
    }

    /// Channel: this run has changed.
    pub(super) fn runs(&self) -> String {
        format!("{}:runs", self.prefix)
    }

    /// Sorted set: names of workers by the second they started, so that what apalis leaves of them can be found again.
    pub(super) fn started(&self) -> String {
        format!("{}:started", self.queue())
    }

    /// What the name of a worker's metadata begins with.
    pub(super) fn worker_metadata(&self) -> String {
        format!("{}:workers:metadata:", self.queue())
    }

    /// The set of ids a worker has in hand.
    pub(super) fn inflight(&self, worker: &str) -> String {
        format!("{}:{worker}", self.config().inflight_jobs_set())
    }
}
