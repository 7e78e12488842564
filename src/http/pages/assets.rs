//! The style sheet, the scripts and the icon, compiled in.
//!
//! Pages name them with the hash of their content, so browsers may keep them for good; a new version has a new address.

use std::sync::LazyLock;

use poem::http::{StatusCode, header};
use poem::{Request, Response, handler};
use sha2::{Digest as _, Sha256};

use super::session::hex;

/// A file that pages refer to.
pub(in crate::http) struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
    version: String,
    address: String,
}

impl Asset {
    fn new(name: &'static str, kind: &'static str, content: &'static str) -> Self {
        let version = hex(&Sha256::digest(content.as_bytes())[..8]);
        let address = format!("/static/{name}?v={version}");
        Self { name, kind, content, version, address }
    }

    /// The path and query under which this very content is served.
    pub(in crate::http) fn address(&self) -> &str {
        &self.address
    }
}

pub(in crate::http) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("admin.css", "text/css; charset=utf-8", include_str!("../assets/admin.css")));
pub(in crate::http) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")));
/// Of all pages.
pub(in crate::http) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("admin.js", "text/javascript; charset=utf-8", include_str!("../assets/admin.js")));
/// Of the pages of syncs.
pub(in crate::http) static RUN_SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("run.js", "text/javascript; charset=utf-8", include_str!("../assets/run.js")));
/// Of pages with boxes to tick.
pub(in crate::http) static TICKS: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("ticks.js", "text/javascript; charset=utf-8", include_str!("../assets/ticks.js")));
/// Of pages that show how things stand just now.
pub(in crate::http) static REFRESH: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("refresh.js", "text/javascript; charset=utf-8", include_str!("../assets/refresh.js")));

/// An asset by its name.
#[handler]
pub(in crate::http) fn serve(request: &Request) -> poem::Result<Response> {
    let name = request.raw_path_param("name").unwrap_or_default();
    let asset = [&STYLE, &ICON, &SCRIPT, &RUN_SCRIPT, &TICKS, &REFRESH]
        .into_iter()
        .find(|asset| asset.name == name)
        .ok_or(poem::error::NotFoundError)?;
    let tag = format!("\"{}\"", asset.version);
    // Under its hash the content never changes; under the bare name a browser must ask again.
    let is_pinned = request.uri().query().is_some_and(|query| query == format!("v={}", asset.version));
    let keep = if is_pinned { "public, max-age=31536000, immutable" } else { "no-cache" };
    let answer = Response::builder().header(header::ETAG, &tag).header(header::CACHE_CONTROL, keep);
    let known = request.header(header::IF_NONE_MATCH).unwrap_or_default();
    if known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag) {
        return Ok(answer.status(StatusCode::NOT_MODIFIED).finish());
    }
    Ok(answer.content_type(asset.kind).body(asset.content))
}
