//! The actors that do one thing at a time: hands a step to one that is idle, and makes an actor anew that is gone.

use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Tools;
use super::batch_writer::{ApplyBatch, BatchWriter};
use super::finisher::{Finish, Finisher};
use super::roster_fetcher::{FetchRoster, RosterFetcher};
use crate::domain::RunId;

/// Small runs that are carried out at once. Each is a dozen short statements, most of whose time is waiting for the next one's turn.
const SMALL: usize = 2;

/// The batch writers and the finishers of this process.
#[derive(Clone)]
pub(super) struct Crew {
    pub tools: Tools,
    pub arbiter: ArbiterHandle,
    writers: Arc<Idle<BatchWriter>>,
    finishers: Arc<Idle<Finisher>>,
    fetchers: Arc<Idle<RosterFetcher>>,
    /// For small runs, which must not wait until a large one is finished.
    small: Arc<Idle<Finisher>>,
}

impl Crew {
    pub fn start(tools: &Tools, writers: usize, arbiter: &ArbiterHandle) -> Self {
        Self {
            tools: tools.clone(),
            arbiter: arbiter.clone(),
            writers: Arc::new(Idle::new(writers)),
            finishers: Arc::new(Idle::new(1)),
            fetchers: Arc::new(Idle::new(1)),
            small: Arc::new(Idle::new(SMALL)),
        }
    }

    /// Applies a batch on the next idle writer; answers how many batches of the run are left, if this one was applied here.
    pub async fn apply(&self, run: RunId, batch: i32) -> Option<i64> {
        let tools = self.tools.clone();
        self.writers.ask(&self.arbiter, || BatchWriter::new(tools), ApplyBatch { run, batch }).await.flatten()
    }

    /// Finishes a run whose batches are all applied, unless somebody else does.
    pub async fn finish(&self, run: RunId) {
        let tools = self.tools.clone();
        self.finishers.ask(&self.arbiter, || Finisher::new(tools), Finish(run)).await;
    }

    /// Fetches the list of a run from Discord, unless somebody else does, and has the run finished if all of it is applied by then.
    pub async fn fetch(&self, run: RunId) {
        let tools = self.tools.clone();
        // One that is at it must not be waited for: jobs that wait take the places of others. The sweeper rings again.
        let Ok(turn) = self.fetchers.free.try_acquire() else { return };
        let fetched = self.fetchers.send(turn, &self.arbiter, || RosterFetcher::new(tools), FetchRoster(run)).await;
        if fetched.flatten() == Some(0) {
            self.finish(run).await;
        }
    }

    /// Does all of a small run, unless somebody else does.
    pub async fn finish_small(&self, run: RunId) {
        let tools = self.tools.clone();
        self.small.ask(&self.arbiter, || Finisher::new(tools), Finish(run)).await;
    }
}

/// Actors of one kind that do one thing at a time, each. A caller waits until one is idle: actix's own mailboxes do not push back.
struct Idle<A: Actor> {
    addresses: Mutex<Vec<Addr<A>>>,
    free: Semaphore,
}

impl<A> Idle<A>
where
    A: Actor<Context = Context<A>> + Send,
{
    fn new(count: usize) -> Self {
        Self { addresses: Mutex::new(Vec::with_capacity(count)), free: Semaphore::new(count) }
    }

    /// Sends a message to an idle actor, one made with `make` if need be. `None` if the actor ended over it.
    async fn ask<M>(&self, arbiter: &ArbiterHandle, make: impl FnOnce() -> A + Send + 'static, message: M) -> Option<M::Result>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
        A::Context: actix::dev::ToEnvelope<A, M>,
    {
        let turn = self.free.acquire().await.ok()?;
        self.send(turn, arbiter, make, message).await
    }

    /// As [`ask`](Self::ask) for who has the turn.
    async fn send<M>(
        &self,
        _turn: SemaphorePermit<'_>,
        arbiter: &ArbiterHandle,
        make: impl FnOnce() -> A + Send + 'static,
        message: M,
    ) -> Option<M::Result>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
        A::Context: actix::dev::ToEnvelope<A, M>,
    {
        let idle = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).pop().filter(Addr::connected);
        let address = idle.unwrap_or_else(|| A::start_in_arbiter(arbiter, |_| make()));
        let answer = address.send(message).await;
        if let Err(error) = &answer {
            tracing::error!(%error, "an actor ended over its work; another takes its place");
        }
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).push(address);
        answer.ok()
    }
}
