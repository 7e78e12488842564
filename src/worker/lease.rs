//! Holds a claim while its work is being done.

use std::future::Future;

use tokio::runtime::Handle;
use tokio::task::JoinError;

use super::Pace;
use crate::store::StoreError;

/// Does `work` on the runtime and keeps its claim renewed meanwhile. Renewal is a task of its own, because the work may hold the very
/// connection that renewal waits for.
///
/// # Errors
/// The panic of `work`, contained.
pub(super) async fn hold<T, R>(
    runtime: &Handle,
    pace: Pace,
    renew: impl Fn() -> R + Send + 'static,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, JoinError>
where
    T: Send + 'static,
    R: Future<Output = Result<bool, StoreError>> + Send,
{
    let renewing = runtime.spawn(async move {
        loop {
            tokio::time::sleep(pace.renew).await;
            match renew().await {
                Ok(true) => {}
                // The conclusion of the work will find that out, too, and change nothing.
                Ok(false) => return,
                Err(error) => tracing::debug!(%error, "a claim could not be renewed just now"),
            }
        }
    });
    let done = runtime.spawn(work).await;
    renewing.abort();
    done
}
