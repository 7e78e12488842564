//! A form with a file in it (`multipart/form-data`).
//!
//! Enters: headers and body of a POST. Leaves: the fields that stand before the file, checked, and the file as a stream of which nothing has
//! been read; or a refusal. Neither the file nor a part's head is ever held whole.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use multer::{Constraints, Field, Multipart, SizeLimit};
use poem::Body;
use poem::http::{HeaderMap, header};
use tokio::io::AsyncBufReadExt as _;
use tokio_util::bytes::Bytes;

use super::App;
use super::forms::is_our_own;
use super::refusal::Refusal;
use crate::http::inflate::{Encoding, Reader, inflate, raw};
use crate::http::unread::Unread;

/// Most bytes that may come before the file begins, and of a field among them.
const MAX_BEFORE: u64 = 64 * 1024;
const MAX_FIELD: u64 = 1024;
/// How much is handed on at a time until the file begins, so that what comes in one piece with the file is not counted as before it.
const PIECE: usize = 4 * 1024;
/// How long they may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name of the part that holds the file.
const FILE: &str = "file";

/// A form whose file is still to be read.
pub(in crate::http) struct FileForm {
    /// Names of boxes that are ticked.
    ticked: Vec<String>,
    /// What the file is called where it comes from.
    pub(in crate::http) name: String,
    /// What the file holds, inflated if it is packed.
    pub(in crate::http) file: Reader,
}

impl FileForm {
    /// Reads a form of this session up to its file. The form's word comes first, so that nothing is read for whoever has none.
    pub(in crate::http) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Self, Refusal> {
        if !is_our_own(headers, &app.state.public_url) {
            return Err(Refusal::ForeignForm);
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let boundary = multer::parse_boundary(kind).map_err(|_| Refusal::NoForm)?;
        let read = Self::read_parts(app, headers, Unread::new(body, true), boundary);
        tokio::time::timeout(PATIENCE, read).await.unwrap_or(Err(Refusal::BrokenForm))
    }

    async fn read_parts(app: &App, headers: &HeaderMap, body: Unread, boundary: String) -> Result<Self, Refusal> {
        let left = Arc::new(AtomicU64::new(MAX_BEFORE));
        let chunks = OneByOne { body, rest: Bytes::new(), has_given: false, left: Arc::clone(&left) };
        let limits = SizeLimit::new().per_field(MAX_FIELD).for_field(FILE, u64::MAX);
        let mut parts = Multipart::with_constraints(chunks, boundary, Constraints::new().size_limit(limits));
        let word = next(&mut parts).await?.filter(|part| part.name() == Some("form_word")).ok_or(Refusal::StaleForm)?;
        let word = text(word).await?;
        if !app.token(headers).is_some_and(|token| token.owns_form(&word)) {
            return Err(Refusal::StaleForm);
        }
        let mut ticked = Vec::new();
        while let Some(part) = next(&mut parts).await? {
            let name = part.name().unwrap_or_default().to_owned();
            if name == FILE {
                left.store(u64::MAX, Ordering::Relaxed);
                return Ok(Self::of(ticked, part).await);
            }
            text(part).await?;
            ticked.push(name);
        }
        // As if none had been chosen.
        Ok(Self { ticked, name: String::new(), file: inflate(Box::pin(tokio::io::empty()), Encoding::Identity) })
    }

    async fn of(ticked: Vec<String>, part: Field<'static>) -> Self {
        let name = part.file_name().unwrap_or_default().to_owned();
        let mut file = Box::pin(raw(part));
        // What broke off here will fail whoever reads it.
        let encoding = file.fill_buf().await.map_or(Encoding::Identity, Encoding::of_first);
        Self { ticked, name, file: inflate(file, encoding) }
    }

    /// Whether a box is ticked.
    pub(in crate::http) fn is_ticked(&self, name: &str) -> bool {
        self.ticked.iter().any(|ticked| ticked == name)
    }
}

async fn next(parts: &mut Multipart<'static>) -> Result<Option<Field<'static>>, Refusal> {
    parts.next_field().await.map_err(refusal)
}

async fn text(part: Field<'static>) -> Result<String, Refusal> {
    part.text().await.map_err(refusal)
}

fn refusal(error: multer::Error) -> Refusal {
    match error {
        multer::Error::FieldSizeExceeded { .. } => Refusal::LargeForm,
        multer::Error::StreamReadFailed(error) if error.is::<TooMuch>() => Refusal::LargeForm,
        _ => Refusal::BrokenForm,
    }
}

/// Too much came before the file.
#[derive(Debug, thiserror::Error)]
#[error("too much came before the file")]
struct TooMuch;

/// The chunks of a body, one for each time that the reader of the form is asked: it takes in all that it can get before it hands anything
/// on, and would hold as much of the file as the network is quicker than the database.
struct OneByOne {
    body: Unread,
    /// What has come and is still to be handed on.
    rest: Bytes,
    /// The last answer was a chunk.
    has_given: bool,
    /// How many more bytes may be asked for.
    left: Arc<AtomicU64>,
}

impl Stream for OneByOne {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.has_given) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Some(Err(TooMuch.into())));
        }
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(chunk)) => self.rest = chunk,
                end => return Poll::Ready(end.map(|chunk| chunk.map_err(Into::into))),
            }
        }
        self.has_given = true;
        if left == u64::MAX {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.rest))));
        }
        let length = self.rest.len().min(PIECE);
        self.left.store(left.saturating_sub(length as u64), Ordering::Relaxed);
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}
