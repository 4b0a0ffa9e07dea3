use openidconnect::core::{CoreClient, CoreErrorResponseType};
use openidconnect::{
    AuthType, ClientId, IssuerUrl, JsonWebKeySet, RefreshToken, RequestTokenError, TokenUrl,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::adapters::SystemClock;
use crate::service::Clock as _;

use super::sign_in::{RESOURCE, failure, sender};
use super::tokens::Granted;
use super::{Http, Login, LoginError, LoginFile};

/// An access token of the sign-in, refreshed if it is about to expire, or if it is the one that a gateway
/// has `refused`.
///
/// Refresh tokens are good once. So one process at a time refreshes, and another that has waited for it
/// uses what it got.
///
/// # Errors
///
/// [`LoginError::NotSignedIn`], [`LoginError::Ended`] when the authorization server no longer takes the
/// refresh token; others leave the file as it is.
pub async fn fresh_token(
    file: &LoginFile,
    http: &Http,
    refused: Option<&SecretString>,
) -> Result<SecretString, LoginError> {
    let is_good = |granted: &Granted| {
        granted.is_fresh(SystemClock.now()) && refused.is_none_or(|refused| !granted.has(refused))
    };
    let login = file.read()?.ok_or_else(|| file.not_signed_in())?;
    if is_good(&login.granted) {
        return Ok(login.granted.access_token);
    }
    let locked = file.lock().await?;
    let login = locked.read()?.ok_or_else(|| file.not_signed_in())?;
    if is_good(&login.granted) {
        return Ok(login.granted.access_token);
    }
    // The next refresh token must not be lost: this fails where it could not be kept.
    locked.write(&login)?;
    let granted = refresh(&login, http).await?;
    let login = Login { granted, ..login };
    locked.write(&login)?;
    Ok(login.granted.access_token)
}

async fn refresh(login: &Login, http: &Http) -> Result<Granted, LoginError> {
    let ended = || LoginError::Ended(login.gateway.clone());
    let refresh_token = login.granted.refresh_token.as_ref().ok_or_else(ended)?;
    let issuer = IssuerUrl::new(login.issuer.clone());
    let issuer = issuer.map_err(|_| LoginError::server(&login.issuer, "is not a URL"))?;
    let client_id = ClientId::new(login.client_id.clone());
    let client = CoreClient::new(client_id, issuer, JsonWebKeySet::new(Vec::new()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(TokenUrl::from_url(login.token_endpoint.clone()));
    let send = sender(http);
    let token = RefreshToken::new(refresh_token.expose_secret().to_owned());
    let request = client.exchange_refresh_token(&token);
    let request = login.resource.iter().fold(request, |request, resource| {
        request.add_extra_param(RESOURCE, resource.as_str())
    });
    let answer = request
        .request_async(&send)
        .await
        .map_err(|error| match &error {
            RequestTokenError::ServerResponse(refused)
                if *refused.error() == CoreErrorResponseType::InvalidGrant =>
            {
                ended()
            }
            _ => failure(&login.issuer, &error),
        })?;
    let granted = Granted::of(&answer, SystemClock.now());
    Ok(Granted {
        // A server that does not rotate refresh tokens sends none (RFC 6749 section 6).
        refresh_token: granted
            .refresh_token
            .or_else(|| Some(refresh_token.clone())),
        ..granted
    })
}
