use openidconnect::core::CoreDeviceAuthorizationResponse;
use openidconnect::{
    DeviceAuthorizationUrl, DeviceCodeErrorResponseType, PkceCodeChallenge, PkceCodeVerifier,
    RequestTokenError,
};

use super::sign_in::{failure, sender};
use super::{Login, LoginError, SignIn};

/// A sign-in by device code (RFC 8628), while the person is at another device.
pub struct OnDevice<'a> {
    sign_in: &'a SignIn,
    code: CoreDeviceAuthorizationResponse,
    verifier: PkceCodeVerifier,
}

impl SignIn {
    /// Asks for a code that the person types elsewhere.
    ///
    /// # Errors
    ///
    /// [`LoginError`] when the authorization server has no such codes, or refuses.
    pub async fn on_device(&self) -> Result<OnDevice<'_>, LoginError> {
        let endpoint = self.server.device_authorization_endpoint.clone();
        let endpoint = endpoint.ok_or_else(|| self.failed("it has no sign-in by device code"))?;
        let endpoint = DeviceAuthorizationUrl::from_url(endpoint);
        let client = self.client()?.set_device_authorization_url(endpoint);
        // RFC 8628 has no PKCE, and other servers ignore it. Keycloak requires it of a client that must use
        // it in the browser.
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let send = sender(&self.http);
        let code = client
            .exchange_device_code()
            .add_extra_param("code_challenge", challenge.as_str())
            .add_extra_param("code_challenge_method", challenge.method().as_str())
            .add_scopes(self.scopes.clone())
            .request_async(&send)
            .await
            .map_err(|error| failure(&self.server.issuer, &error))?;
        Ok(OnDevice {
            sign_in: self,
            code,
            verifier,
        })
    }
}

impl OnDevice<'_> {
    /// The page on which the person types the code.
    #[must_use]
    pub fn page(&self) -> &str {
        self.code.verification_uri().as_str()
    }

    /// The same with the code in it, if the authorization server has that.
    #[must_use]
    pub fn page_with_code(&self) -> Option<&str> {
        let uri = self.code.verification_uri_complete();
        uri.map(|uri| uri.secret().as_str())
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.code.user_code().secret()
    }

    /// Waits for the person, and gets the tokens.
    ///
    /// # Errors
    ///
    /// [`LoginError`] when the code expires, or the authorization server or the person refuses.
    pub async fn finish(self) -> Result<Login, LoginError> {
        let Self {
            sign_in,
            code,
            verifier,
        } = self;
        let client = sign_in.client()?;
        let send = sender(&sign_in.http);
        let answer = client
            .exchange_device_access_token(&code)
            .add_extra_param("code_verifier", verifier.secret().as_str())
            .request_async(&send, tokio::time::sleep, None)
            .await
            .map_err(|error| match &error {
                RequestTokenError::ServerResponse(refused)
                    if *refused.error() == DeviceCodeErrorResponseType::ExpiredToken =>
                {
                    LoginError::TooLate("the life of the code")
                }
                _ => failure(&sign_in.server.issuer, &error),
            })?;
        sign_in.login(&answer, None).await
    }
}
