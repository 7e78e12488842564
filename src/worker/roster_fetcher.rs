//! `RosterFetcher`: fetches a run's list from Discord, page by page, and hands each page on as a batch while the next one comes.
//!
//! ```text
//! claim -> roles, the guild's own count -> [page -> stage -> ring its batch] until the last -> applying
//! ```
//!
//! A fetch that dies is claimed by another worker and goes on behind the last page that was staged; one whose process stops is handed on. A list that breaks off fails its run: what
//! had come is applied, nobody is marked as left.

use std::time::Duration;

use actix::prelude::*;

use super::{AskGuild, NO_TOKEN, Tools, failing, lease};
use crate::discord::{DiscordError, RosterPage};
use crate::domain::{Member, RunError, RunId};
use crate::queue::Job;
use crate::store::{FetchClaim, FetchedPage, StagedBatch, StoreError, encode_payload};

/// What standing problems of the fetch stand under.
const PROBLEM: &str = "roster";

/// How long the names of the roles may take.
const ROLES: Duration = Duration::from_secs(15);

/// Fetches lists, one at a time.
pub(super) struct RosterFetcher {
    tools: Tools,
}

/// Fetch the list of this run, if nobody else does. Answers how many of its batches are not applied yet, once all of it has come.
#[derive(Message)]
#[rtype(result = "Option<i64>")]
pub(super) struct FetchRoster(pub RunId);

impl RosterFetcher {
    pub fn new(tools: Tools) -> Self {
        Self { tools }
    }
}

impl Actor for RosterFetcher {
    type Context = Context<Self>;
}

impl Handler<FetchRoster> for RosterFetcher {
    type Result = ResponseFuture<Option<i64>>;

    fn handle(&mut self, FetchRoster(run): FetchRoster, _: &mut Self::Context) -> Self::Result {
        let tools = self.tools.clone();
        Box::pin(async move {
            let working = tools.runtime.spawn(claim_and_fetch(tools.clone(), run));
            // A panic has been reported by its task; the lease runs out, and the sweeper sees to it.
            working.await.unwrap_or_default()
        })
    }
}

/// Why a fetch ended early.
enum Broken {
    /// Discord did not do as asked: the run fails.
    Discord(DiscordError),
    /// What came is no list to be believed: the run fails.
    List(RunError),
    /// The ledger did not do as asked: the fetch goes on later.
    Store(StoreError),
    /// This process is to end: the fetch goes on elsewhere.
    Stopping,
}

impl From<DiscordError> for Broken {
    fn from(error: DiscordError) -> Self {
        Self::Discord(error)
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn claim_and_fetch(tools: Tools, run: RunId) -> Option<i64> {
    let now = tools.clock.now();
    let Some(discord) = tools.discord.clone() else {
        leave_to_others(&tools, run).await;
        return None;
    };
    let claim = match tools.work.claim_fetch(run, now, now + tools.pace.lease).await {
        Ok(claim) => claim?,
        Err(error) => {
            tracing::warn!(%run, %error, "the fetch could not be claimed; it will be tried again");
            tools.tally.note_failure();
            return None;
        }
    };
    let (renewing, fetching) = (tools.clone(), tools.clone());
    let fetched = lease::hold(
        &tools.runtime,
        tools.pace,
        move || {
            let tools = renewing.clone();
            async move { tools.work.renew_fetch(&claim, tools.clock.now() + tools.pace.lease).await }
        },
        async move { fetch(&fetching, &discord, claim).await },
    )
    .await;
    match fetched {
        Ok(None) => {
            tracing::info!(%run, "another worker took the fetch over, or its run has ended");
            None
        }
        Ok(Some(Ok(remaining))) => {
            clear_problem(&tools).await;
            tools.ring.notify(run).await;
            Some(remaining)
        }
        Ok(Some(Err(broken))) => {
            give_up(&tools, &claim, broken).await;
            None
        }
        Err(panic) => {
            tracing::error!(%run, attempt = claim.attempt, %panic, "fetching the list panicked");
            tools.tally.note_failure();
            None
        }
    }
}

async fn fetch(tools: &Tools, AskGuild { rest, guild }: &AskGuild, claim: FetchClaim) -> Result<i64, Broken> {
    tracing::info!(run = %claim.run, batches = claim.batches, "fetching the members from Discord");
    // Names of roles are no reason to wait long or to fail; what matters fails below.
    match unless_stopping(tools, tokio::time::timeout(ROLES, rest.roles(*guild))).await? {
        Ok(Ok(roles)) => tools.roles.replace_roles(&roles).await?,
        Ok(Err(error)) => tracing::warn!(%error, "the names of the roles could not be fetched"),
        Err(_) => tracing::warn!("the names of the roles did not come in time"),
    }
    if let Some(expected) = unless_stopping(tools, rest.guild(*guild)).await??.approximate_member_count {
        tools.work.expect_members(&claim, expected).await?;
    }
    let (mut after, mut batch, mut members) = (claim.after, claim.batches, claim.members);
    loop {
        let page = unless_stopping(tools, rest.members_after(*guild, after)).await??;
        let is_last = page.is_last;
        if !is_last && page.last <= after {
            return Err(Broken::List(error(
                "bad_answer",
                "Discord's list of members does not move on. What had come is applied, nobody was marked as left. Try again later.",
            )));
        }
        after = page.last.max(after);
        members += count(page.members.len() + page.odd.iter().filter(|odd| odd.id.is_some()).count());
        if page.received > 0 {
            tools.work.stage_page(&claim, &fetched_page(page, batch)?, tools.clock.now()).await?;
            tools.ring.ring(&[Job::Batch(claim.run, batch)]).await;
            tools.ring.notify(claim.run).await;
            batch += 1;
        }
        if is_last {
            break;
        }
    }
    if members == 0 {
        return Err(Broken::List(error(
            "empty_roster",
            "Discord listed no member at all, which cannot be: the bot itself is one. Nothing was changed. Check GUILD_ID, and that the bot is \
             in that server.",
        )));
    }
    Ok(tools.work.end_fetch(&claim, tools.clock.now()).await?)
}

/// Waits for Discord, unless this process is to end. Steps of the ledger are short, and are not broken off.
async fn unless_stopping<T>(tools: &Tools, waiting: impl Future<Output = T>) -> Result<T, Broken> {
    tools.stop.run_until_cancelled(waiting).await.ok_or(Broken::Stopping)
}

/// A page as the ledger keeps it.
fn fetched_page(page: RosterPage, batch: i32) -> Result<FetchedPage, StoreError> {
    let mut members: Vec<Member> = page.members;
    members.sort_by_key(|member| member.id);
    let warnings = page.odd.iter().map(|odd| match odd.id {
        Some(id) => format!("The member {id} was skipped, and is left as it is: {}.", odd.fault),
        None => format!("A member was skipped: {}.", odd.fault),
    });
    Ok(FetchedPage {
        warnings: warnings.take(20).collect(),
        spared: page.odd.iter().filter_map(|odd| odd.id.map(crate::domain::DiscordId::get)).collect(),
        last: page.last,
        received: count(page.received),
        duplicates: count(page.duplicates),
        skipped: count(page.odd.len()),
        batch: StagedBatch { batch, members: count(members.len()), payload: encode_payload(&members)? },
    })
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn error(code: &str, message: &str) -> RunError {
    RunError { code: code.to_owned(), message: message.to_owned() }
}

async fn give_up(tools: &Tools, claim: &FetchClaim, broken: Broken) {
    let run = claim.run;
    if !matches!(broken, Broken::Stopping | Broken::Store(StoreError::ClaimLost)) {
        tools.tally.note_failure();
    }
    let result = match broken {
        Broken::Store(StoreError::ClaimLost) => {
            tracing::info!(%run, "the fetch was taken over, or its run has ended");
            return;
        }
        Broken::Store(error) => {
            tracing::warn!(%run, %error, "the list could not be kept just now; the fetch goes on later");
            tools.work.release_fetch(claim, &error.to_string(), error.is_transient(), tools.clock.now()).await
        }
        Broken::Stopping => hand_on(tools, claim).await,
        Broken::Discord(cause) => {
            if !cause.is_transient()
                && let Err(error) = tools.problems.note_problem(PROBLEM, &cause.to_string(), tools.clock.now()).await
            {
                tracing::debug!(%error, "the problem could not be noted");
            }
            let message = format!("{cause}. What had come of the list is applied, nobody was marked as left.");
            fail(tools, claim, error(cause.code(), &message)).await
        }
        Broken::List(error) => fail(tools, claim, error).await,
    };
    if let Err(error) = result {
        tracing::warn!(%run, %error, "the fetch could not be given back; its lease will run out");
    }
}

/// Gives the fetch to another worker, which goes on at once. That this process ends is no fault of the fetch.
async fn hand_on(tools: &Tools, claim: &FetchClaim) -> Result<(), StoreError> {
    tracing::info!(run = %claim.run, "this process stops; another worker goes on with the fetch");
    tools.work.release_fetch(claim, "its worker was stopped", true, tools.clock.now()).await?;
    tools.ring.ring(&[Job::Run(claim.run)]).await;
    Ok(())
}

async fn fail(tools: &Tools, claim: &FetchClaim, error: RunError) -> Result<(), StoreError> {
    if !tools.work.renew_fetch(claim, tools.clock.now() + tools.pace.lease).await? {
        return Ok(());
    }
    failing::fail(tools, claim.run, &error).await
}

async fn clear_problem(tools: &Tools) {
    if let Err(error) = tools.problems.clear_problem(PROBLEM).await {
        tracing::debug!(%error, "a problem that is over could not be cleared");
    }
}

/// Without a token of its own this process leaves the fetch to others, also one that was begun; if there are none, the run must not wait for ever.
async fn leave_to_others(tools: &Tools, run: RunId) {
    let now = tools.clock.now();
    let error = error(
        "no_token",
        "No worker has a token to ask Discord with. What had come of the list is applied, nobody was marked as left. Set DISCORD_TOKEN for at least one process with the role worker.",
    );
    match tools.work.fail_unclaimed(run, &error, now, now - NO_TOKEN).await {
        Ok(None) => tracing::debug!(%run, "DISCORD_TOKEN is not set here; another worker may fetch the list"),
        Ok(Some(next)) => {
            tools.ring.notify(run).await;
            tools.ring.ring(&next.into_iter().map(Job::Run).collect::<Vec<_>>()).await;
        }
        Err(error) => tracing::warn!(%run, %error, "the run could not be failed"),
    }
}
