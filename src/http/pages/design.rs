//! The design that the pages, dev's sign-in page and the console share, in the folder `design/`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The product's mark, a cloakroom's tag. Its colour shows on light and on dark.
pub(crate) const MARK: &str = include_str!("design/mark.svg");

/// The mark as the address of a page's icon, so that browsers ask for no file.
pub(crate) fn icon() -> String {
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(MARK))
}

/// How a content security policy names this style.
pub(crate) fn hash(style: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(style)))
}
