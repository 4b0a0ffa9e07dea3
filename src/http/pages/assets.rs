use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use actix_web::web::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{Embed, EmbeddedFile};
use sha2::{Digest, Sha256};

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

const PAGE: &str = "index.html";

/// One of the files that the page is made of.
pub(super) struct Asset {
    pub(super) bytes: Bytes,
    pub(super) media_type: &'static str,
    hash: [u8; 32],
}

impl Asset {
    /// The page itself. It names the other files below the version that they have now.
    pub(super) fn page() -> Option<Self> {
        let page = Self::at(PAGE)?;
        let version = version();
        let text = String::from_utf8_lossy(&page.bytes).replace("{version}", &short(version));
        Some(Self {
            bytes: text.into(),
            hash: version,
            ..page
        })
    }

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
        short(self.hash)
    }

    /// The file in gzip.
    pub(super) fn packed(&self) -> Bytes {
        let mut packed = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
        let packed = packed.get_or_insert_default();
        let once = packed.entry(self.hash);
        once.or_insert_with(|| gzip(&self.bytes)).clone()
    }
}

/// Whether it is the version of all the files, as the page names it.
pub(super) fn is_current(named: &str) -> bool {
    named == short(version())
}

fn short(hash: [u8; 32]) -> String {
    hex::encode(hash.get(..8).unwrap_or_default())
}

/// Tells all the files together from those of any other build.
#[cfg(not(debug_assertions))]
fn version() -> [u8; 32] {
    static VERSION: std::sync::LazyLock<[u8; 32]> = std::sync::LazyLock::new(hash_of_all);
    *VERSION
}

/// They may have changed since the last request.
#[cfg(debug_assertions)]
fn version() -> [u8; 32] {
    hash_of_all()
}

fn hash_of_all() -> [u8; 32] {
    let own = Own::iter().map(|path| (Own::get(&path), path));
    let all = own.chain(Design::iter().map(|path| (Design::get(&path), path)));
    let hash = all.fold(Sha256::new(), |hash, (file, path)| {
        let content = file.map(|file| file.metadata.sha256_hash());
        hash.chain_update(path.as_bytes())
            .chain_update(content.unwrap_or_default())
    });
    hash.finalize().into()
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
