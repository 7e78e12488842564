//! The way of a body through the intake: read and inflated on one task, cut on a blocking thread, its batches read on others, several at a
//! time, and given back in order to be staged.

use std::io;

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};

use super::IntakeLimits;
use super::batches::{Batches, Total};
use super::body::{Cut, Frame, cut};
use super::draft::{Batch, Draft};
use super::faults::Refusal;
use super::source::{Source, Spent};
use crate::domain::DiscordId;
use crate::store::StagedBatch;

/// Size of a chunk of the body, and how many wait to be cut.
const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 4;
/// How many batches of a list are read at once. More wait for the database, whatever is done.
const READERS: usize = 2;

/// A list that was read whole and is sound.
#[derive(Debug)]
pub(super) struct Taken {
    pub received: u64,
    pub observed_at: Option<DateTime<Utc>>,
    pub allow_mass_departure: bool,
    pub dry_run: bool,
    /// The last batch, which has not been given back yet; none for an empty list.
    pub last: Option<StagedBatch>,
    /// How many batches there are, the last included.
    pub batches: i32,
    pub total: Total,
    /// SHA-256 of the inflated body, if it was wanted.
    pub body_hash: Option<[u8; 32]>,
}

/// A body that was cut.
pub(super) struct Ended {
    /// The last draft, which has not been handed on. What is wrong with it comes before what is wrong with the body.
    pub last: Option<Draft>,
    /// What the body says beside its list, and its hash.
    pub frame: Result<(Frame, Option<[u8; 32]>), Refusal>,
}

/// A body on its way.
pub(super) struct Taking {
    guild: DiscordId,
    reading: BoxStream<'static, Result<Batch, Refusal>>,
    batches: Batches,
    refused: Option<Refusal>,
    cutting: JoinHandle<Ended>,
    pumping: JoinHandle<Result<(), Refusal>>,
}

impl Taking {
    /// Begins to read `body`. A body that fails with `ConnectionAborted` was broken off; any other error of it is one of its encoding. `hashed`: its hash
    /// is wanted.
    pub fn begin(body: impl AsyncRead + Send + Unpin + 'static, limits: &IntakeLimits, guild: DiscordId, hashed: bool) -> Self {
        let (chunk_in, mut chunks) = mpsc::channel(CHUNKS);
        let (draft_in, mut drafts) = mpsc::channel(1);
        let limits = *limits;
        let cutting = spawn_blocking(move || {
            let chunks = std::iter::from_fn(|| chunks.blocking_recv());
            cut_chunks(chunks, &limits, hashed, &mut |draft| draft_in.blocking_send(draft).is_ok())
        });
        let pumping = tokio::spawn(pump(body, chunk_in, limits));
        let drafts = futures::stream::poll_fn(move |context| drafts.poll_recv(context));
        let reading = drafts.map(move |draft| read(draft, guild)).buffered(READERS).boxed();
        Self { guild, reading, batches: Batches::default(), refused: None, cutting, pumping }
    }

    /// The next batch but the last; `None` when the body has ended or was refused.
    pub async fn next(&mut self) -> Option<StagedBatch> {
        while let Some(batch) = self.reading.next().await {
            match batch {
                Ok(batch) => {
                    if let Some(staged) = self.batches.add(batch) {
                        return Some(staged);
                    }
                }
                Err(refusal) => {
                    self.refused = Some(refusal);
                    return None;
                }
            }
        }
        None
    }

    /// What the body came to. May be called early: whoever is still at work sees that nobody listens, and ends.
    pub async fn end(self) -> Result<Taken, Refusal> {
        drop(self.reading);
        let ended = self.cutting.await.map_err(|e| Refusal::Internal(e.to_string()))?;
        self.pumping.abort();
        let pumped = self.pumping.await.unwrap_or(Ok(()));
        if let Some(refusal) = self.refused {
            return Err(refusal);
        }
        let guild = self.guild;
        let last = match ended.last {
            Some(draft) => Some(read(draft, guild).await?),
            None => None,
        };
        match (ended.frame, pumped) {
            // What failed for want of bytes failed for whatever took the bytes away.
            (Err(Refusal::BrokenOff | Refusal::Malformed { .. }), Err(refusal)) => Err(refusal),
            (frame, _) => conclude(frame?, self.batches, last),
        }
    }
}

async fn read(draft: Draft, guild: DiscordId) -> Result<Batch, Refusal> {
    spawn_blocking(move || draft.read(guild)).await.unwrap_or_else(|panic| Err(Refusal::Internal(panic.to_string())))
}

/// What the list came to, with its last batch.
pub(super) fn conclude(
    (frame, body_hash): (Frame, Option<[u8; 32]>),
    mut batches: Batches,
    last: Option<Batch>,
) -> Result<Taken, Refusal> {
    let last = last.and_then(|batch| batches.add(batch));
    let Frame { before: mut faults, behind, received, observed_at, allow_mass_departure, dry_run } = frame;
    faults.append(std::mem::take(&mut batches.faults));
    faults.append(behind);
    if faults.count > 0 {
        return Err(Refusal::Faulty { faults: faults.first, count: faults.count });
    }
    let batch_count = batches.count;
    let total = batches.total();
    Ok(Taken { received, observed_at, allow_mass_departure, dry_run, last, batches: batch_count, total, body_hash })
}

/// Reads the body and hands its chunks on to be cut.
async fn pump(
    mut body: impl AsyncRead + Send + Unpin + 'static,
    chunks: mpsc::Sender<io::Result<Vec<u8>>>,
    limits: IntakeLimits,
) -> Result<(), Refusal> {
    let end = Instant::now() + limits.total;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK);
        let patience = limits.idle.min(end.saturating_duration_since(Instant::now()));
        let refusal = match timeout(patience, body.read_buf(&mut chunk)).await {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(_)) => {
                if chunks.send(Ok(chunk)).await.is_err() {
                    return Ok(());
                }
                continue;
            }
            Err(_) => Refusal::TooSlow,
            Ok(Err(e)) if e.kind() == io::ErrorKind::ConnectionAborted => Refusal::BrokenOff,
            Ok(Err(e)) => Refusal::BrokenEncoding(e.to_string()),
        };
        // Silence must not be taken for the end of the body.
        let _ = chunks.send(Err(io::ErrorKind::ConnectionAborted.into())).await;
        return Err(refusal);
    }
}

/// Cuts a body that comes in chunks, none of them empty, within the bounds on its size and on that of one entry.
pub(super) fn cut_chunks(
    mut chunks: impl Iterator<Item = io::Result<Vec<u8>>>,
    limits: &IntakeLimits,
    hashed: bool,
    hand_on: &mut dyn FnMut(Draft) -> bool,
) -> Ended {
    let source = Source::new(&mut chunks, limits.max_body, hashed.then(Sha256::new));
    let Cut { last, frame } = cut(&source, limits, hand_on);
    let Spent { exceeded, hash } = source.end();
    let frame = match exceeded {
        Some(message) => Err(Refusal::TooLarge(message)),
        None => frame.map(|frame| (frame, hash.map(|hash| hash.finalize().into()))),
    };
    Ended { last, frame }
}
