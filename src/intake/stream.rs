//! The way of a body through the intake: read and inflated on one task, parsed on a blocking thread, staged on the first task again.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::IntakeLimits;
use super::body::{Parsed, Parser};
use super::faults::Refusal;
use super::json::Since;
use crate::store::StagedBatch;

/// Size of a chunk of the body, and how many wait for the parser.
const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 4;
/// How many batches wait to be staged.
const BATCHES: usize = 2;
/// Most bytes of one entry, or of one unknown value between entries. The largest entry that breaks no rule (1,000 roles of 64 characters,
/// each written as two `\u` escapes) is below 1 MiB.
const MAX_ENTRY: u64 = 4 * 1024 * 1024;

/// A body that was read whole and is sound.
pub(super) struct Taken {
    pub parsed: Parsed,
    /// SHA-256 of the inflated body, if it was wanted.
    pub body_hash: Option<[u8; 32]>,
}

/// A body on its way through the parser.
pub(super) struct Taking {
    batches: mpsc::Receiver<StagedBatch>,
    parsing: JoinHandle<Result<Taken, Refusal>>,
    pumping: JoinHandle<Result<(), Refusal>>,
}

impl Taking {
    /// Begins to parse `body`. A body that fails with `ConnectionAborted` was broken off; any other error of it is one of its encoding. `hashed`: its hash
    /// is wanted.
    pub fn begin(body: impl AsyncRead + Send + Unpin + 'static, limits: &IntakeLimits, parser: Parser, hashed: bool) -> Self {
        let hash = hashed.then(Sha256::new);
        let (chunk_in, mut chunks) = mpsc::channel(CHUNKS);
        let (batch_in, batches) = mpsc::channel(BATCHES);
        let max_body = limits.max_body;
        let parsing = tokio::task::spawn_blocking(move || {
            let chunks = std::iter::from_fn(|| chunks.blocking_recv());
            parse(chunks, max_body, parser, hash, &mut |batch| batch_in.blocking_send(batch).is_ok())
        });
        let pumping = tokio::spawn(pump(body, chunk_in, *limits));
        Self { batches, parsing, pumping }
    }

    /// The next full batch; `None` when the body has been parsed or refused.
    pub async fn next(&mut self) -> Option<StagedBatch> {
        self.batches.recv().await
    }

    /// What the body came to. May be called early: whoever is still at work sees that nobody listens, and ends.
    pub async fn end(self) -> Result<Taken, Refusal> {
        drop(self.batches);
        let parsed = self.parsing.await.map_err(|e| Refusal::Internal(e.to_string()))?;
        self.pumping.abort();
        let pumped = self.pumping.await.unwrap_or(Ok(()));
        match (parsed, pumped) {
            // A parse that failed for want of bytes failed for whatever took the bytes away.
            (Err(Refusal::BrokenOff | Refusal::Malformed { .. }), Err(refusal)) => Err(refusal),
            (parsed, _) => parsed,
        }
    }
}

/// Reads the body and hands its chunks to the parser.
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
        // The parser must not take the silence for the end of the body.
        let _ = chunks.send(Err(io::ErrorKind::ConnectionAborted.into())).await;
        return Err(refusal);
    }
}

/// Parses a body that comes in chunks, none of them empty, within the bounds on its size and on that of one entry.
pub(super) fn parse(
    chunks: impl Iterator<Item = io::Result<Vec<u8>>>,
    max_body: u64,
    parser: Parser,
    hash: Option<Sha256>,
    hand_on: &mut dyn FnMut(StagedBatch) -> bool,
) -> Result<Taken, Refusal> {
    let since = Since::new(Cell::new(0));
    let mut reader =
        ChunkReader { chunks, chunk: Vec::new(), at: 0, left: max_body, since: Rc::clone(&since), exceeded: None, hash };
    let parsed = parser.parse(&mut reader, &since, hand_on);
    match reader.exceeded {
        Some(message) => Err(Refusal::TooLarge(message)),
        None => parsed.map(|parsed| Taken { parsed, body_hash: reader.hash.map(|hash| hash.finalize().into()) }),
    }
}

/// The parser's end of the body; keeps the bounds.
struct ChunkReader<C> {
    chunks: C,
    chunk: Vec<u8>,
    at: usize,
    left: u64,
    since: Since,
    exceeded: Option<String>,
    /// Of what has been read.
    hash: Option<Sha256>,
}

impl<C> ChunkReader<C> {
    fn account_for(&mut self, length: u64) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(length) else {
            return self.exceed("the body is larger than allowed when inflated (api.max_body); nothing was changed".into());
        };
        self.left = left;
        let since = self.since.get() + length;
        self.since.set(since);
        if since > MAX_ENTRY {
            return self.exceed(format!("one value of the body is larger than {} MiB; nothing was changed", MAX_ENTRY >> 20));
        }
        Ok(())
    }

    fn exceed(&mut self, message: String) -> io::Result<()> {
        self.exceeded = Some(message);
        Err(io::ErrorKind::FileTooLarge.into())
    }
}

impl<C: Iterator<Item = io::Result<Vec<u8>>>> Read for ChunkReader<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.chunk.len() {
            let Some(chunk) = self.chunks.next() else { return Ok(0) };
            self.chunk = chunk?;
            self.at = 0;
            if let Some(hash) = &mut self.hash {
                hash.update(&self.chunk);
            }
            self.account_for(self.chunk.len() as u64)?;
        }
        let length = buffer.len().min(self.chunk.len() - self.at);
        buffer[..length].copy_from_slice(&self.chunk[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
