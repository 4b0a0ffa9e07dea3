use serde::Deserialize;
use url::Url;

use crate::adapters::oauth::well_known;

use super::{Gateway, Http, LoginError};

/// An authorization server, as its metadata describe it (RFC 8414 section 2).
#[derive(Clone, Debug, Deserialize)]
pub struct AuthorizationServer {
    pub(super) issuer: String,
    pub(super) token_endpoint: Url,
    pub(super) authorization_endpoint: Option<Url>,
    /// RFC 8628 section 4.
    pub(super) device_authorization_endpoint: Option<Url>,
    pub(super) revocation_endpoint: Option<Url>,
    pub(super) jwks_uri: Option<Url>,
    #[serde(default)]
    scopes_supported: Vec<String>,
    /// RFC 9728 section 4.
    #[serde(default)]
    protected_resources: Vec<String>,
    /// RFC 9207 section 3.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AuthorizationServer {
    /// Reads the metadata by `OpenID Connect Discovery 1.0`, or else by RFC 8414. They must be this
    /// issuer's.
    pub(super) async fn discover(
        issuer: &str,
        gateway: &Gateway,
        http: &Http,
    ) -> Result<Self, LoginError> {
        let failed = |what: String| LoginError::server(issuer, what);
        let url = Url::parse(issuer).map_err(|_| failed("is not a URL".to_owned()))?;
        if !gateway.may_use(&url) {
            return Err(failed(
                "is plain http: tokens would travel unprotected".to_owned(),
            ));
        }
        let mut failures = Vec::new();
        for address in well_known(&url) {
            match http.get_json::<Self>(&address).await {
                Ok(server) if server.issuer == issuer => return server.checked(gateway),
                Ok(_) => failures.push(format!("{address}: belongs to another issuer")),
                Err(error) => failures.push(format!("{address}: {error}")),
            }
        }
        Err(failed(format!("no metadata: {}", failures.join("; "))))
    }

    pub(super) fn supports_scope(&self, scope: &str) -> bool {
        self.scopes_supported.iter().any(|known| known == scope)
    }

    /// Whether it knows this protected resource by its identifier.
    pub(super) fn knows(&self, resource: &str) -> bool {
        self.protected_resources
            .iter()
            .any(|known| known == resource)
    }

    fn checked(self, gateway: &Gateway) -> Result<Self, LoginError> {
        if let Some(exposed) = self.endpoints().find(|endpoint| !gateway.may_use(endpoint)) {
            let what = format!("{exposed}: is plain http: tokens would travel unprotected");
            return Err(LoginError::server(&self.issuer, what));
        }
        Ok(self)
    }

    fn endpoints(&self) -> impl Iterator<Item = &Url> {
        let optional = [
            &self.authorization_endpoint,
            &self.device_authorization_endpoint,
            &self.revocation_endpoint,
            &self.jwks_uri,
        ];
        let optional = optional.into_iter().filter_map(Option::as_ref);
        optional.chain([&self.token_endpoint])
    }
}
