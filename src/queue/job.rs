//! What travels through the queue: a name of a step, never its data. SQL holds the truth; a job says where to look.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::RunId;

/// The version of the wire format that this program writes.
const VERSION: u8 = 1;

/// A step of a run that may be ready to be worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// Take up a queued run.
    Run(RunId),
    /// Apply a batch of a run.
    Batch(RunId, i32),
    /// Finish a run whose batches are all applied.
    Finish(RunId),
}

/// The line that a job waits in. Batches of a large run come by the hundred; whatever takes runs up, ends them, and does all of a small one, does
/// not wait behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// For `Job::Run` and `Job::Finish`.
    Runs,
    /// For `Job::Batch`.
    Batches,
}

/// One thing for each line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines<T> {
    pub runs: T,
    pub batches: T,
}

impl<T> Lines<T> {
    /// That of one line.
    pub fn of(&self, line: Line) -> &T {
        match line {
            Line::Runs => &self.runs,
            Line::Batches => &self.batches,
        }
    }
}

/// A job on the wire: `{"v":1,"kind":"batch","run":"…","batch":7}`. Kinds are only ever added, so that old and new processes can
/// share a queue while an upgrade rolls through.
#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    v: u8,
    kind: String,
    run: RunId,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<i32>,
}

/// A message that is no job this version knows. It is logged and dropped: if it named a real step, the sweeper finds that step.
#[derive(Debug, thiserror::Error)]
#[error("a queue message is no job of version {VERSION}: {0}")]
pub struct UnknownJob(String);

impl Job {
    /// Where it waits.
    pub(super) fn line(self) -> Line {
        match self {
            Self::Run(_) | Self::Finish(_) => Line::Runs,
            Self::Batch(..) => Line::Batches,
        }
    }

    /// The job as JSON for the wire.
    #[must_use]
    pub fn to_wire(self) -> Value {
        let (kind, run, batch) = match self {
            Self::Run(run) => ("run", run, None),
            Self::Batch(run, batch) => ("batch", run, Some(batch)),
            Self::Finish(run) => ("finish", run, None),
        };
        let mut wire = serde_json::json!({ "v": VERSION, "kind": kind, "run": run });
        if let Some(batch) = batch {
            wire["batch"] = batch.into();
        }
        wire
    }

    /// Reads a job off the wire.
    ///
    /// # Errors
    /// [`UnknownJob`] for anything but a job of this version.
    pub fn from_wire(wire: &Value) -> Result<Self, UnknownJob> {
        let Wire { v, kind, run, batch } = Wire::deserialize(wire).map_err(|e| UnknownJob(e.to_string()))?;
        match (v, kind.as_str(), batch) {
            (VERSION, "run", _) => Ok(Self::Run(run)),
            (VERSION, "batch", Some(batch)) => Ok(Self::Batch(run, batch)),
            (VERSION, "finish", _) => Ok(Self::Finish(run)),
            _ => Err(UnknownJob(format!("version {v}, kind {kind:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_survive_the_wire_and_strangers_do_not() {
        let run: RunId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        for job in [Job::Run(run), Job::Batch(run, 7), Job::Finish(run)] {
            assert_eq!(Job::from_wire(&job.to_wire()).unwrap(), job);
        }
        assert_eq!(
            Job::Batch(run, 7).to_wire().to_string(),
            r#"{"batch":7,"kind":"batch","run":"01890a5d-ac96-774b-bcce-b302099a8057","v":1}"#
        );
        for stranger in [
            serde_json::json!(null),
            serde_json::json!({"v": 2, "kind": "run", "run": run}),
            serde_json::json!({"v": 1, "kind": "batch", "run": run}),
            serde_json::json!({"v": 1, "kind": "dance", "run": run}),
            serde_json::json!({"v": 1, "kind": "run", "run": "no id"}),
        ] {
            assert!(Job::from_wire(&stranger).is_err(), "{stranger}");
        }
    }
}
