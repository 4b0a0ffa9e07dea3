use std::sync::atomic::{AtomicBool, Ordering};

use openidconnect::CsrfToken;
use url::Url;

/// The page that the browser is opened at, which sends it on. Other users of the machine can read the
/// browser's arguments; with the address behind this page they could sign in as themselves into this
/// terminal. So the page works once, and whoever comes second ends the sign-in.
#[derive(Debug)]
pub(super) struct Start {
    path: String,
    target: Url,
    is_used: AtomicBool,
}

impl Start {
    pub(super) fn new(target: Url) -> Self {
        Self {
            path: format!("/start/{}", CsrfToken::new_random().secret()),
            target,
            is_used: AtomicBool::new(false),
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn target(&self) -> &Url {
        &self.target
    }

    /// Where the browser goes on to, the first time.
    pub(super) fn follow(&self) -> Option<&Url> {
        let was_used = self.is_used.swap(true, Ordering::Relaxed);
        (!was_used).then_some(&self.target)
    }
}
