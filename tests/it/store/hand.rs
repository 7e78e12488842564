//! What the tests do with their hands: make members and lists, and take a run through its steps as a worker would.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use guildsync::domain::{Counts, DiscordId, Guard, Member, MemberRow, Mode, Run, RunError, RunId, Seen, Sighting, Source};
use guildsync::store::{
    BatchApplied, BatchClaim, Dropped, FinishClaim, Finished, MemberPage, NewRun, RunClaim, StagedBatch, Stores, decode_payload,
    encode_payload, encode_sightings,
};

/// The guard as it is set by default.
pub const GUARD: Guard = Guard { floor: 25, share: 0.20 };
/// How long a claim lasts.
pub const LEASE: TimeDelta = TimeDelta::seconds(6);
/// The smallest step of time both databases keep.
pub const MICRO: TimeDelta = TimeDelta::microseconds(1);

/// A moment: so many seconds after a fixed one, which has microseconds.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_767_614_400_123_456).unwrap() + TimeDelta::seconds(seconds)
}

/// A Discord id.
pub fn id(number: i64) -> DiscordId {
    DiscordId::try_from(number).unwrap()
}

/// A member with a value in every field.
pub fn member(number: i64) -> Member {
    Member {
        id: id(number),
        username: format!("user{number}"),
        display_name: format!("User {number}"),
        nickname: "nick".into(),
        avatar_hash: "0123456789abcdef0123456789abcdef".into(),
        guild_avatar_hash: Some("fedcba9876543210fedcba9876543210".into()),
        roles: ["10", "20"].into_iter().collect(),
        joined_at: Some(at(-1_000)),
        is_bot: false,
    }
}

/// Members with these numbers.
pub fn members(numbers: impl IntoIterator<Item = i64>) -> Vec<Member> {
    numbers.into_iter().map(member).collect()
}

/// The member under another name.
pub fn renamed(number: i64, username: &str) -> Member {
    Member { username: username.into(), ..member(number) }
}

/// The id of a run made at `now`; of two made at one moment the later is the greater.
pub fn run_id(now: DateTime<Utc>) -> RunId {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let mut random = [0; 32];
    random[6..10].copy_from_slice(&MADE.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    RunId::new(now, random)
}

/// A list as it is filed: cut into batches, each sorted and without duplicates, the last entry of an id counting.
#[derive(Clone)]
pub struct List {
    pub run: NewRun,
    pub batches: Vec<StagedBatch>,
    pub dropped: Vec<Dropped>,
}

impl List {
    /// Cuts `entries` into batches of `size` and files at the moment of the evidence.
    pub fn new(observed_at: DateTime<Utc>, entries: &[Member], size: usize) -> Self {
        let last: HashMap<DiscordId, usize> =
            entries.iter().enumerate().map(|(place, member)| (member.id, place / size)).collect();
        let mut dropped = BTreeMap::<i32, Vec<i64>>::new();
        let mut batches = Vec::new();
        for (number, chunk) in entries.chunks(size).enumerate() {
            let distinct: BTreeMap<DiscordId, Member> = chunk.iter().map(|member| (member.id, member.clone())).collect();
            let batch = i32::try_from(number).unwrap();
            for id in distinct.keys().filter(|id| last[id] != number) {
                dropped.entry(batch).or_default().push(id.get());
            }
            let distinct: Vec<Member> = distinct.into_values().collect();
            batches.push(StagedBatch { batch, members: count(&distinct), payload: encode_payload(&distinct).unwrap() });
        }
        let distinct = i64::try_from(last.len()).unwrap();
        let run = NewRun {
            id: run_id(observed_at),
            source: Source::Push,
            mode: Mode::Full,
            decision: None,
            allow_mass_departure: false,
            idempotency: None,
            reply: None,
            noted: None,
            requested_by: String::new(),
            observed_at,
            created_at: observed_at,
            members_total: distinct,
            batches_total: i32::try_from(batches.len()).unwrap(),
            counts: Counts { total_received: count(entries), duplicates: count(entries) - distinct, ..Counts::default() },
        };
        Self { run, batches, dropped: dropped.into_iter().map(|(batch, ids)| Dropped { batch, ids }).collect() }
    }

    /// Stages all batches but the last, and files the run with it.
    pub async fn file(&self, stores: &Stores) -> RunId {
        let (last, first) = self.batches.split_last().map_or((None, &[][..]), |(last, first)| (Some(last), first));
        for batch in first {
            stores.filing.stage_batch(self.run.id, batch, self.run.created_at).await.unwrap();
        }
        let last: Vec<StagedBatch> = last.into_iter().cloned().collect();
        stores.filing.file_run(&self.run, &last, &self.dropped).await.unwrap();
        self.run.id
    }
}

fn count<T>(things: &[T]) -> i64 {
    i64::try_from(things.len()).unwrap()
}

/// Files a list in batches of two.
pub async fn file(stores: &Stores, observed_at: DateTime<Utc>, entries: &[Member]) -> RunId {
    List::new(observed_at, entries, 2).file(stores).await
}

/// Files what was seen of members at a moment, as a delta.
pub async fn tell(stores: &Stores, seconds: i64, seen: Vec<Seen>) -> RunId {
    let sightings: Vec<Sighting> = seen.into_iter().map(|seen| Sighting { observed_at: at(seconds), seen }).collect();
    let members = i64::try_from(sightings.len()).unwrap();
    let batch = StagedBatch { batch: 0, members, payload: encode_sightings(&sightings).unwrap() };
    let counts = Counts { total_received: members, ..Counts::default() };
    let run = NewRun {
        source: Source::Events,
        mode: Mode::Delta,
        members_total: members,
        batches_total: 1,
        counts,
        ..List::new(at(seconds), &[], 1).run
    };
    stores.filing.file_run(&run, &[batch], &[]).await.unwrap();
    run.id
}

/// Takes up a run whose turn it must be; answers its number of batches.
pub async fn take_up(stores: &Stores, run: RunId, now: DateTime<Utc>) -> i32 {
    match stores.work.claim_run(run, now).await.unwrap() {
        RunClaim::Started { batches } => batches,
        other => panic!("it is the turn of {run}, but the claim answers {other:?}"),
    }
}

/// Claims a batch that must be free.
pub async fn claim(stores: &Stores, run: RunId, batch: i32, now: DateTime<Utc>) -> BatchClaim {
    stores.work.claim_batch(run, batch, "tests", now, now + LEASE).await.unwrap().expect("the batch is free")
}

/// What a worker applies of a claimed batch.
pub fn to_apply(claim: &BatchClaim) -> Vec<Member> {
    let dropped: HashSet<i64> = claim.dropped.iter().copied().collect();
    let mut members = decode_payload(&claim.payload).unwrap();
    members.retain(|member| !dropped.contains(&member.id.get()));
    members
}

/// Claims and applies a batch.
pub async fn apply(stores: &Stores, run: RunId, batch: i32, now: DateTime<Utc>) -> BatchApplied {
    let claim = claim(stores, run, batch, now).await;
    stores.work.apply_batch(&claim, &to_apply(&claim), now).await.unwrap()
}

/// Takes a run up and applies all its batches.
pub async fn apply_all(stores: &Stores, run: RunId, now: DateTime<Utc>) {
    for batch in 0..take_up(stores, run, now).await {
        apply(stores, run, batch, now).await;
    }
}

/// Claims a finish that must be free.
pub async fn claim_finish(stores: &Stores, run: RunId, now: DateTime<Utc>) -> FinishClaim {
    stores.work.claim_finish(run, now, now + LEASE).await.unwrap().expect("the finish is free")
}

/// Takes a filed run through all its steps.
pub async fn carry_out(stores: &Stores, run: RunId, guard: Guard, now: DateTime<Utc>) -> Finished {
    apply_all(stores, run, now).await;
    let claim = claim_finish(stores, run, now).await;
    stores.work.finish_run(&claim, guard, now).await.unwrap()
}

/// Does all that a small run is about.
pub async fn carry_out_small(stores: &Stores, run: RunId, now: DateTime<Utc>) -> Finished {
    let claim = claim_finish(stores, run, now).await;
    stores.work.finish_run(&claim, GUARD, now).await.unwrap()
}

/// A whole sync, a second long, under the default guard.
pub async fn sync(stores: &Stores, observed_at: DateTime<Utc>, entries: &[Member]) -> Finished {
    let run = file(stores, observed_at, entries).await;
    carry_out(stores, run, GUARD, observed_at + TimeDelta::seconds(1)).await
}

/// Applies a list whose run then fails, so that its evidence is newer than that of any applied roster may be.
pub async fn sync_in_vain(stores: &Stores, observed_at: DateTime<Utc>, entries: &[Member]) -> RunId {
    let run = file(stores, observed_at, entries).await;
    apply_all(stores, run, observed_at).await;
    stores.work.fail_run(run, &mishap(), observed_at).await.unwrap();
    run
}

/// Why a run may fail.
pub fn mishap() -> RunError {
    RunError { code: "mishap".into(), message: "Nothing worked.".into() }
}

/// All rows, by id.
pub async fn rows(stores: &Stores) -> Vec<MemberRow> {
    stores.read.members(MemberPage { after: None, limit: 100_000 }).await.unwrap()
}

/// One row.
pub async fn row(stores: &Stores, number: i64) -> MemberRow {
    let rows = rows(stores).await;
    rows.into_iter().find(|row| row.member.id == id(number)).unwrap_or_else(|| panic!("there is no row of {number}"))
}

/// The ids of those who have left.
pub async fn departed(stores: &Stores) -> Vec<i64> {
    rows(stores).await.iter().filter(|row| row.date_left.is_some()).map(|row| row.member.id.get()).collect()
}

/// A run that must be there.
pub async fn read(stores: &Stores, run: RunId) -> Run {
    stores.read.run(run).await.unwrap().expect("the run is there")
}
