//! `EventCollector`: folds what the gateway tells of members into delta runs, so that a raid is a few batches.
//!
//! Enters: sightings, in the order they came. Leaves: a delta run every quarter of a second in which something came, or sooner when much did.
//! Of each member the latest counts. A task serves where an actor would: its only message is "there is more".
//!
//! Nothing is lost while the database is away: it is kept and filed later, by the time it was seen. When even the room for that is full, all of it
//! is dropped, and a full sync says it instead.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Desk;
use crate::domain::{DiscordId, Seen, Sighting, Source};
use crate::intake::Refusal;

/// So many members are filed without waiting for more.
const ENOUGH: usize = 500;
/// Most members of one delta run.
const MOST: usize = 5_000;
/// Pauses after filing failed, doubled from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// Collects sightings of members.
pub(super) struct EventCollector {
    waiting: Mutex<Waiting>,
    /// Something waits.
    some: Notify,
    /// Enough waits.
    enough: Notify,
}

/// What waits to be filed.
struct Waiting {
    latest: HashMap<DiscordId, Sighting>,
    /// Most members of it.
    room: usize,
    /// When the last sighting was; a clock that is set back must not make a later one look earlier.
    newest: Option<DateTime<Utc>>,
    /// Sightings were dropped for want of room.
    dropped: bool,
}

impl Waiting {
    fn new(room: usize) -> Self {
        Self { latest: HashMap::new(), room, newest: None, dropped: false }
    }

    /// Adds a sighting that is newer than all others.
    fn add(&mut self, seen: Seen, now: DateTime<Utc>) {
        let observed_at = self.newest.map_or(now, |newest| newest.max(now));
        self.newest = Some(observed_at);
        let newer = Sighting { observed_at, seen };
        let folded = match self.latest.remove(&newer.id()) {
            Some(older) => fold(older, newer),
            None => newer,
        };
        self.put(folded);
    }

    /// Puts back what could not be filed; what has come meanwhile is newer.
    fn put_back(&mut self, sightings: Vec<Sighting>) {
        for older in sightings {
            let folded = match self.latest.remove(&older.id()) {
                Some(newer) => fold(older, newer),
                None => older,
            };
            self.put(folded);
        }
    }

    fn put(&mut self, sighting: Sighting) {
        if self.latest.len() >= self.room {
            self.latest.clear();
            self.dropped = true;
        }
        self.latest.insert(sighting.id(), sighting);
    }

    /// Takes out as many as go into one run.
    fn take(&mut self) -> Vec<Sighting> {
        if self.latest.len() <= MOST {
            return std::mem::take(&mut self.latest).into_values().collect();
        }
        let ids: Vec<DiscordId> = self.latest.keys().take(MOST).copied().collect();
        ids.iter().filter_map(|id| self.latest.remove(id)).collect()
    }
}

/// What two sightings of one member say together: the newer one, but the time of joining may stand in the older one alone, because a change says
/// null where it is not known.
fn fold(older: Sighting, mut newer: Sighting) -> Sighting {
    if let (Seen::Present(before), Seen::Present(after)) = (older.seen, &mut newer.seen)
        && after.joined_at.is_none()
    {
        after.joined_at = before.joined_at;
    }
    newer
}

impl EventCollector {
    /// With room for so many members.
    pub fn new(room: usize) -> Self {
        Self { waiting: Mutex::new(Waiting::new(room)), some: Notify::new(), enough: Notify::new() }
    }

    /// Takes what was seen of a member, later than all before. Never waits.
    pub fn add(&self, seen: Seen, now: DateTime<Utc>) {
        let mut waiting = self.waiting();
        waiting.add(seen, now);
        self.some.notify_one();
        if waiting.latest.len() >= ENOUGH {
            self.enough.notify_one();
        }
    }

    /// Files what is collected until `stop`, and then what is left, for as long as a stopping bot may take.
    pub async fn run(&self, desk: &Desk, stop: &CancellationToken) {
        let _ = stop.run_until_cancelled(self.file_for_ever(desk)).await;
        let end = Instant::now() + desk.options.pace.flush;
        let flushing = async {
            let mut pause = PAUSES.0;
            while !self.waiting().latest.is_empty() {
                self.file(desk, &mut pause).await;
            }
        };
        if timeout_at(end, flushing).await.is_err() {
            let members = self.waiting().latest.len();
            tracing::warn!(
                members,
                "changes of members could not be filed before the end; the full sync after the next start says them"
            );
        }
    }

    async fn file_for_ever(&self, desk: &Desk) {
        let mut pause = PAUSES.0;
        loop {
            if self.waiting().latest.is_empty() {
                self.some.notified().await;
            }
            let _ = tokio::time::timeout(desk.options.pace.gather, self.enough_waits()).await;
            self.file(desk, &mut pause).await;
        }
    }

    async fn enough_waits(&self) {
        while self.waiting().latest.len() < ENOUGH {
            self.enough.notified().await;
        }
    }

    /// Files one run of what waits. After a failure it waits for `pause`, which grows.
    async fn file(&self, desk: &Desk, pause: &mut Duration) {
        let (sightings, dropped) = {
            let mut waiting = self.waiting();
            (waiting.take(), std::mem::take(&mut waiting.dropped))
        };
        if dropped {
            tracing::warn!(
                "more changes of members waited for the database than there is room for; a full sync says them instead"
            );
            desk.catch_up.wish(desk.tools.clock.now());
        }
        if sightings.is_empty() {
            return;
        }
        let members = sightings.len();
        // Until it is filed it waits, also if this is broken off.
        let mut unfiled = Unfiled { collector: self, sightings };
        match desk.tools.intake.file_delta(unfiled.sightings.clone(), Source::Events, String::new()).await {
            Ok(run) => {
                unfiled.sightings.clear();
                *pause = PAUSES.0;
                tracing::debug!(%run, members, "changes of members filed");
            }
            Err(Refusal::Store(error)) if error.is_transient() => {
                drop(unfiled);
                tracing::warn!(%error, members, "changes of members could not be filed; they are kept, and the next try follows");
                sleep(*pause).await;
                *pause = (*pause * 2).min(PAUSES.1);
            }
            Err(error) => {
                unfiled.sightings.clear();
                tracing::error!(%error, members, "changes of members were refused; a full sync says them instead");
                desk.catch_up.wish(desk.tools.clock.now());
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sightings that are being filed; what is left of them goes back when this goes.
struct Unfiled<'a> {
    collector: &'a EventCollector,
    sightings: Vec<Sighting>,
}

impl Drop for Unfiled<'_> {
    fn drop(&mut self) {
        let sightings = std::mem::take(&mut self.sightings);
        self.collector.waiting().put_back(sightings);
    }
}

#[cfg(test)]
mod tests;
