use tokio::sync::OnceCell;
use url::Url;

use crate::service::{UpstreamError, UpstreamErrorKind};

use super::strict_json::StrictObject;
use super::{OauthHttp, is_confidential};

/// The longest metadata document read, in bytes.
const MAX_METADATA_BYTES: usize = 256 * 1024;

/// The authorization server's metadata, read when first needed and kept from then on: `OpenID
/// Connect Discovery 1.0`, else RFC 8414. A failure is tried again at the next need.
#[derive(Debug)]
pub struct Discovery {
    http: OauthHttp,
    settings: DiscoverySettings,
    metadata: OnceCell<Metadata>,
}

/// What the configuration says about metadata.
#[derive(Clone, Debug)]
pub struct DiscoverySettings {
    /// What the metadata must name as its issuer, byte for byte.
    pub issuer: String,
    /// Where the metadata are, if not at the issuer: a base like the issuer, or the whole
    /// address of the document.
    pub url: Url,
    /// Whether endpoints may be plain http to a host that is not loopback.
    pub allow_http: bool,
    /// Where tokens are asked about.
    pub introspection: Endpoint,
    /// Where the keys are that sign tokens.
    pub jwks: Endpoint,
}

/// Where the gateway learns an endpoint.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// The gateway does not use it.
    Unused,
    /// From the metadata.
    Discovered,
    /// From the configuration.
    Configured(Url),
}

/// What the gateway reads of the metadata.
#[derive(Clone, Debug)]
struct Metadata {
    introspection: Option<Url>,
    jwks: Option<Url>,
    sign_in: Option<(Url, Url)>,
}

impl Discovery {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(http: OauthHttp, settings: DiscoverySettings) -> Self {
        Self {
            http,
            settings,
            metadata: OnceCell::new(),
        }
    }

    /// Whether the metadata have been read, or need not be.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        self.metadata.initialized() || !self.is_needed()
    }

    /// Whether the gateway cannot work without the metadata.
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

    /// Reads the metadata, unless they have been read.
    ///
    /// # Errors
    ///
    /// [`UpstreamError`] when no document can be had, or it is not this issuer's, or lacks an
    /// endpoint that the gateway needs.
    pub async fn run(&self) -> Result<(), UpstreamError> {
        self.metadata().await.map(|_| ())
    }

    /// Where the authorization server is reached.
    #[must_use]
    pub fn address(&self) -> &Url {
        &self.settings.url
    }

    /// Where tokens are asked about (RFC 7662 section 2).
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

    /// Where the keys are that sign tokens (RFC 7517).
    ///
    /// # Errors
    ///
    /// As [`Discovery::run`].
    pub async fn jwks_uri(&self) -> Result<Url, UpstreamError> {
        if let Endpoint::Configured(url) = &self.settings.jwks {
            return Ok(url.clone());
        }
        let url = self.metadata().await?.jwks.clone();
        url.ok_or_else(|| nonsense("the metadata name no jwks_uri"))
    }

    /// Where people sign in, as browsers see it: the authorization and the token endpoint. Known
    /// once the metadata have been read.
    #[must_use]
    pub fn sign_in(&self) -> Option<(Url, Url)> {
        let (authorization, token) = self.metadata.get()?.sign_in.clone()?;
        Some((
            self.seen_from_outside(authorization),
            self.seen_from_outside(token),
        ))
    }

    /// Read at another address than the issuer's, metadata may name that address (Keycloak's
    /// backchannel does), which browsers cannot reach.
    fn seen_from_outside(&self, url: Url) -> Url {
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
        let answer = self.http.try_json(url, MAX_METADATA_BYTES).await?;
        self.check(&answer)
    }

    /// RFC 8414 section 3.3: metadata of another issuer must not be used.
    fn check(&self, metadata: &StrictObject) -> Result<Metadata, UpstreamError> {
        let issuer = metadata
            .string("issuer")
            .map_err(|wrong| nonsense(&wrong.to_string()))?;
        if issuer.as_ref() != Some(&self.settings.issuer) {
            return Err(nonsense(
                "the metadata are another issuer's than oauth.issuer",
            ));
        }
        let settings = &self.settings;
        Ok(Metadata {
            introspection: self.endpoint(
                metadata,
                "introspection_endpoint",
                &settings.introspection,
            )?,
            jwks: self.endpoint(metadata, "jwks_uri", &settings.jwks)?,
            sign_in: public_endpoint(metadata, "authorization_endpoint")
                .zip(public_endpoint(metadata, "token_endpoint")),
        })
    }

    /// An endpoint that the gateway itself uses, if it needs the metadata for it.
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
            .map_err(|_| nonsense(&format!("the metadata's {member} is no address")))?;
        if !self.settings.allow_http && !is_confidential(&url) {
            return Err(nonsense(&format!("the metadata's {member} is plain http")));
        }
        if !is_confidential(&url) {
            tracing::warn!(endpoint = %url, "oauth.allow_http: what is sent there travels unprotected");
        }
        Ok(Some(url))
    }
}

/// An endpoint that browsers use; one that is not there or no address is none.
fn public_endpoint(metadata: &StrictObject, member: &'static str) -> Option<Url> {
    let url = Url::parse(&metadata.string(member).ok()??).ok()?;
    ["http", "https"].contains(&url.scheme()).then_some(url)
}

/// The addresses to try, best first: `OpenID Connect Discovery 1.0` section 4 appends, RFC 8414
/// section 3 puts the well-known part between host and path.
fn well_known(base: &Url) -> Vec<Url> {
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

/// What went wrong at these addresses, once for those at which the same did.
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
mod tests {
    use super::*;

    #[test]
    fn both_well_known_addresses_are_tried() {
        let urls = well_known(&Url::parse("https://as.example/realms/a/").unwrap());
        assert_eq!(
            urls.iter().map(Url::as_str).collect::<Vec<_>>(),
            [
                "https://as.example/realms/a/.well-known/openid-configuration",
                "https://as.example/.well-known/oauth-authorization-server/realms/a",
            ]
        );
    }

    #[tokio::test]
    async fn browsers_are_sent_to_the_issuers_address() {
        let http = OauthHttp::new(crate::adapters::fixed(None)).unwrap();
        let discovery = Discovery::new(
            http,
            DiscoverySettings {
                issuer: "https://as.example/realms/a".to_owned(),
                url: Url::parse("http://keycloak:8080/realms/a").unwrap(),
                allow_http: true,
                introspection: Endpoint::Discovered,
                jwks: Endpoint::Unused,
            },
        );
        let metadata = StrictObject::from_slice(
            br#"{"issuer":"https://as.example/realms/a",
                "introspection_endpoint":"http://keycloak:8080/realms/a/introspect",
                "authorization_endpoint":"https://as.example/realms/a/auth",
                "token_endpoint":"http://keycloak:8080/realms/a/token"}"#,
        );
        let metadata = discovery.check(&metadata.unwrap()).unwrap();
        discovery.metadata.set(metadata).unwrap();
        let (authorization, token) = discovery.sign_in().unwrap();
        assert_eq!(authorization.as_str(), "https://as.example/realms/a/auth");
        assert_eq!(token.as_str(), "https://as.example/realms/a/token");
        assert_eq!(
            discovery.introspection_endpoint().await.unwrap().as_str(),
            "http://keycloak:8080/realms/a/introspect"
        );
    }

    #[test]
    fn a_whole_address_is_taken_as_it_is() {
        let url = Url::parse("http://keycloak:8080/x/.well-known/openid-configuration").unwrap();
        assert_eq!(well_known(&url), [url]);
    }
}
