//! `/sync_members`: a full sync from Discord, or a dry run of one.

use serenity::all::{CommandOptionType, CreateCommand, CreateCommandOption};
use tokio::time::timeout;

use super::Call;
use crate::bot::{STEP, say};
use crate::intake::{Commanded, Fetch};
use crate::store::Interaction;

pub(super) const NAME: &str = "sync_members";
/// Its option: change nothing.
const DRY_RUN: &str = "dry_run";

/// The command as it is registered.
pub(super) fn command() -> CreateCommand {
    let dry_run = CreateCommandOption::new(CommandOptionType::Boolean, DRY_RUN, "Only show what a sync would do").required(false);
    super::for_administrators(NAME).description("Sync the members of this server now").add_option(dry_run)
}

/// Files the sync with the reply that it is owed, for whoever completes that, and says so.
pub(super) async fn carry_out(call: &Call) {
    let desk = &call.desk;
    let dry_run = call.command.data.options.iter().any(|option| option.name == DRY_RUN && option.value.as_bool() == Some(true));
    let Some((application, token)) = call.reply() else { return };
    // What is filed at the end of the time has still to be replied to.
    let reply = Interaction { application, token, expires_at: desk.tools.clock.now() + desk.options.pace.reply };
    let (joined, run) = match desk.tools.intake.file_command(call.caller(), dry_run, reply, STEP).await {
        Ok(Commanded::Filed(Fetch::New(run))) => (false, run),
        Ok(Commanded::Filed(Fetch::Joined(run))) => (true, run),
        Ok(Commanded::Late(run)) => {
            tracing::warn!(%run, "a sync was filed late; whoever completes its reply may have done so, and is left to it");
            return desk.kept.notify_one();
        }
        Ok(Commanded::Unknown) => return call.edit(&say::perhaps_filed()).await,
        Err(refusal) => return call.edit(&say::not_filed(&refusal.to_string())).await,
    };
    tracing::info!(%run, joined, dry_run, user = call.caller(), "a sync was asked for by command");
    let address = say::address(&desk.options.public_url, run);
    // Whoever completes it leaves that much time.
    let said = say::filed(joined, dry_run, call.notice().as_deref(), &address);
    let _ = timeout(desk.options.pace.edit, call.edit(&said)).await;
    desk.kept.notify_one();
}
