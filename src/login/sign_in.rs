use std::fmt::Display;

use openidconnect::core::{CoreClient, CoreJsonWebKeySet, CoreTokenResponse};
use openidconnect::{
    AuthType, ClientId, EndpointNotSet, EndpointSet, ErrorResponseType, HttpRequest, HttpResponse,
    IssuerUrl, JsonWebKeySet, JsonWebKeySetUrl, Nonce, OAuth2TokenResponse as _, RequestTokenError,
    Scope, StandardErrorResponse, TokenResponse as _, TokenUrl,
};

use crate::adapters::SystemClock;
use crate::service::Clock as _;

use super::http::HttpError;
use super::tokens::Granted;
use super::{AuthorizationServer, Gateway, Http, Login, LoginError, Person, revoke};

/// The scope of `OpenID Connect Core 1.0`, by which the answer says who signed in.
const OPENID: &str = "openid";

/// The scope for refresh tokens that outlive the browser's session (`OpenID Connect Core 1.0` section 11).
const OFFLINE_ACCESS: &str = "offline_access";

/// The parameter of RFC 8707 that says what the tokens are for.
pub(super) const RESOURCE: &str = "resource";

/// A client with a token endpoint.
pub(super) type Client =
    CoreClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// All that is known before a person signs in: where, as which client, for which scopes.
pub struct SignIn {
    pub(super) http: Http,
    pub(super) server: AuthorizationServer,
    /// Without `openid`, which the client adds itself.
    pub(super) scopes: Vec<Scope>,
    /// What the tokens are for (RFC 8707), if the authorization server says that it knows it: some refuse
    /// a resource that they do not know.
    pub(super) resource: Option<String>,
    gateway: Gateway,
    client_id: String,
}

impl SignIn {
    /// Asks the gateway whose tokens it takes, and that authorization server for its endpoints.
    /// `client_id` goes before the client that the gateway names.
    ///
    /// # Errors
    ///
    /// [`LoginError`] when one of them cannot be asked, or the gateway names no client.
    pub async fn prepare(
        gateway: Gateway,
        client_id: Option<String>,
        http: Http,
    ) -> Result<Self, LoginError> {
        let metadata = gateway.metadata(&http).await?;
        let issuer = metadata.authorization_servers.first();
        let issuer = issuer.ok_or_else(|| gateway.failed("it names no authorization server"))?;
        let client_id = client_id.or(metadata.login_client_id).ok_or_else(|| {
            gateway.failed(
                "it names no client to sign in as: add --client-id, or ask its operator to set \
                 http.login_client_id",
            )
        })?;
        let server = AuthorizationServer::discover(issuer, &gateway, &http).await?;
        let resource = Some(metadata.resource).filter(|resource| server.knows(resource));
        let mut scopes = metadata.scopes_supported;
        if server.supports_scope(OFFLINE_ACCESS) {
            scopes.push(OFFLINE_ACCESS.to_owned());
        }
        Ok(Self {
            http,
            scopes: scopes.into_iter().map(Scope::new).collect(),
            server,
            resource,
            gateway,
            client_id,
        })
    }

    /// The authorization server, which the gateway names.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.server.issuer
    }

    /// As which client the person signs in.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// What the tokens will be good for.
    #[must_use]
    pub fn scopes(&self) -> String {
        let scopes: Vec<&str> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        scopes.join(" ")
    }

    /// Whether this login came from the same authorization server through the same client.
    #[must_use]
    pub fn is_like(&self, login: &Login) -> bool {
        login.issuer == self.server.issuer && login.client_id == self.client_id
    }

    /// Whether the authorization server lets devices sign in (RFC 8628).
    #[must_use]
    pub fn supports_devices(&self) -> bool {
        self.server.device_authorization_endpoint.is_some()
    }

    /// For a person or a client that may not have it: some authorization servers refuse the whole sign-in
    /// then.
    pub fn leave_out_offline_access(&mut self) {
        self.scopes.retain(|scope| scope.as_str() != OFFLINE_ACCESS);
    }

    /// The client, without keys: it needs them only to read an ID token.
    pub(super) fn client(&self) -> Result<Client, LoginError> {
        let keys = JsonWebKeySet::new(Vec::new());
        self.client_with(keys)
    }

    fn client_with(&self, keys: CoreJsonWebKeySet) -> Result<Client, LoginError> {
        let issuer = IssuerUrl::new(self.server.issuer.clone());
        let issuer = issuer.map_err(|_| self.failed("is not a URL"))?;
        let token_url = TokenUrl::from_url(self.server.token_endpoint.clone());
        let client = CoreClient::new(ClientId::new(self.client_id.clone()), issuer, keys)
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(token_url);
        if self.server.supports_scope(OPENID) {
            return Ok(client);
        }
        Ok(client.disable_openid_scope())
    }

    /// What to keep of the answer of the token endpoint.
    pub(super) async fn login(
        &self,
        answer: &CoreTokenResponse,
        nonce: Option<&Nonce>,
    ) -> Result<Login, LoginError> {
        let mut login = Login {
            gateway: self.gateway.to_string(),
            issuer: self.server.issuer.clone(),
            client_id: self.client_id.clone(),
            resource: self.resource.clone(),
            token_endpoint: self.server.token_endpoint.clone(),
            revocation_endpoint: self.server.revocation_endpoint.clone(),
            person: Person::default(),
            granted: Granted::of(answer, SystemClock.now()),
        };
        match self.person(answer, nonce).await {
            Ok(person) => {
                login.person = person;
                Ok(login)
            }
            Err(error) => {
                // Nobody will use them.
                let _ = revoke(&login, &self.http).await;
                Err(error)
            }
        }
    }

    async fn person(
        &self,
        answer: &CoreTokenResponse,
        nonce: Option<&Nonce>,
    ) -> Result<Person, LoginError> {
        let Some(id_token) = answer.id_token() else {
            return Ok(Person::of_access_token(answer.access_token().secret()));
        };
        let client = self.client_with(self.keys().await?)?;
        Person::of_id_token(id_token, &client, nonce)
            .map_err(|what| self.failed(format!("the ID token is not valid: {what}")))
    }

    async fn keys(&self) -> Result<CoreJsonWebKeySet, LoginError> {
        let url = self.server.jwks_uri.clone();
        let url = url.ok_or_else(|| self.failed("the metadata name no jwks_uri"))?;
        let send = sender(&self.http);
        let fetching = JsonWebKeySet::fetch_async(&JsonWebKeySetUrl::from_url(url), &send).await;
        fetching.map_err(|_| self.failed("its keys cannot be read"))
    }

    pub(super) fn failed(&self, what: impl Display) -> LoginError {
        LoginError::server(&self.server.issuer, what)
    }
}

/// As openidconnect's clients send requests.
pub(super) fn sender(
    http: &Http,
) -> impl Fn(HttpRequest) -> futures_util::future::BoxFuture<'static, Result<HttpResponse, HttpError>>
+ use<> {
    let http = http.clone();
    move |request| Box::pin(http.clone().send(request))
}

/// A failed request, as the person is told of it: the code of OAuth's error, and no text of the server's.
pub(super) fn failure<T>(
    issuer: &str,
    error: &RequestTokenError<HttpError, StandardErrorResponse<T>>,
) -> LoginError
where
    T: ErrorResponseType + Display,
{
    match error {
        RequestTokenError::ServerResponse(refused) => {
            LoginError::refused(issuer, &refused.error().to_string())
        }
        RequestTokenError::Request(error) => LoginError::server(issuer, error),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            LoginError::server(issuer, "the answer is not what it must be")
        }
    }
}
