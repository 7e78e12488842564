//! Shows a run on its way: a bar on a terminal, a plain line elsewhere. On standard error, so that the counts can be piped.

use std::pin::Pin;
use std::task::{Context, Poll};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::{AsyncRead, ReadBuf};

use crate::domain::{Run, RunState};

/// One line that moves.
#[derive(Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
}

const READING: &str = "{msg:<10} [{bar:32}] {bytes}/{total_bytes} {bytes_per_sec}";
const READING_UNSIZED: &str = "{msg:<10} {spinner} {bytes} {bytes_per_sec}";
const APPLYING: &str = "{msg:<10} [{bar:32}] {human_pos}/{human_len} members {per_sec} {eta}";

impl Progress {
    /// Begins with the reading of a list of `size` bytes, if that is known.
    pub fn reading(size: Option<u64>) -> Self {
        let bar = size.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        bar.set_style(template(if size.is_some() { READING } else { READING_UNSIZED }));
        bar.set_message("reading");
        Self { bar }
    }

    /// Counts the bytes that are read from `source`.
    pub fn over<R: AsyncRead>(&self, source: R) -> Counted<R> {
        Counted { source: Box::pin(source), bar: self.bar.clone() }
    }

    /// From here on the run is shown.
    pub fn applying(&self) {
        self.bar.set_position(0);
        self.bar.set_length(0);
        self.bar.set_style(template(APPLYING));
        self.bar.reset_eta();
    }

    /// Shows the run as it stands.
    pub fn show(&self, run: &Run) {
        let word = if run.state == RunState::Finishing { "finishing" } else { run.state.as_str() };
        self.bar.set_message(word.to_owned());
        self.bar.set_length(run.progress.members_total.max(0).cast_unsigned());
        self.bar.set_position(run.progress.members_done.max(0).cast_unsigned());
    }

    /// Takes the line away; where there is no terminal, says in a plain one how the run ended.
    pub fn end(&self, run: &Run) {
        self.bar.finish_and_clear();
        if self.bar.is_hidden() {
            eprintln!("{}: {} of {} members", run.state, run.progress.members_done, run.progress.members_total);
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}

/// A reader whose bytes are counted.
pub(super) struct Counted<R> {
    source: Pin<Box<R>>,
    bar: ProgressBar,
}

impl<R: AsyncRead> AsyncRead for Counted<R> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.source.as_mut().poll_read(context, buffer);
        self.bar.inc((buffer.filled().len() - before) as u64);
        read
    }
}
