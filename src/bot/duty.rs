//! A duty that one bot process at a time has, by a lease in SQL.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Desk;
use crate::store::Lease;

/// How long a try may take. A database that is away would otherwise be waited for until the lease is long over.
const TRY: Duration = Duration::from_secs(3);
/// How soon a try is repeated that came to no answer.
const AGAIN: Duration = Duration::from_secs(1);

/// A duty, for this process.
pub(super) struct Duty<'a> {
    name: &'static str,
    desk: &'a Desk,
}

impl<'a> Duty<'a> {
    /// The duty of this name.
    pub fn new(name: &'static str, desk: &'a Desk) -> Self {
        Self { name, desk }
    }

    /// Takes or keeps the duty. `Some(false)` if another process has it, `None` if the database does not say.
    pub async fn take(&self) -> Option<bool> {
        let Desk { options, tools, .. } = self.desk;
        let now = tools.clock.now();
        let lease = TimeDelta::from_std(options.pace.lease).unwrap_or(TimeDelta::seconds(15));
        let lease = Lease { name: self.name, holder: &options.process, until: now + lease };
        match timeout(TRY, tools.leases.take_lease(&lease, now)).await {
            Ok(Ok(taken)) => Some(taken),
            Ok(Err(error)) => {
                tracing::debug!(duty = self.name, %error, "no answer about a duty");
                None
            }
            Err(_) => None,
        }
    }

    /// Waits until this process has the duty; answers since when.
    pub async fn gained(&self) -> Instant {
        loop {
            let asked = Instant::now();
            if self.take().await == Some(true) {
                return asked;
            }
            sleep(self.desk.options.pace.renew).await;
        }
    }

    /// Keeps the duty that was had at `since`; returns when it is lost. Without an answer of the database it counts as lost well before another
    /// process may have it, so that there is time to let go of what goes with it.
    pub async fn lost(&self, since: Instant) {
        let pace = &self.desk.options.pace;
        let (mut had, mut pause) = (since, pace.renew);
        loop {
            let end = had + pace.lease * 2 / 3;
            sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
            let asked = Instant::now();
            match timeout_at(end, self.take()).await {
                Ok(Some(true)) => (had, pause) = (asked, pace.renew),
                Ok(Some(false)) => return,
                Ok(None) | Err(_) if Instant::now() >= end => return,
                Ok(None) | Err(_) => pause = AGAIN.min(pace.renew),
            }
        }
    }

    /// Lets go of the duty, so that another process has it at once.
    pub async fn let_go(&self) {
        let Desk { options, tools, .. } = self.desk;
        let dropped = timeout(TRY, tools.leases.drop_lease(self.name, &options.process)).await;
        if !matches!(dropped, Ok(Ok(()))) {
            tracing::debug!(duty = self.name, "the duty was not let go of; it runs out by itself");
        }
    }
}
