//! The way to a body's inflated bytes.
//!
//! Enters: bytes as they came. Leaves: a reader of what they hold, which fails with `ConnectionAborted` when they end early, and with
//! another error when their encoding is broken.

use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::{GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use futures::{Stream, TryStreamExt as _};
use tokio::io::{AsyncBufRead, AsyncRead};
use tokio_util::bytes::Bytes;
use tokio_util::io::StreamReader;

/// Largest window a zstd body may ask for, as a power of two: the 8 MiB that RFC 8878 (3.1.1.1.2) recommends decoders to support.
const ZSTD_WINDOW: u32 = 23;

/// A body that can be read.
pub(in crate::http) type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// What the first bytes of a file say.
    pub fn of_first(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Identity,
        }
    }
}

/// A reader of chunks; whatever ends them early is one thing to those who read.
pub(in crate::http) fn raw<E>(chunks: impl Stream<Item = Result<Bytes, E>>) -> impl AsyncBufRead {
    StreamReader::new(chunks.map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted)))
}

/// The bytes that `raw` holds.
pub(in crate::http) fn inflate(raw: impl AsyncBufRead + Send + 'static, encoding: Encoding) -> Reader {
    match encoding {
        Encoding::Identity => Box::pin(raw),
        Encoding::Gzip => {
            let mut decoder = GzipDecoder::new(raw);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
        Encoding::Zstd => {
            let mut decoder = ZstdDecoder::with_params(raw, &[DParameter::window_log_max(ZSTD_WINDOW)]);
            decoder.multiple_members(true);
            Box::pin(decoder)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_by_its_first_bytes_how_it_is_packed() {
        assert_eq!(Encoding::of_first(&[0x1f, 0x8b, 8]), Encoding::Gzip);
        assert_eq!(Encoding::of_first(&[0x28, 0xb5, 0x2f, 0xfd, 0]), Encoding::Zstd);
        for other in [&b"{\"members\":[]}"[..], b"", b"(", &[0x1f]] {
            assert_eq!(Encoding::of_first(other), Encoding::Identity);
        }
    }
}
