use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenResponse, CoreTokenType,
};
use openidconnect::http::StatusCode;
use openidconnect::{
    AccessToken as Token, Client, ClientId, EmptyAdditionalClaims, EndpointNotSet, EndpointSet,
    HttpResponse, IntrospectionUrl, IssuerUrl, JsonWebKeySet, RequestTokenError, Scope,
    StandardErrorResponse, TokenIntrospectionResponse,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::adapters::Upstream;
use crate::adapters::strict_json::{StrictObject, WrongMember};
use crate::domain::{AccessToken, UnverifiedClaims};
use crate::service::{Clock, Introspection, Randomness, UpstreamError, UpstreamErrorKind};

use super::claims::{claims, memberships};
use super::client_authentication::ClientAuthentication;
use super::{Discovery, OauthHttp};

/// The longest answer read, in bytes (docs/call.md).
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// RFC 7523 section 2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Introspects tokens (RFC 7662) at the authorization server.
pub struct IntrospectionClient {
    http: OauthHttp,
    discovery: Arc<Discovery>,
    settings: IntrospectionSettings,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
}

/// The gateway's client at the authorization server.
#[derive(Clone, Debug)]
pub struct IntrospectionSettings {
    /// The authorization server's issuer.
    pub issuer: String,
    /// The client's id.
    pub client_id: String,
    /// How the client authenticates.
    pub authentication: ClientAuthentication,
    /// The claim that lists workspaces (`workspaces.membership_claim`).
    pub membership_claim: Option<String>,
}

type OidcClient = Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    CoreTokenResponse,
    IntrospectionAnswer,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
>;

type RequestError = RequestTokenError<UpstreamError, StandardErrorResponse<CoreErrorResponseType>>;

/// The answer, parsed strictly: `openidconnect`'s own type takes the last of two equal members.
#[derive(Debug)]
struct IntrospectionAnswer {
    object: StrictObject,
    claims: UnverifiedClaims,
}

impl IntrospectionClient {
    /// Sets the client up without sending a request.
    #[must_use]
    pub fn new(
        http: OauthHttp,
        discovery: Arc<Discovery>,
        settings: IntrospectionSettings,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        Self {
            http: http.to(Upstream::Introspection),
            discovery,
            settings,
            clock,
            randomness,
        }
    }

    /// A new client for each request, because the endpoint may become known and the secret may change.
    async fn client(&self) -> Result<OidcClient, UpstreamError> {
        let endpoint = self.discovery.introspection_endpoint().await?;
        let issuer = IssuerUrl::new(self.settings.issuer.clone()).map_err(|_| {
            UpstreamError::new(UpstreamErrorKind::Nonsense, "oauth.issuer is not a URL")
        })?;
        let client_id = ClientId::new(self.settings.client_id.clone());
        let client = Client::new(client_id, issuer, JsonWebKeySet::default())
            .set_auth_type(self.settings.authentication.auth_type())
            .set_introspection_url(IntrospectionUrl::from_url(endpoint));
        Ok(match self.settings.authentication.secret() {
            Some(secret) => client.set_client_secret(secret),
            None => client,
        })
    }

    /// The client assertion (RFC 7523 section 2.2), if the gateway authenticates with one.
    fn assertion(&self) -> Result<Option<String>, UpstreamError> {
        let ClientAuthentication::PrivateKeyJwt(key) = &self.settings.authentication else {
            return Ok(None);
        };
        let (id, audience) = (&self.settings.client_id, &self.settings.issuer);
        let assertion = key.assertion(id, audience, self.clock.now(), self.randomness.bits());
        assertion.map(Some).map_err(|error| {
            let cause = format!("oauth.client_private_key: {error}");
            UpstreamError::new(UpstreamErrorKind::Refused, cause)
        })
    }
}

#[async_trait]
impl Introspection for IntrospectionClient {
    async fn introspect(
        &self,
        token: &AccessToken,
    ) -> Result<Arc<UnverifiedClaims>, UpstreamError> {
        let client = self.client().await?;
        let token = Token::new(token.expose().to_owned());
        let http = |request| {
            let http = self.http.clone();
            async move { check(http.send(request, MAX_ANSWER_BYTES).await?) }
        };
        let mut request = client
            .introspect(&token)
            .set_token_type_hint("access_token");
        if let Some(assertion) = self.assertion()? {
            request = request
                .add_extra_param("client_assertion_type", ASSERTION_TYPE)
                .add_extra_param("client_assertion", assertion);
        }
        let answer = request.request_async(&http).await.map_err(request_error)?;
        let claim = self.settings.membership_claim.as_deref();
        let memberships = memberships(&answer.object, claim).map_err(|error| {
            let cause = format!("cannot parse the introspection answer: {error}");
            UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
        })?;
        Ok(Arc::new(UnverifiedClaims {
            memberships,
            ..answer.claims
        }))
    }
}

/// Describes an error in our own words. [`check`] passes strict JSON objects only, so the remaining
/// errors are a member's type and the media type.
fn request_error(error: RequestError) -> UpstreamError {
    let cause = match error {
        RequestTokenError::Request(failure) => return failure,
        RequestTokenError::Parse(error, _) => {
            format!("cannot parse the introspection answer: {}", error.inner())
        }
        RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
            "the introspection answer has an unexpected media type".to_owned()
        }
    };
    UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
}

/// Rejects what `openidconnect` would not: it ignores bytes after the JSON value, and quotes an error
/// answer that it cannot parse.
fn check(answer: HttpResponse) -> Result<HttpResponse, UpstreamError> {
    let status = answer.status();
    if status != StatusCode::OK {
        // 401 means that the gateway's client is not accepted, not the caller's token.
        let kind = match status.as_u16() {
            400 | 401 | 403 => UpstreamErrorKind::Refused,
            429 | 500.. => UpstreamErrorKind::Unreachable,
            _ => UpstreamErrorKind::Nonsense,
        };
        let cause = format!("introspection: HTTP {}", status.as_u16());
        return Err(UpstreamError::new(kind, cause));
    }
    StrictObject::from_slice(answer.body()).map_err(|error| {
        let cause = format!("cannot parse the introspection answer: {error}");
        UpstreamError::new(UpstreamErrorKind::Nonsense, cause)
    })?;
    Ok(answer)
}

fn parse(answer: &StrictObject) -> Result<UnverifiedClaims, WrongMember> {
    Ok(UnverifiedClaims {
        active: answer.required_bool("active")?,
        ..claims(answer)?
    })
}

impl<'de> Deserialize<'de> for IntrospectionAnswer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = StrictObject::deserialize(deserializer)?;
        let claims = parse(&object).map_err(serde::de::Error::custom)?;
        Ok(Self { object, claims })
    }
}

impl Serialize for IntrospectionAnswer {
    /// `openidconnect`'s trait requires this method; nothing calls it, because answers are never written.
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(
            "introspection answers are not written",
        ))
    }
}

/// The members that `openidconnect` knows. The gateway uses [`UnverifiedClaims`], which has more.
impl TokenIntrospectionResponse for IntrospectionAnswer {
    type TokenType = CoreTokenType;

    fn active(&self) -> bool {
        self.claims.active
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }

    fn client_id(&self) -> Option<&ClientId> {
        None
    }

    fn username(&self) -> Option<&str> {
        None
    }

    fn token_type(&self) -> Option<&CoreTokenType> {
        None
    }

    fn exp(&self) -> Option<DateTime<Utc>> {
        self.claims.exp
    }

    fn iat(&self) -> Option<DateTime<Utc>> {
        None
    }

    fn nbf(&self) -> Option<DateTime<Utc>> {
        self.claims.nbf
    }

    fn sub(&self) -> Option<&str> {
        self.claims.sub.as_deref()
    }

    fn aud(&self) -> Option<&Vec<String>> {
        self.claims.aud.as_ref().map(|aud| &aud.0)
    }

    fn iss(&self) -> Option<&str> {
        self.claims.iss.as_deref()
    }

    fn jti(&self) -> Option<&str> {
        None
    }
}
