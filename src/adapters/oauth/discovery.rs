use openidconnect::http::{Method, StatusCode};
use tokio::sync::OnceCell;
use url::Url;

use crate::service::{FailureKind, UpstreamFailure};

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
    introspection_endpoint: OnceCell<Url>,
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
    /// Makes discovery needless.
    pub introspection_endpoint: Option<Url>,
}

impl Discovery {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(http: OauthHttp, settings: DiscoverySettings) -> Self {
        let configured = settings.introspection_endpoint.clone();
        Self {
            http,
            settings,
            introspection_endpoint: OnceCell::new_with(configured),
        }
    }

    /// Whether the metadata have been read, or need not be.
    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        self.introspection_endpoint.initialized()
    }

    /// Where tokens are asked about (RFC 7662 section 2).
    ///
    /// # Errors
    ///
    /// [`UpstreamFailure`] when no document can be had, or it is not this issuer's, or names no
    /// endpoint that the gateway may use.
    pub async fn introspection_endpoint(&self) -> Result<&Url, UpstreamFailure> {
        self.introspection_endpoint
            .get_or_try_init(|| self.discover())
            .await
    }

    async fn discover(&self) -> Result<Url, UpstreamFailure> {
        let mut failure = nonsense("discovery_url cannot hold a path");
        for url in well_known(&self.settings.url) {
            match self.read(&url).await {
                Ok(endpoint) => return Ok(endpoint),
                Err(this) => failure = this,
            }
        }
        Err(failure)
    }

    async fn read(&self, url: &Url) -> Result<Url, UpstreamFailure> {
        let request = openidconnect::http::Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .header("accept", "application/json")
            .body(Vec::new())
            .map_err(|_| nonsense("discovery_url is no address"))?;
        let answer = self.http.send(request, MAX_METADATA_BYTES).await?;
        if answer.status() != StatusCode::OK {
            let cause = format!("metadata at {url} answer {}", answer.status());
            return Err(UpstreamFailure::new(FailureKind::Unreachable, cause));
        }
        self.check(answer.body())
    }

    /// RFC 8414 section 3.3: metadata of another issuer must not be used.
    fn check(&self, body: &[u8]) -> Result<Url, UpstreamFailure> {
        let metadata = StrictObject::from_slice(body)
            .map_err(|_| nonsense("the metadata are no JSON object"))?;
        let string = |member| {
            metadata
                .string(member)
                .map_err(|wrong| nonsense(&wrong.to_string()))
        };
        if string("issuer")?.as_ref() != Some(&self.settings.issuer) {
            return Err(nonsense(
                "the metadata are another issuer's than oauth.issuer",
            ));
        }
        let endpoint = string("introspection_endpoint")?
            .ok_or_else(|| nonsense("the metadata name no introspection_endpoint"))?;
        let endpoint = Url::parse(&endpoint)
            .map_err(|_| nonsense("the metadata's introspection_endpoint is no address"))?;
        if !self.settings.allow_http && !is_confidential(&endpoint) {
            return Err(nonsense(
                "the metadata's introspection_endpoint is plain http",
            ));
        }
        Ok(endpoint)
    }
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

fn nonsense(cause: &str) -> UpstreamFailure {
    UpstreamFailure::new(FailureKind::Nonsense, cause)
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

    #[test]
    fn a_whole_address_is_taken_as_it_is() {
        let url = Url::parse("http://keycloak:8080/x/.well-known/openid-configuration").unwrap();
        assert_eq!(well_known(&url), [url]);
    }
}
