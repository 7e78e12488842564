//! Completes the replies that commands are owed. Not who took the command does that, but whichever bot process has the duty `replies`: a reply is
//! completed although its process has died. What comes too late for its reply is reported instead.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::duty::Duty;
use super::{Desk, STEP, reports, say};
use crate::domain::{Run, RunId};
use crate::intake::FollowError;
use crate::store::Reply;

/// The duty's name in `leases`.
const DUTY: &str = "replies";
/// Replies that are completed at once; the others wait for their turn.
const AT_ONCE: i64 = 100;
/// How long a run is followed in one go.
const WATCH: Duration = Duration::from_mins(10);
/// How soon it is tried again when the database or Discord did not answer.
const AGAIN: Duration = Duration::from_secs(3);
/// How long a bar is wide that nobody can tell the length of: that long it takes to count the members.
const COUNT: Duration = Duration::from_secs(3);

/// A reply, as this process tells it from others. Its token does not leave the reply.
type Key = (RunId, DateTime<Utc>);

/// Completes replies and reports what is to be reported, while this process has the duty, until `stop`.
pub(super) async fn run(desk: &Arc<Desk>, stop: &CancellationToken) {
    let duty = Duty::new(DUTY, desk);
    while let Some(since) = stop.run_until_cancelled(duty.gained()).await {
        let doing = async { tokio::join!(complete_all(desk), reports::tell_all(desk)) };
        tokio::select! {
            _ = doing => {}
            () = duty.lost(since) => tracing::debug!("another process completes replies from here on"),
            () = stop.cancelled() => {}
        }
        duty.let_go().await;
    }
}

/// Completes replies as they are kept. What is at hand is let go of when this is dropped, and stays open for the next process.
async fn complete_all(desk: &Arc<Desk>) {
    let mut at_hand = HashSet::<Key>::new();
    let mut completing = JoinSet::new();
    loop {
        if let Ok(Ok(replies)) = timeout(STEP, desk.tools.replies.open_replies(AT_ONCE)).await {
            for reply in replies {
                let key = (reply.run, reply.to.expires_at);
                if at_hand.insert(key) {
                    let desk = desk.clone();
                    completing.spawn(async move {
                        complete(&desk, &reply).await;
                        key
                    });
                }
            }
        }
        let look = Instant::now() + desk.options.pace.look;
        loop {
            tokio::select! {
                () = sleep_until(look) => break,
                () = desk.kept.notified() => break,
                Some(done) = completing.join_next() => match done {
                    // What could not be completed is still open, and comes again.
                    Ok(key) => drop(at_hand.remove(&key)),
                    Err(panic) => tracing::error!(%panic, "completing a reply failed"),
                },
            }
        }
    }
}

/// How following a run has ended.
enum Followed {
    /// The run has.
    Ended(Box<Run>),
    /// The run is gone.
    Gone,
}

/// Completes one reply, unless the database goes away over it.
async fn complete(desk: &Desk, reply: &Reply) {
    let address = say::address(&desk.options.public_url, reply.run);
    let left = (reply.to.expires_at - desk.tools.clock.now()).to_std().unwrap_or_default();
    let expiry = Instant::now() + left;
    let followed = timeout_at(expiry, follow(desk, reply, &address)).await;
    let in_time = followed.is_ok();
    let followed = if let Ok(followed) = followed {
        followed
    } else {
        if !left.is_zero() {
            let said = say::overdue(desk.options.report_channel.is_some(), &address);
            let _ = timeout(STEP, edit(desk, reply, &said)).await;
        }
        to_end(desk, reply.run, |_| {}).await
    };
    let said = match &followed {
        Followed::Ended(run) => say::outcome(run, &address),
        Followed::Gone => say::vanished(),
    };
    let given = in_time && timeout_at(expiry + STEP, edit(desk, reply, &said)).await == Ok(true);
    match timeout(STEP, desk.tools.replies.drop_reply(reply)).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) => return,
        Ok(Err(_)) | Err(_) => {
            tracing::debug!(run = %reply.run, "a reply could not be dropped; it is completed once more");
            return;
        }
    }
    if let (false, Followed::Ended(run)) = (given, followed) {
        reports::late(desk, &run, &address).await;
    }
}

/// Follows a run to its end and shows its progress in the reply.
async fn follow(desk: &Desk, reply: &Reply, address: &str) -> Followed {
    let (seen, mut changes) = watch::channel(None);
    let following = to_end(desk, reply.run, |run| drop(seen.send_replace(Some(run.clone()))));
    tokio::pin!(following);
    // The first answer was an edit, too; by then the whole command may be done.
    let heard = reply.to.expires_at - desk.options.pace.reply;
    let since = (desk.tools.clock.now() - heard).to_std().unwrap_or_default();
    let mut next = Instant::now() + desk.options.pace.edit.saturating_sub(since);
    let expected = match timeout(COUNT, desk.tools.read.member_totals()).await {
        Ok(Ok(totals)) => totals.present,
        Ok(Err(_)) | Err(_) => 0,
    };
    let mut shown = String::new();
    loop {
        tokio::select! {
            biased;
            followed = &mut following => {
                sleep_until(next).await;
                return followed;
            }
            Ok(()) = wait_for_change(&mut changes, next) => {}
        }
        let text = changes.borrow().as_ref().map(|run| say::progress(run, expected, address)).unwrap_or_default();
        if text != shown {
            // Progress that cannot be shown is shown the next time. The run's end is waited for meanwhile no longer than that.
            let _ = timeout(STEP, edit(desk, reply, &text)).await;
            shown = text;
            next = Instant::now() + desk.options.pace.edit;
        }
    }
}

/// Waits for a change that may be shown: not before `next`.
async fn wait_for_change(changes: &mut watch::Receiver<Option<Run>>, next: Instant) -> Result<(), watch::error::RecvError> {
    sleep_until(next).await;
    changes.changed().await
}

/// Follows a run to its end, however long that takes.
async fn to_end(desk: &Desk, run: RunId, mut seen: impl FnMut(&Run)) -> Followed {
    loop {
        match desk.tools.follow.to_end(run, WATCH, &mut seen).await {
            Ok(run) if run.state.has_ended() => return Followed::Ended(Box::new(run)),
            Ok(_) => {}
            Err(FollowError::Unknown) => return Followed::Gone,
            Err(FollowError::Store(_)) => sleep(AGAIN).await,
        }
    }
}

/// Changes the reply, trying again while that may help; `false` if Discord no longer knows it.
async fn edit(desk: &Desk, reply: &Reply, text: &str) -> bool {
    loop {
        match desk.tools.rest.edit_reply(reply.to.application, &reply.to.token, text).await {
            Ok(known) => return known,
            Err(error) if error.is_transient() => {
                tracing::debug!(run = %reply.run, %error, "a reply could not be changed; the next try follows");
                sleep(AGAIN).await;
            }
            Err(error) => {
                tracing::warn!(run = %reply.run, %error, "a reply could not be changed");
                return false;
            }
        }
    }
}
