//! One request of Discord: sent within the budget, and tried again where that can help.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::Rest;
use super::answer::{Answer, Meaning, Refusal, in_words};
use super::course::{Course, Fault};
use crate::discord::budget::Scope;
use crate::discord::{DiscordError, Route};

/// Largest body of an answer that is read. A thousand members with all the roles a guild can have are a third of that.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// A wait as long as this, somebody may wonder about.
const WORTH_TELLING: Duration = Duration::from_secs(5);
/// What a bot needs where no permission is asked for.
const INVITED: &str = "the permissions that its invite link asks for";

/// A request.
pub(in crate::discord) struct Ask {
    /// What it is for, as errors say it: `to list the members`.
    action: &'static str,
    /// The permissions that Discord asks for.
    needs: Option<&'static str>,
    method: Method,
    url: Url,
    route: Route,
    body: Option<Value>,
    /// Whether the bot's token goes with it.
    is_signed: bool,
}

impl Ask {
    /// Names what Discord asks for, where a refusal is about that and not about the guild as a whole.
    pub fn needs(self, permissions: &'static str) -> Self {
        Self { needs: Some(permissions), ..self }
    }

    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(pairs);
        self
    }

    pub fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Leaves out the bot's token, where the path holds one.
    pub fn unsigned(self) -> Self {
        Self { is_signed: false, ..self }
    }

    fn refused(&self, refusal: Refusal) -> DiscordError {
        let Refusal { status, code, message } = refusal;
        let action = self.action;
        match (status, code, self.needs) {
            (403, 50_001, None) => DiscordError::MissingAccess,
            (403, ..) => DiscordError::NoPermission { action, needs: self.needs.unwrap_or(INVITED), code, message },
            (404, 10_004, _) => DiscordError::UnknownGuild,
            (404, 10_003, _) => DiscordError::UnknownChannel,
            _ => DiscordError::Refused { action, status, code, message },
        }
    }
}

/// How a request ended that did not succeed.
#[derive(Debug)]
pub(in crate::discord) enum Ended {
    /// Discord refused it with one of the codes that the caller knows.
    Known(Refusal),
    /// Anything else.
    Failed(DiscordError),
}

impl From<DiscordError> for Ended {
    fn from(error: DiscordError) -> Self {
        Self::Failed(error)
    }
}

impl Rest {
    /// A request for `path`, given as its steps.
    pub(in crate::discord) fn ask(&self, action: &'static str, method: Method, path: &[&str]) -> Ask {
        let mut url = self.base.clone();
        // Only an address that cannot be a base has no path, and ours is http.
        if let Ok(mut steps) = url.path_segments_mut() {
            steps.extend(path);
        }
        let route = Route::new(method.as_str(), path);
        Ask { action, needs: None, method, url, route, body: None, is_signed: true }
    }

    /// Sends it, and reads what comes back with `read`.
    pub(in crate::discord) async fn send<T>(
        &self,
        ask: &Ask,
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<T, DiscordError> {
        match self.send_knowing(ask, &[], read).await {
            Ok(value) => Ok(value),
            Err(Ended::Known(refusal)) => Err(ask.refused(refusal)),
            Err(Ended::Failed(error)) => Err(error),
        }
    }

    /// The same, where refusals with these codes are answers, too.
    pub(in crate::discord) async fn send_knowing<T>(
        &self,
        ask: &Ask,
        codes: &[i64],
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<T, Ended> {
        let mut course = Course::new(ask.action, self.patience, &self.random);
        loop {
            self.place(ask, &course).await?;
            let meaning = match self.once(ask).await {
                Ok(answer) => {
                    if let Some(limits) = answer.limits() {
                        self.budget.learn(&ask.route, &limits).await;
                    }
                    answer.meaning()
                }
                Err(fault) => Meaning::Again { fault: Fault::Unavailable(fault), is_edge: false },
            };
            let pause = match meaning {
                Meaning::Done(body) => match read(&body) {
                    Ok(value) => return Ok(value),
                    Err(fault) => self.again(ask, &mut course, Fault::BadAnswer(fault), false).await?,
                },
                Meaning::Again { fault, is_edge } => self.again(ask, &mut course, fault, is_edge).await?,
                Meaning::Wait { named, is_global } => {
                    if named >= WORTH_TELLING {
                        let seconds = named.as_secs();
                        tracing::info!(
                            route = ask.route.name(),
                            is_global,
                            "Discord's rate limit is met: it asks to wait {seconds} s"
                        );
                    }
                    let scope = if is_global { Scope::Global } else { Scope::Route(&ask.route) };
                    self.budget.pause(scope, named).await;
                    course.told_to_wait(named)
                }
                Meaning::Refused(refusal) if codes.contains(&refusal.code) => return Err(Ended::Known(refusal)),
                Meaning::Refused(Refusal { status: 401, .. }) if ask.is_signed => {
                    self.refused.store(true, Ordering::Relaxed);
                    return Err(DiscordError::WrongToken.into());
                }
                Meaning::Refused(refusal) => return Err(ask.refused(refusal).into()),
                Meaning::Blocked => return Err(DiscordError::Blocked.into()),
                Meaning::Elsewhere(fault) => return Err(elsewhere(fault).into()),
            };
            course.wait(pause).await?;
        }
    }

    /// Waits until the budget has a place for the request.
    async fn place(&self, ask: &Ask, course: &Course<'_>) -> Result<(), DiscordError> {
        loop {
            // Also while others wait: ten thousand wrong tokens in ten minutes bar this machine from Discord.
            if ask.is_signed && self.refused.load(Ordering::Relaxed) {
                return Err(DiscordError::WrongToken);
            }
            let wait = self.budget.acquire(&ask.route).await;
            if wait.is_zero() {
                return Ok(());
            }
            course.wait(wait).await?;
        }
    }

    /// Counts a failure; how long to wait after it.
    async fn again(&self, ask: &Ask, course: &mut Course<'_>, fault: Fault, is_edge: bool) -> Result<Duration, DiscordError> {
        let (Fault::Unavailable(said) | Fault::BadAnswer(said)) = &fault;
        tracing::debug!(route = ask.route.name(), "asking Discord failed: {said}");
        let pause = course.failed(fault)?;
        if is_edge {
            self.budget.pause(Scope::Global, pause).await;
        }
        Ok(pause)
    }

    /// One try; the error is what became of it.
    async fn once(&self, ask: &Ask) -> Result<Answer, String> {
        let limit = self.patience.answer;
        let by = Instant::now() + limit;
        let mut request = self.http.request(ask.method.clone(), ask.url.clone());
        if ask.is_signed {
            request = request.header(AUTHORIZATION, self.token.clone());
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let late = || format!("it did not answer within {} s", limit.as_secs_f32());
        let mut response = timeout_at(by, request.send()).await.map_err(|_| late())?.map_err(in_words)?;
        let body = timeout_at(by, whole(&mut response)).await.unwrap_or_else(|_| Err(late()));
        Ok(Answer { status: response.status(), headers: std::mem::take(response.headers_mut()), body })
    }
}

/// The body, if it is not too large.
async fn whole(response: &mut Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(in_words)? {
        if body.len() + part.len() > MOST_BYTES {
            return Err(format!("its answer is larger than {} MiB", MOST_BYTES / 1024 / 1024));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

fn elsewhere(fault: String) -> DiscordError {
    DiscordError::BadAddress {
        setting: "discord.api_url (DISCORD_API_URL)",
        fault,
        remedy: "leave it out, or write the address of Discord's API itself, and see what stands between here and there",
    }
}

/// What is wrong with JSON, without a word of it.
pub(in crate::discord) fn malformed(error: &serde_json::Error) -> String {
    let kind = if error.is_data() { "is not what Discord documents" } else { "is no JSON" };
    format!("what it answered {kind}, at line {}, column {}", error.line(), error.column())
}
