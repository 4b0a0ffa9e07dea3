use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{Embed, EmbeddedFile};

/// The console's own files. A debug build reads them from disk at each request.
#[derive(Embed)]
#[folder = "src/http/pages/console"]
struct Own;

/// What it shares with the other pages, at `design/`.
#[derive(Embed)]
#[folder = "src/http/pages/design"]
struct Design;

/// Files in gzip, by the hash of their content: each is packed once.
static PACKED: Mutex<Option<HashMap<[u8; 32], Bytes>>> = Mutex::new(None);

/// One of the files that the page is made of.
pub(super) struct Asset {
    pub(super) bytes: Bytes,
    pub(super) media_type: &'static str,
    hash: [u8; 32],
}

impl Asset {
    /// The file at a path below `/console/`.
    pub(super) fn at(path: &str) -> Option<Self> {
        if path
            .split('/')
            .any(|segment| matches!(segment, "" | "." | ".."))
        {
            return None;
        }
        let media_type = media_type(path)?;
        let file = match path.strip_prefix("design/") {
            Some(shared) => Design::get(shared),
            None => Own::get(path),
        };
        let EmbeddedFile { data, metadata } = file?;
        Some(Self {
            bytes: match data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => Bytes::from(bytes),
            },
            media_type,
            hash: metadata.sha256_hash(),
        })
    }

    /// Whether a browser shows it by itself, so that a policy applies.
    pub(super) fn is_document(&self) -> bool {
        self.media_type.starts_with("text/html") || self.media_type == "image/svg+xml"
    }

    /// Tells this content from any other.
    pub(super) fn tag(&self) -> String {
        hex::encode(self.hash.get(..8).unwrap_or_default())
    }

    /// The file in gzip.
    pub(super) fn packed(&self) -> Bytes {
        let mut packed = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
        let packed = packed.get_or_insert_default();
        let once = packed.entry(self.hash);
        once.or_insert_with(|| gzip(&self.bytes)).clone()
    }
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}

fn media_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension {
        "html" => Some("text/html; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "txt" => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}
