//! The slash commands: registers them for the guild, and answers them. A file per command.
//!
//! Discord shows them to administrators alone, but a server may change that, so each call is checked again.

mod sync_members;
mod sync_status;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use serenity::all::{
    CommandInteraction, CreateCommand, CreateInteractionResponse, CreateInteractionResponseMessage, HttpError,
    InteractionContext, Permissions,
};
use serenity::http::{Http, LightMethod, Request, Route};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::troubles::Trouble;
use super::{Desk, QUICK, STEP, Standing, say};
use crate::domain::DiscordId;

/// Commands that are carried out at once.
const AT_ONCE: usize = 16;
/// How long one command may take until its reply is kept, or its answer given.
const LONGEST: Duration = Duration::from_mins(1);
/// Pauses between tries to register the commands, doubled from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(10));
/// With this pause it has failed so often that a person should know.
const WORTH_NOTING: Duration = Duration::from_secs(8);

/// What the bot is invited with: listing members needs no permission, reports in a channel need these.
const NEEDED: Permissions = Permissions::VIEW_CHANNEL.union(Permissions::SEND_MESSAGES);

/// Answers commands.
pub(super) struct Commands {
    desk: Arc<Desk>,
    http: Arc<Http>,
    at_once: Arc<Semaphore>,
}

/// A call that may be carried out.
struct Call {
    desk: Arc<Desk>,
    command: CommandInteraction,
}

impl Commands {
    pub fn new(desk: Arc<Desk>, http: Arc<Http>) -> Self {
        Self { desk, http, at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Answers a command, on a task of the main runtime. Never waits.
    pub fn answer(&self, command: CommandInteraction, main: &tokio::runtime::Handle) {
        let (desk, http) = (self.desk.clone(), self.http.clone());
        let place = self.at_once.clone().try_acquire_owned();
        main.spawn(async move {
            let name = command.data.name.clone();
            let answering = async {
                match place {
                    Err(_) => refuse(&http, &command, say::busy()).await,
                    Ok(_place) => carry_out(desk, &http, command).await,
                }
            };
            if timeout(LONGEST, answering).await.is_err() {
                tracing::warn!(command = name, "a command took too long and was left");
            }
        });
    }
}

/// Checks a call, says that it was heard, and carries it out.
async fn carry_out(desk: Arc<Desk>, http: &Http, command: CommandInteraction) {
    if let Some(refusal) = refusal(&command, desk.options.guild) {
        return refuse(http, &command, refusal).await;
    }
    // What cannot be answered any more is not begun either: whoever called has been told that it failed.
    let heard = CreateInteractionResponse::Defer(CreateInteractionResponseMessage::new().ephemeral(true));
    if !respond(http, &command, &heard).await {
        return;
    }
    let call = Call { desk, command };
    match call.command.data.name.as_str() {
        sync_members::NAME => sync_members::carry_out(&call).await,
        _ => sync_status::carry_out(&call).await,
    }
}

/// Why a call is refused, if it is.
fn refusal(command: &CommandInteraction, guild: DiscordId) -> Option<String> {
    let Some((from, member)) = command.guild_id.zip(command.member.as_ref()) else { return Some(say::not_in_the_guild()) };
    if from.get().to_string() != guild.to_string() {
        return Some(say::other_guild());
    }
    if !member.permissions.is_some_and(Permissions::administrator) {
        return Some(say::not_an_administrator());
    }
    let ours = [sync_members::NAME, sync_status::NAME].contains(&command.data.name.as_str());
    (!ours).then(say::unknown_command)
}

async fn refuse(http: &Http, command: &CommandInteraction, text: String) {
    tracing::info!(command = command.data.name, user = command.user.id.get(), "refused a command");
    let message = CreateInteractionResponseMessage::new().ephemeral(true).content(text);
    respond(http, command, &CreateInteractionResponse::Message(message)).await;
}

/// Gives the first answer; `false` if it did not arrive.
async fn respond(http: &Http, command: &CommandInteraction, response: &CreateInteractionResponse) -> bool {
    let responding = http.create_interaction_response(command.id, &command.token, response, Vec::new());
    let fault = match timeout(QUICK, responding).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => reason(&error),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(command = command.data.name, fault, "a command could not be answered in time; nothing was done");
    false
}

/// Registers the commands for the guild. What does not work is noted, and tried again: whoever invites the bot anew is not announced.
pub(super) async fn register(desk: Arc<Desk>, http: Arc<Http>, application: u64) {
    let mut pause = PAUSES.0;
    loop {
        match put(&desk, &http, application).await {
            Ok(()) => return desk.troubles.clear(Trouble::Commands),
            // Discord fails now and then; that is no news.
            Err(Unregistered { fault, refused }) if refused || pause >= WORTH_NOTING => {
                desk.troubles.note(Trouble::Commands, &say::commands(&fault, &invitation(&desk.options.api_url, application)));
                pause = PAUSES.1;
            }
            Err(_) => {}
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Why the commands are not registered.
struct Unregistered {
    fault: String,
    /// The same would be refused again.
    refused: bool,
}

async fn put(desk: &Desk, http: &Http, application: u64) -> Result<(), Unregistered> {
    let (Some(application), Ok(guild)) =
        (NonZeroU64::new(application), NonZeroU64::try_from(desk.options.guild.get().unsigned_abs()))
    else {
        return Err(Unregistered { fault: "the application has no id".to_owned(), refused: true });
    };
    let commands = [sync_members::command(), sync_status::command()];
    let body = serde_json::to_vec(&commands).map_err(|error| Unregistered { fault: error.to_string(), refused: true })?;
    let route = Route::GuildCommands { application_id: application.into(), guild_id: guild.into() };
    // Not through serenity's typed call: an answer that it cannot read would look like a failure.
    match timeout(STEP, http.request(Request::new(route, LightMethod::Put).body(Some(body)))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Unregistered { fault: reason(&error), refused: refused(&error) }),
        Err(_) => Err(Unregistered { fault: "no answer in time".to_owned(), refused: false }),
    }
}

/// The link that invites the bot with what it needs.
pub(super) fn invitation(api_url: &str, application: u64) -> String {
    let permissions = NEEDED.bits();
    format!("{api_url}/oauth2/authorize?client_id={application}&scope=bot+applications.commands&permissions={permissions}")
}

/// A command for administrators of the guild.
fn for_administrators(name: &str) -> CreateCommand {
    CreateCommand::new(name).default_member_permissions(Permissions::ADMINISTRATOR).contexts(vec![InteractionContext::Guild])
}

/// What went wrong, without addresses, some of which hold tokens.
fn reason(error: &serenity::Error) -> String {
    match error {
        serenity::Error::Http(HttpError::UnsuccessfulRequest(answer)) => {
            format!("status {}, code {}: {}", answer.status_code.as_u16(), answer.error.code, answer.error.message)
        }
        serenity::Error::Http(HttpError::Request(error)) if error.is_timeout() => "no answer in time".to_owned(),
        serenity::Error::Http(HttpError::Request(error)) if error.is_connect() => "no connection".to_owned(),
        _ => "no answer that could be read".to_owned(),
    }
}

/// Whether the same request would be refused again.
fn refused(error: &serenity::Error) -> bool {
    match error {
        serenity::Error::Http(error) => {
            error.status_code().is_some_and(|status| status.is_client_error() && status.as_u16() != 429)
        }
        _ => false,
    }
}

impl Call {
    /// Who called.
    fn caller(&self) -> String {
        self.command.user.id.get().to_string()
    }

    /// What is wrong with the bot itself, that whoever calls should know.
    fn notice(&self) -> Option<String> {
        match &*self.desk.standing.borrow() {
            Standing::WithoutIntent => Some(say::intent()),
            _ => self.desk.troubles.message(Trouble::Channel),
        }
    }

    /// Changes the reply.
    async fn edit(&self, text: &str) {
        let Some((application, token)) = self.reply() else { return };
        let rest = &self.desk.tools.rest;
        match timeout(STEP, rest.edit_reply(application, &token, text)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => tracing::warn!("a reply was gone before it could be given"),
            Ok(Err(error)) => tracing::warn!(%error, "a reply could not be given"),
            Err(_) => tracing::warn!("a reply could not be given in time"),
        }
    }

    /// How the reply is reached.
    fn reply(&self) -> Option<(DiscordId, secrecy::SecretString)> {
        let application = DiscordId::try_from(self.command.application_id.get()).ok()?;
        Some((application, self.command.token.clone().into()))
    }
}

#[cfg(test)]
mod tests;
