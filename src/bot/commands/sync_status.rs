//! `/sync_status`: the last runs.

use serenity::all::CreateCommand;
use tokio::time::timeout;

use super::Call;
use crate::bot::{STEP, say};

pub(super) const NAME: &str = "sync_status";
/// How many runs are shown.
const LAST: i64 = 5;

/// The command as it is registered.
pub(super) fn command() -> CreateCommand {
    super::for_administrators(NAME).description("Show the last syncs of this server's members")
}

/// Shows them.
pub(super) async fn carry_out(call: &Call) {
    let text = match timeout(STEP, call.desk.tools.read.runs(false, LAST)).await {
        Ok(Ok(runs)) => say::status(&runs, call.notice().as_deref(), &call.desk.options.public_url),
        Ok(Err(error)) => say::not_read(&error.to_string()),
        Err(_) => say::not_read("the database did not answer in time"),
    };
    call.edit(&text).await;
}
