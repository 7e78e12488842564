//! `/sync_members`: a full sync from Discord, or a dry run of one.

use serenity::all::{CommandOptionType, CreateCommand, CreateCommandOption};
use tokio::time::timeout;

use super::Call;
use crate::bot::{STEP, say};
use crate::intake::Fetch;
use crate::store::Reply;

pub(super) const NAME: &str = "sync_members";
/// Its option: change nothing.
const DRY_RUN: &str = "dry_run";

/// The command as it is registered.
pub(super) fn command() -> CreateCommand {
    let dry_run = CreateCommandOption::new(CommandOptionType::Boolean, DRY_RUN, "Only show what a sync would do").required(false);
    super::for_administrators(NAME).description("Sync the members of this server now").add_option(dry_run)
}

/// Files the sync, says so, and keeps the reply for whoever completes it.
pub(super) async fn carry_out(call: &Call) {
    let desk = &call.desk;
    let dry_run = call.command.data.options.iter().any(|option| option.name == DRY_RUN && option.value.as_bool() == Some(true));
    // Before the sync is filed: what is filed at the end of the time has still to be replied to.
    let expires_at = desk.tools.clock.now() + desk.options.pace.reply;
    let (joined, run) = match timeout(STEP, desk.tools.intake.file_fetch(call.caller(), dry_run)).await {
        Ok(Ok(Fetch::New(run))) => (false, run),
        Ok(Ok(Fetch::Joined(run))) => (true, run),
        Ok(Err(refusal)) => return call.edit(&say::not_filed(&refusal.to_string())).await,
        Err(_) => return call.edit(&say::not_filed("the database did not answer in time")).await,
    };
    tracing::info!(%run, joined, dry_run, user = call.caller(), "a sync was asked for by command");
    let address = say::address(&desk.options.public_url, run);
    let Some((application, token)) = call.reply() else { return };
    // Kept before anything is said, so that the reply is completed whatever happens here.
    match timeout(STEP, desk.tools.replies.keep_reply(&Reply { run, application, token, expires_at })).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%run, %error, "a reply could not be kept; it says the run's address and no more"),
        Err(_) => tracing::warn!(%run, "a reply could not be kept in time; it says the run's address and no more"),
    }
    // Whoever completes it leaves that much time.
    let said = say::filed(joined, dry_run, call.notice().as_deref(), &address);
    let _ = timeout(desk.options.pace.edit, call.edit(&said)).await;
    desk.kept.notify_one();
}
