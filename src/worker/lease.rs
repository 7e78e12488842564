//! Holds a claim while its work is being done.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::task::JoinError;

use super::Pace;
use crate::store::StoreError;

/// Does `work` on the runtime and keeps its claim renewed meanwhile. Renewal is a task of its own, because the work may hold the very
/// connection that renewal waits for.
///
/// Work whose claim is lost has no effect any more; it is given a moment to find that out and is then ended, so that it does not keep the one who
/// does it from the next. `None` then.
///
/// # Errors
/// The panic of `work`, contained.
pub(super) async fn hold<T, R>(
    runtime: &Handle,
    pace: Pace,
    renew: impl Fn() -> R + Send + 'static,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<Option<T>, JoinError>
where
    T: Send + 'static,
    R: Future<Output = Result<bool, StoreError>> + Send,
{
    let mut renewing = runtime.spawn(async move {
        loop {
            tokio::time::sleep(pace.renew).await;
            match renew().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::debug!(%error, "a claim could not be renewed just now"),
            }
        }
    });
    let mut working = runtime.spawn(work);
    let done = tokio::select! {
        done = &mut working => done.map(Some),
        // It may just have been concluded: by this work.
        _ = &mut renewing => {
            if let Ok(done) = tokio::time::timeout(pace.renew, &mut working).await {
                done.map(Some)
            } else {
                working.abort();
                Ok(None)
            }
        }
    };
    renewing.abort();
    done
}
