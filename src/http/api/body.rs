//! The form of a body: what it claims to be, and the way to its inflated bytes.

use poem::http::{HeaderMap, header};

use super::problem::Problem;
use crate::http::inflate::{Encoding, Reader, inflate, raw};
use crate::http::unread::Unread;

/// Checks that a body claims to be JSON in an encoding we know.
pub(super) fn check_form(headers: &HeaderMap) -> Result<Encoding, Problem> {
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
            return Err(Problem::unsupported_media("Send the list with the header Content-Type: application/json."));
        }
    }
    let unknown = || Problem::unsupported_media("Of encodings, gzip and zstd are understood, one at a time.");
    // Lines of one header are one list (RFC 9110, 5.3), so two lines are two encodings.
    let mut lines = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(encoding) = lines.next() else { return Ok(Encoding::Identity) };
    if lines.next().is_some() {
        return Err(unknown());
    }
    match encoding.to_str().map_err(|_| unknown())?.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        "zstd" => Ok(Encoding::Zstd),
        _ => Err(unknown()),
    }
}

/// The inflated bytes of a body. It fails with `ConnectionAborted` when the connection ends early, with another error when the encoding is
/// broken.
pub(super) fn open(body: Unread, encoding: Encoding) -> Reader {
    inflate(raw(body), encoding)
}
