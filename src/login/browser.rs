use std::borrow::Cow;
use std::time::Duration;

use openidconnect::core::CoreAuthenticationFlow;
use openidconnect::{
    AuthUrl, AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
};
use url::Url;

use super::callback::{Callback, Expected};
use super::sign_in::{RESOURCE, failure, sender};
use super::start::Start;
use super::{Login, LoginError, SignIn};

/// How long the person may take.
const PATIENCE: Duration = Duration::from_mins(5);
const PATIENCE_IN_WORDS: &str = "5 minutes";

/// A sign-in by authorization code and PKCE (RFC 8252, RFC 7636), while the person is in the browser.
pub struct InBrowser<'a> {
    sign_in: &'a SignIn,
    callback: Callback,
    /// Where the browser goes.
    start: Start,
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

impl SignIn {
    /// Listens for the browser, on a port of the loopback interface.
    ///
    /// # Errors
    ///
    /// [`LoginError`] when the authorization server has no page to sign in, or there is no free port.
    pub async fn in_browser(&self) -> Result<InBrowser<'_>, LoginError> {
        let endpoint = self.server.authorization_endpoint.clone();
        let endpoint = endpoint.ok_or_else(|| self.failed("it has no page to sign in"))?;
        let callback = Callback::listen().await;
        let callback = callback
            .map_err(|error| self.failed(format!("cannot listen on 127.0.0.1: {error}")))?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client()?.set_auth_uri(AuthUrl::from_url(endpoint));
        let redirect = RedirectUrl::from_url(callback.address().clone());
        let request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.scopes.clone())
            .set_pkce_challenge(challenge)
            .set_redirect_uri(Cow::Owned(redirect));
        let request = self.resource.iter().fold(request, |request, resource| {
            request.add_extra_param(RESOURCE, resource.as_str())
        });
        let (url, state, nonce) = request.url();
        Ok(InBrowser {
            sign_in: self,
            callback,
            start: Start::new(url),
            state,
            nonce,
            verifier,
        })
    }
}

impl InBrowser<'_> {
    /// The page on which the person signs in.
    #[must_use]
    pub fn url(&self) -> &Url {
        self.start.target()
    }

    /// A link to that page for the arguments of a browser's process: it works once.
    #[must_use]
    pub fn link_to_open(&self) -> Url {
        let mut link = self.callback.address().clone();
        link.set_path(self.start.path());
        link
    }

    /// Waits for the person, and gets the tokens.
    ///
    /// # Errors
    ///
    /// [`LoginError`] when the person takes too long, or the authorization server refuses.
    pub async fn finish(self) -> Result<Login, LoginError> {
        let Self {
            sign_in,
            callback,
            start,
            state,
            nonce,
            verifier,
        } = self;
        let redirect = RedirectUrl::from_url(callback.address().clone());
        let expected = Expected {
            start,
            state: state.secret().clone(),
            issuer: sign_in.server.issuer.clone(),
            needs_issuer: sign_in
                .server
                .authorization_response_iss_parameter_supported,
        };
        let waiting = tokio::time::timeout(PATIENCE, callback.answer(expected)).await;
        let code = waiting.map_err(|_| LoginError::TooLate(PATIENCE_IN_WORDS))??;
        let client = sign_in.client()?;
        let send = sender(&sign_in.http);
        let request = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(verifier)
            .set_redirect_uri(Cow::Owned(redirect));
        let request = sign_in.resource.iter().fold(request, |request, resource| {
            request.add_extra_param(RESOURCE, resource.as_str())
        });
        let answer = request
            .request_async(&send)
            .await
            .map_err(|error| failure(&sign_in.server.issuer, &error))?;
        sign_in.login(&answer, Some(&nonce)).await
    }
}
