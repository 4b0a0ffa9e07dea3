//! Who is asking.

mod api_key;
mod genuine_api_keys;
mod token;

use std::net::IpAddr;

use crate::domain::{AccessToken, ApiKey, Caller, Scope};

use super::{Deadline, Refusal};

pub use api_key::AuthenticateApiKey;
pub use genuine_api_keys::GenuineApiKeys;
pub use token::{AuthenticateToken, TokenValidation};

/// The use case "who is asking": from a [`Credential`] to a [`Caller`].
pub struct Authenticate {
    tokens: AuthenticateToken,
    api_keys: AuthenticateApiKey,
}

/// What somebody presents.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An OAuth access token.
    Token(AccessToken),
    /// A key of an organisation's.
    ApiKey(ApiKey),
}

impl Authenticate {
    /// Puts the use case together.
    #[must_use]
    pub fn new(tokens: AuthenticateToken, api_keys: AuthenticateApiKey) -> Self {
        Self { tokens, api_keys }
    }

    /// Finds out what the credential stands for and checks it; a token must also hold the scope.
    /// API keys that are not known to be genuine are counted by the client's address.
    ///
    /// # Errors
    ///
    /// [`Refusal::Token`] or [`Refusal::ApiKey`] when the credential opens nothing,
    /// [`Refusal::AuthorizationServer`], [`Refusal::AuthorizationServerBusy`] or
    /// [`Refusal::Internal`] when nobody can tell, [`Refusal::RateLimited`] when too many unknown
    /// API keys come from the address.
    pub async fn authenticate(
        &self,
        credential: &Credential,
        scope: &Scope,
        address: Option<IpAddr>,
        deadline: Deadline,
    ) -> Result<Caller, Refusal> {
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
    }
}
