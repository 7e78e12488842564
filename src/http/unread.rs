//! A body that may be refused before its end.
//!
//! Many clients send all of a body before they read a word of the answer. If we close the connection while they send, the kernel throws our
//! answer away with it, and their authors see a broken pipe instead of a reason. So what nobody wants any more is still heard out, beside
//! the answer and within bounds.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use poem::Body;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::bytes::Bytes;

/// Most bytes that are heard out. Bytes on the wire, not inflated.
const MOST: usize = 64 * 1024 * 1024;
/// How long they may take in all, and how long they may stand still.
const LONGEST: Duration = Duration::from_secs(30);
const STILL: Duration = Duration::from_secs(1);

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// The chunks of a body. What is left of it when this is dropped is read and thrown away.
pub(in crate::http) struct Unread {
    /// `None` once it has ended.
    chunks: Option<Chunks>,
    hear_out: bool,
}

impl Unread {
    /// A body, and whether its rest is heard out.
    pub fn new(body: Body, hear_out: bool) -> Self {
        Self { chunks: Some(Box::pin(body.into_bytes_stream())), hear_out }
    }
}

impl Stream for Unread {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(chunks) = &mut self.chunks else { return Poll::Ready(None) };
        let next = chunks.as_mut().poll_next(context);
        if matches!(next, Poll::Ready(None | Some(Err(_)))) {
            self.chunks = None;
        }
        next
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let rest = self.chunks.take().filter(|_| self.hear_out);
        if let (Some(rest), Ok(runtime)) = (rest, Handle::try_current()) {
            runtime.spawn(timeout(LONGEST, hear_out(rest)));
        }
    }
}

async fn hear_out(mut rest: Chunks) {
    let mut heard = 0;
    while heard < MOST {
        match timeout(STILL, rest.next()).await {
            Ok(Some(Ok(chunk))) => heard += chunk.len(),
            _ => return,
        }
    }
}
