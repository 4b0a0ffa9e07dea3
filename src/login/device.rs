use std::time::Duration;

use futures_util::future::BoxFuture;
use openidconnect::core::CoreDeviceAuthorizationResponse;
use openidconnect::http::StatusCode;
use openidconnect::{
    DeviceAuthorizationUrl, DeviceCodeErrorResponseType, HttpRequest, HttpResponse,
    PkceCodeChallenge, PkceCodeVerifier, RequestTokenError,
};
use serde_json::{Map, Value};

use super::http::HttpError;
use super::sign_in::{RESOURCE, failure, sender};
use super::{Http, Login, LoginError, SignIn};

/// The least seconds between two questions: RFC 8628 allows none.
const MIN_INTERVAL: u64 = 1;

/// The longest time between two questions after failures, unless the server asks for a longer one.
const MAX_BACKOFF: Duration = Duration::from_mins(1);

/// The longest time that the person may take.
const PATIENCE: Duration = Duration::from_mins(30);

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
        let request = client
            .exchange_device_code()
            .add_extra_param("code_challenge", challenge.as_str())
            .add_extra_param("code_challenge_method", challenge.method().as_str())
            .add_scopes(self.scopes.clone());
        let request = self.resource.iter().fold(request, |request, resource| {
            request.add_extra_param(RESOURCE, resource.as_str())
        });
        let code = request
            .request_async(&send)
            .await
            .map_err(|error| failure(&self.server.issuer, &error))?;
        let code = with_an_interval(&code);
        Ok(OnDevice {
            sign_in: self,
            code: code.ok_or_else(|| self.failed("the device code cannot be read"))?,
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
        let request = client
            .exchange_device_access_token(&code)
            .add_extra_param("code_verifier", verifier.secret().as_str())
            .set_max_backoff_interval(code.interval().max(MAX_BACKOFF));
        let request = sign_in.resource.iter().fold(request, |request, resource| {
            request.add_extra_param(RESOURCE, resource.as_str())
        });
        let life = code.expires_in().min(PATIENCE);
        let send = patient_sender(&sign_in.http);
        let asking = request.request_async(&send, tokio::time::sleep, Some(life));
        // Clocks can be set, and an interval can be longer than the life.
        let answer = tokio::time::timeout(life, asking).await;
        let answer = answer
            .map_err(|_| too_late())?
            .map_err(|error| match &error {
                RequestTokenError::ServerResponse(refused)
                    if *refused.error() == DeviceCodeErrorResponseType::ExpiredToken =>
                {
                    too_late()
                }
                _ => failure(&sign_in.server.issuer, &error),
            })?;
        sign_in.login(&answer, None).await
    }
}

fn too_late() -> LoginError {
    LoginError::TooLate("the life of the code")
}

/// The same code, with an interval that is none of zero: doubling it after a failure would not help.
fn with_an_interval(
    code: &CoreDeviceAuthorizationResponse,
) -> Option<CoreDeviceAuthorizationResponse> {
    let mut text = serde_json::to_value(code).ok()?;
    let interval = code.interval().as_secs().max(MIN_INTERVAL);
    text.as_object_mut()?
        .insert("interval".to_owned(), interval.into());
    serde_json::from_value(text).ok()
}

/// A failure of the server, or a page of a proxy that stands for one, says nothing about the sign-in. It counts
/// as no answer, after which the client asks again, more slowly each time (RFC 8628 section 3.5).
fn patient_sender(
    http: &Http,
) -> impl Fn(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, HttpError>> + use<> {
    let send = sender(http);
    move |request| {
        let sending = send(request);
        Box::pin(async move {
            let answer = sending.await?;
            let is_json = serde_json::from_slice::<Map<String, Value>>(answer.body()).is_ok();
            let status = answer.status();
            let passes = status.is_success() || status == StatusCode::TOO_MANY_REQUESTS;
            if status.is_server_error() || (passes && !is_json) {
                return Err(HttpError::NoAnswer);
            }
            Ok(answer)
        })
    }
}
