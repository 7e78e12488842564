//! Tells the report channel, or the log, what nobody may be waiting for: runs that were held or failed, and results that came too late.

use chrono::TimeDelta;
use tokio::time::{sleep, timeout};

use super::troubles::Trouble;
use super::{Desk, STEP, say};
use crate::domain::{Run, RunState};

/// Runs that are reported in one go.
const MOST: i64 = 20;
/// What ended longer ago is told the log alone: a bot that comes back after days would fill the channel with old news.
const NEWS: TimeDelta = TimeDelta::days(1);

/// Reports as long as it is let.
pub(super) async fn tell_all(desk: &Desk) {
    loop {
        if let Ok(Ok(runs)) = timeout(STEP, desk.tools.replies.unreported(MOST)).await {
            for run in runs {
                if !tell(desk, &run).await {
                    // Discord is away; what waits behind this would not come through either.
                    sleep(desk.options.pace.rest).await;
                    break;
                }
            }
        }
        sleep(desk.options.pace.look).await;
    }
}

/// Tells the log alone, once: a process whose token is wrong reaches no channel. Nothing is marked, so that one with a right token reports it.
pub(super) async fn log_all(desk: &Desk) {
    // What is marked already is told, or given back, before the others are looked at.
    let _reporting = timeout(STEP * 3, desk.reporting.lock()).await;
    let Ok(Ok(runs)) = timeout(STEP, desk.tools.replies.unreported(MOST)).await else {
        tracing::warn!("runs that wait to be reported could not be read; see the pages");
        return;
    };
    for run in &runs {
        log(run, &say::report(run, &say::address(&desk.options.public_url, run.id)));
    }
}

/// Reports a run that was held or has failed, once: it is marked before it is told, so that a crash between costs a line and doubles none.
/// `false` if Discord did not take it and it is to be told later.
async fn tell(desk: &Desk, run: &Run) -> bool {
    let _reporting = desk.reporting.lock().await;
    if !mark(desk, run).await {
        return true;
    }
    let address = say::address(&desk.options.public_url, run.id);
    let told = post(desk, run, &say::report(run, &address)).await;
    if !told && !matches!(timeout(STEP, desk.tools.replies.unmark_reported(run.id)).await, Ok(Ok(()))) {
        tracing::warn!(run = %run.id, "the report will not be tried again; the log has it");
    }
    told
}

/// Reports the result of a run whose reply can no longer be changed. One that was held or has failed is reported once for all.
pub(super) async fn late(desk: &Desk, run: &Run, address: &str) {
    let told_to_all = matches!(run.state, RunState::Held | RunState::Failed);
    if !told_to_all || mark(desk, run).await {
        post(desk, run, &say::late(run, address)).await;
    }
}

/// Notes that a run is reported; `false` if it was before, or if that could not be noted.
async fn mark(desk: &Desk, run: &Run) -> bool {
    matches!(timeout(STEP, desk.tools.replies.mark_reported(run.id, desk.tools.clock.now())).await, Ok(Ok(true)))
}

/// Posts a text in the report channel; without one, or if it cannot be written to, the log has it. `false` if it may come through later.
async fn post(desk: &Desk, run: &Run, text: &str) -> bool {
    let old = run.finished_at.is_some_and(|ended| desk.tools.clock.now() - ended > NEWS);
    let Some(channel) = desk.options.report_channel.filter(|_| !old) else {
        log(run, text);
        return true;
    };
    let (fault, passing) = match timeout(STEP * 3, desk.tools.rest.post_message(channel, text)).await {
        Ok(Ok(())) => {
            desk.troubles.clear(Trouble::Channel);
            return true;
        }
        Ok(Err(error)) => {
            if !error.is_transient() {
                desk.troubles.note(Trouble::Channel, &say::channel(channel, &error.to_string()));
            }
            (error.to_string(), error.is_transient())
        }
        Err(_) => ("no answer in time".to_owned(), true),
    };
    tracing::warn!(run = %run.id, fault, "the report channel could not be told");
    log(run, text);
    !passing
}

fn log(run: &Run, text: &str) {
    tracing::warn!(run = %run.id, state = %run.state, "{}", text.replace('\n', " "));
}
