//! The names in Redis. Those of the queue are apalis-redis's own; three are ours.

use apalis_redis::Config;

use crate::queue::job::Line;

/// The names that begin with an installation's prefix.
#[derive(Clone)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// Those of one line of jobs. That of the batches has the name that was once all jobs', so that a process of before takes them, too.
    pub(super) fn line(&self, line: Line) -> LineKeys {
        let queue = match line {
            Line::Batches => format!("{}:jobs", self.prefix),
            Line::Runs => format!("{}:jobs:runs", self.prefix),
        };
        LineKeys { queue }
    }

    /// Both lines.
    pub(super) fn lines(&self) -> [LineKeys; 2] {
        [Line::Runs, Line::Batches].map(|line| self.line(line))
    }

    /// Channel: there are new jobs, of any line.
    pub(super) fn wake(&self) -> String {
        format!("{}:jobs:wake", self.prefix)
    }

    /// Channel: this run has changed.
    pub(super) fn runs(&self) -> String {
        format!("{}:runs", self.prefix)
    }
}

/// The names of one line of jobs, which is a queue to apalis.
#[derive(Clone)]
pub(super) struct LineKeys {
    /// As apalis names it; its keys begin with this.
    queue: String,
}

impl LineKeys {
    /// apalis's settings, which also name its keys.
    pub(super) fn config(&self) -> Config {
        Config::default().queue(self.queue.clone())
    }

    /// Sorted set: names of workers by the second they started, so that what apalis leaves of them can be found again.
    pub(super) fn started(&self) -> String {
        format!("{}:started", self.queue)
    }

    /// What the name of a worker's metadata begins with.
    pub(super) fn worker_metadata(&self) -> String {
        format!("{}:workers:metadata:", self.queue)
    }

    /// The set of ids a worker has in hand.
    pub(super) fn inflight(&self, worker: &str) -> String {
        format!("{}:{worker}", self.config().inflight_jobs_set())
    }
}
