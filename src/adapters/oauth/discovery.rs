use std::sync::{PoisonError, RwLock};

use tokio::sync::OnceCell;
use url::Url;

use crate::adapters::strict_json::StrictObject;
use crate::service::{UpstreamError, UpstreamErrorKind};

use super::{OauthHttp, is_confidential};

/// The longest metadata document read, in bytes.
const MAX_METADATA_BYTES: usize = 256 * 1024;

/// The authorization server's metadata by `OpenID Connect Discovery 1.0`, or else by RFC 8414. They are
/// read when they are first needed and then kept; a failure is retried at the next need.
#[derive(Debug)]
pub struct Discovery {
    http: OauthHttp,
    settings: DiscoverySettings,
    metadata: OnceCell<Metadata>,
    /// Where later metadata said that the keys are.
    keys_moved_to: RwLock<Option<Url>>,
}

/// Where the metadata are, and which of their endpoints the gateway uses.
#[derive(Clone, Debug)]
pub struct DiscoverySettings {
    /// The section of the configuration, for messages: `oauth`.
    pub section: String,
    /// The issuer that the metadata must name, byte for byte.
    pub issuer: String,
    /// The base of the metadata's address, such as the issuer, or the whole address of the document.
    pub url: Url,
    /// Allows endpoints with plain http to hosts other than loopback.
    pub allow_http: bool,
    /// The introspection endpoint.
    pub introspection: Endpoint,
    /// The address of the keys that sign tokens.
    pub jwks: Endpoint,
}

/// Where an endpoint's address comes from.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// The gateway does not use it.
    Unused,
    /// From the metadata.
    Discovered,
    /// From the configuration.
    Configured(Url),
}

/// The part of the metadata that the gateway uses.
#[derive(Clone, Debug)]
struct Metadata {
    introspection: Option<Url>,
    jwks: Option<Url>,
    sign_in: Option<SignInUrls>,
}

/// Where browsers sign in and out, at addresses that they can reach.
#[derive(Clone, Debug)]
pub struct SignInUrls {
    /// `authorization_endpoint`
    pub authorization: Url,
    /// `token_endpoint`
    pub token: Url,
    /// `end_session_endpoint`
    pub end_session: Option<Url>,
    /// `revocation_endpoint`
    pub revocation: Option<Url>,
    /// Whether `scopes_supported` has `openid`.
    pub openid: bool,
}

impl Discovery {
    /// Sets discovery up without reading the metadata.
    #[must_use]
    pub fn new(http: OauthHttp, settings: DiscoverySettings) -> Self {
        Self {
            http,
            settings,
            metadata: OnceCell::new(),
            keys_moved_to: RwLock::default(),
        }
    }

    /// Whether the metadata have been read or are not needed.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        self.metadata.initialized() || !self.is_needed()
    }

    /// Whether the gateway uses an endpoint that only the metadata name.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        let DiscoverySettings {
            introspection,
            jwks,
            ..
        } = &self.settings;
        [introspection, jwks]
            .iter()
            .any(|endpoint| matches!(endpoint, Endpoint::Discovered))
    }

    /// Reads the metadata, unless they have been read already.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] if no document can be read, it belongs to another issuer, or it lacks an
    /// endpoint that the gateway uses.
    pub async fn run(&self) -> Result<(), UpstreamError> {
        self.metadata().await.map(|_| ())
    }

    /// The address at which the gateway reaches the authorization server.
    #[must_use]
    pub fn address(&self) -> &Url {
        &self.settings.url
    }

    /// The introspection endpoint (RFC 7662 section 2).
    ///
    /// # Errors
    ///
    /// As [`Discovery::run`].
    pub async fn introspection_endpoint(&self) -> Result<Url, UpstreamError> {
        if let Endpoint::Configured(url) = &self.settings.introspection {
            return Ok(url.clone());
        }
        let url = self.metadata().await?.introspection.clone();
        url.ok_or_else(|| nonsense("the metadata name no introspection_endpoint"))
    }

    /// The address of the keys that sign tokens (RFC 7517).
    ///
    /// # Errors
    ///
    /// As [`Discovery::run`].
    pub async fn jwks_uri(&self) -> Result<Url, UpstreamError> {
        if let Endpoint::Configured(url) = &self.settings.jwks {
            return Ok(url.clone());
        }
        let moved = self.keys_moved_to.read();
        let moved = moved.unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(url) = moved {
            return Ok(url);
        }
        let url = self.metadata().await?.jwks.clone();
        url.ok_or_else(|| nonsense("the metadata name no jwks_uri"))
    }

    /// Reads the metadata again, because no keys could be read at this address. Returns another one, if
    /// they name it now.
    pub(super) async fn keys_moved_from(&self, before: &Url) -> Option<Url> {
        if !matches!(self.settings.jwks, Endpoint::Discovered) {
            return None;
        }
        let now = self.discover().await.ok()?.jwks;
        let moved = now.filter(|url| url != before)?;
        let place = self.keys_moved_to.write();
        *place.unwrap_or_else(PoisonError::into_inner) = Some(moved.clone());
        Some(moved)
    }

    /// The section of the configuration.
    pub(super) fn section(&self) -> &str {
        &self.settings.section
    }

    /// Where browsers sign in. `None` until the metadata have been read, and if they name no such
    /// endpoints.
    #[must_use]
    pub fn sign_in(&self) -> Option<SignInUrls> {
        let named = self.metadata.get()?.sign_in.clone()?;
        let public = |url| self.public_address(url);
        Some(SignInUrls {
            authorization: public(named.authorization),
            token: public(named.token),
            end_session: named.end_session.map(public),
            revocation: named.revocation.map(public),
            openid: named.openid,
        })
    }

    /// Replaces an internal address by the issuer's. Metadata that are read at an internal address may
    /// name it in their endpoints, as Keycloak's backchannel does, and browsers cannot reach it.
    fn public_address(&self, url: Url) -> Url {
        let (inside, Ok(outside)) = (&self.settings.url, Url::parse(&self.settings.issuer)) else {
            return url;
        };
        if inside.origin() == outside.origin() || url.origin() != inside.origin() {
            return url;
        }
        let mut moved = outside;
        moved.set_path(url.path());
        moved.set_query(url.query());
        moved
    }

    async fn metadata(&self) -> Result<&Metadata, UpstreamError> {
        self.metadata.get_or_try_init(|| self.discover()).await
    }

    async fn discover(&self) -> Result<Metadata, UpstreamError> {
        let mut failures: Vec<(Url, UpstreamError)> = Vec::new();
        for url in well_known(&self.settings.url) {
            match self.read(&url).await {
                Ok(metadata) => return Ok(metadata),
                Err(failure) => failures.push((url, failure)),
            }
        }
        Err(summary(failures))
    }

    async fn read(&self, url: &Url) -> Result<Metadata, UpstreamError> {
        let answer = self.http.get_json_at(url, MAX_METADATA_BYTES).await?;
        self.check(&answer)
    }

    /// Rejects the metadata of another issuer (RFC 8414 section 3.3).
    fn check(&self, metadata: &StrictObject) -> Result<Metadata, UpstreamError> {
        let issuer = metadata
            .string("issuer")
            .map_err(|wrong| nonsense(&wrong.to_string()))?;
        if issuer.as_ref() != Some(&self.settings.issuer) {
            return Err(nonsense(&format!(
                "the metadata belong to another issuer than {}.issuer",
                self.settings.section
            )));
        }
        let settings = &self.settings;
        Ok(Metadata {
            introspection: self.endpoint(
                metadata,
                "introspection_endpoint",
                &settings.introspection,
            )?,
            jwks: self.endpoint(metadata, "jwks_uri", &settings.jwks)?,
            sign_in: sign_in_urls(metadata),
        })
    }

    /// The address of an endpoint that the gateway itself uses, if it comes from the metadata.
    fn endpoint(
        &self,
        metadata: &StrictObject,
        member: &'static str,
        needed: &Endpoint,
    ) -> Result<Option<Url>, UpstreamError> {
        if !matches!(needed, Endpoint::Discovered) {
            return Ok(None);
        }
        let url = metadata
            .string(member)
            .map_err(|wrong| nonsense(&wrong.to_string()))?
            .ok_or_else(|| nonsense(&format!("the metadata name no {member}")))?;
        let url = Url::parse(&url)
            .map_err(|_| nonsense(&format!("the metadata's {member} is not a URL")))?;
        if !self.settings.allow_http && !is_confidential(&url) {
            return Err(nonsense(&format!(
                "the metadata's {member} is plain http: use https or set {}.allow_http",
                self.settings.section
            )));
        }
        if !is_confidential(&url) {
            tracing::warn!(endpoint = %url, "requests to this endpoint are not encrypted (allow_http)");
        }
        Ok(Some(url))
    }
}

fn sign_in_urls(metadata: &StrictObject) -> Option<SignInUrls> {
    let member = "scopes_supported";
    let scopes = metadata.strings(member, member).ok().flatten();
    Some(SignInUrls {
        authorization: public_endpoint(metadata, "authorization_endpoint")?,
        token: public_endpoint(metadata, "token_endpoint")?,
        end_session: public_endpoint(metadata, "end_session_endpoint"),
        revocation: public_endpoint(metadata, "revocation_endpoint"),
        openid: scopes.is_some_and(|scopes| scopes.iter().any(|scope| scope == "openid")),
    })
}

/// The address of an endpoint that browsers use; `None` if it is missing or not a URL.
fn public_endpoint(metadata: &StrictObject, member: &'static str) -> Option<Url> {
    let url = Url::parse(&metadata.string(member).ok()??).ok()?;
    ["http", "https"].contains(&url.scheme()).then_some(url)
}

/// The addresses to try, in order: `OpenID Connect Discovery 1.0` section 4 appends the well-known part
/// to the path, RFC 8414 section 3 puts it in front of the path.
pub(crate) fn well_known(base: &Url) -> Vec<Url> {
    if base.path().contains("/.well-known/") {
        return vec![base.clone()];
    }
    let path = base.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = base.clone();
        url.set_path(&path);
        url
    };
    vec![
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ]
}

/// One error for all addresses, which names a failure that several of them share only once.
fn summary(failures: Vec<(Url, UpstreamError)>) -> UpstreamError {
    let mut distinct: Vec<(Url, UpstreamError)> = Vec::new();
    for (url, failure) in failures {
        if distinct.iter().all(|(_, known)| *known != failure) {
            distinct.push((url, failure));
        }
    }
    let kind = distinct.last().map(|(_, failure)| failure.kind);
    let causes: Vec<_> = distinct
        .into_iter()
        .map(|(url, failure)| failure.at(&url).cause)
        .collect();
    UpstreamError::new(
        kind.unwrap_or(UpstreamErrorKind::Nonsense),
        causes.join("; "),
    )
}

fn nonsense(cause: &str) -> UpstreamError {
    UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
}

#[cfg(test)]
mod tests;
