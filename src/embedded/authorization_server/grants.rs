use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::future::Cache;
use sha2::{Digest, Sha256};

use crate::embedded::random::hex_digits;

/// RFC 6749 section 4.1.2: short-lived, and usable once.
const CODE_LIFETIME: Duration = Duration::from_mins(1);
const REFRESH_LIFETIME: Duration = Duration::from_hours(12);

/// The authorization codes and refresh tokens that can still be redeemed.
pub(super) struct Grants {
    codes: Cache<String, Code>,
    refresh_tokens: Cache<String, Consent>,
}

/// Who signed in, through which client, for which scope.
#[derive(Clone)]
pub(super) struct Consent {
    pub(super) user: String,
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
}

/// What an authorization code stands for, and who may redeem it.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) consent: Consent,
    pub(super) redirect_uri: String,
    /// RFC 7636 section 4.2, `S256`.
    pub(super) challenge: String,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            codes: Cache::builder().time_to_live(CODE_LIFETIME).build(),
            refresh_tokens: Cache::builder().time_to_live(REFRESH_LIFETIME).build(),
        }
    }
}

impl Grants {
    pub(super) async fn issue_code(&self, code: Code) -> io::Result<String> {
        issue(&self.codes, code).await
    }

    /// A code is spent after one attempt, successful or not.
    pub(super) async fn redeem_code(
        &self,
        code: &str,
        client_id: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Option<Consent> {
        let code = redeem(&self.codes, code).await?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let matches = code.consent.client_id == client_id
            && code.redirect_uri == redirect_uri
            && code.challenge == challenge;
        matches.then_some(code.consent)
    }

    pub(super) async fn issue_refresh_token(&self, consent: Consent) -> io::Result<String> {
        issue(&self.refresh_tokens, consent).await
    }

    /// A refresh token is usable once; the response to it has the next one.
    pub(super) async fn redeem_refresh_token(
        &self,
        token: &str,
        client_id: &str,
    ) -> Option<Consent> {
        let consent = redeem(&self.refresh_tokens, token).await;
        consent.filter(|consent| consent.client_id == client_id)
    }

    /// Revokes a refresh token (RFC 7009).
    pub(super) async fn revoke_refresh_token(&self, token: &str, client_id: &str) {
        let consent = self.refresh_tokens.get(token).await;
        if consent.is_some_and(|consent| consent.client_id == client_id) {
            self.refresh_tokens.invalidate(token).await;
        }
    }
}

async fn issue<T: Clone + Send + Sync + 'static>(
    grants: &Cache<String, T>,
    grant: T,
) -> io::Result<String> {
    let name = hex_digits(20)?;
    grants.insert(name.clone(), grant).await;
    Ok(name)
}

async fn redeem<T: Clone + Send + Sync + 'static>(
    grants: &Cache<String, T>,
    name: &str,
) -> Option<T> {
    // `remove` also returns expired values.
    let is_valid = grants.contains_key(name);
    grants.remove(name).await.filter(|_| is_valid)
}
