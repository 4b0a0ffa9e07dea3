use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::embedded::random::hex_digits;

/// RFC 6749 section 4.1.2: short-lived, and good for one use.
const CODE_LIFETIME: Duration = Duration::from_mins(1);
const REFRESH_LIFETIME: Duration = Duration::from_hours(12);

/// Authorization codes and refresh tokens that are out.
#[derive(Default)]
pub(super) struct Grants {
    codes: Mutex<HashMap<String, Expiring<Code>>>,
    refresh_tokens: Mutex<HashMap<String, Expiring<Consent>>>,
}

struct Expiring<T> {
    value: T,
    ends: Instant,
}

/// Who signed in, for whom, to what.
#[derive(Clone)]
pub(super) struct Consent {
    pub(super) user: String,
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
}

/// What a code stands for, and who may redeem it.
pub(super) struct Code {
    pub(super) consent: Consent,
    pub(super) redirect_uri: String,
    /// RFC 7636 section 4.2, `S256`.
    pub(super) challenge: String,
}

impl Grants {
    pub(super) fn issue_code(&self, code: Code) -> io::Result<String> {
        issue(&self.codes, code, CODE_LIFETIME)
    }

    /// A code is gone when it was shown once, rightly or not.
    pub(super) fn redeem_code(
        &self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Option<Consent> {
        let code = redeem(&self.codes, code)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let fits = code.consent.client_id == client_id
            && code.redirect_uri == redirect_uri
            && code.challenge == challenge;
        fits.then_some(code.consent)
    }

    pub(super) fn issue_refresh_token(&self, consent: Consent) -> io::Result<String> {
        issue(&self.refresh_tokens, consent, REFRESH_LIFETIME)
    }

    /// A refresh token is good for one use; the answer holds the next.
    pub(super) fn redeem_refresh_token(&self, token: &str, client_id: &str) -> Option<Consent> {
        redeem(&self.refresh_tokens, token).filter(|consent| consent.client_id == client_id)
    }
}

fn issue<T>(
    store: &Mutex<HashMap<String, Expiring<T>>>,
    value: T,
    lifetime: Duration,
) -> io::Result<String> {
    let name = hex_digits(20)?;
    let now = Instant::now();
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    store.retain(|_, kept| kept.ends > now);
    let ends = now + lifetime;
    store.insert(name.clone(), Expiring { value, ends });
    Ok(name)
}

fn redeem<T>(store: &Mutex<HashMap<String, Expiring<T>>>, name: &str) -> Option<T> {
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = store.remove(name)?;
    (kept.ends > Instant::now()).then_some(kept.value)
}
