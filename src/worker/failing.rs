//! How a run is ended that cannot be carried out.

use super::Tools;
use crate::domain::{RunError, RunId};
use crate::queue::Job;
use crate::store::StoreError;

/// Ends a run with an error, says so, and rings whoever may go on now.
pub(super) async fn fail(tools: &Tools, run: RunId, error: &RunError) -> Result<(), StoreError> {
    tracing::error!(%run, code = error.code, "the run fails: {}", error.message);
    let next = tools.work.fail_run(run, error, tools.clock.now()).await?;
    tools.ring.notify(run).await;
    tools.ring.ring(&next.into_iter().map(Job::Run).collect::<Vec<_>>()).await;
    Ok(())
}
