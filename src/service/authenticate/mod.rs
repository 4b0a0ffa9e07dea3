//! The use case "authenticate": who is asking.

mod api_key;
mod genuine_api_keys;
mod token;

use std::net::IpAddr;

use crate::domain::{AccessToken, ApiKey, Caller, Scope};

use super::step::{step, traced};
use super::{Deadline, Refusal};

pub use api_key::AuthenticateApiKey;
pub use genuine_api_keys::GenuineApiKeys;
pub use token::{AuthenticateToken, NamedIssuer, OauthTokens, TokenValidation};

/// The use case "authenticate": from a [`Credential`] to a [`Caller`].
pub struct Authenticate {
    tokens: AuthenticateToken,
    api_keys: AuthenticateApiKey,
}

/// What a request presents to prove who is asking.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An OAuth access token.
    Token(AccessToken),
    /// An API key of an organisation.
    ApiKey(ApiKey),
}

impl Authenticate {
    /// Makes the use case.
    #[must_use]
    pub fn new(tokens: AuthenticateToken, api_keys: AuthenticateApiKey) -> Self {
        Self { tokens, api_keys }
    }

    /// Finds out who is asking. A token must also hold the scope: the route's, or else the one that is
    /// configured for its issuer. Calls with API keys that are not known
    /// to be genuine count by the client's network.
    ///
    /// # Errors
    ///
    /// [`Refusal::Token`] or [`Refusal::ApiKey`] when the credential is refused,
    /// [`Refusal::AuthorizationServer`], [`Refusal::AuthorizationServerBusy`] or
    /// [`Refusal::Internal`] when it cannot be checked, [`Refusal::RateLimited`] when too many unknown
    /// API keys come from the network.
    pub async fn authenticate(
        &self,
        credential: &Credential,
        scope: Option<&Scope>,
        address: Option<IpAddr>,
        deadline: Deadline,
    ) -> Result<Caller, Refusal> {
        let authenticating = async {
            match credential {
                Credential::Token(token) => {
                    let caller = self.tokens.authenticate(token, scope, deadline).await?;
                    Ok(Caller::Token(caller))
                }
                Credential::ApiKey(key) => {
                    let caller = self.api_keys.authenticate(key, address, deadline).await?;
                    Ok(Caller::ApiKey(caller))
                }
            }
        };
        traced(step!("authenticate"), authenticating).await
    }
}
