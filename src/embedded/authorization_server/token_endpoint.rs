//! `POST /token`: exchanges a code, a refresh token or a device code for an access token (RFC 6749
//! sections 4.1.3 and 6, RFC 8628 section 3.4).

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::devices::Polled;
use super::grants::Consent;
use super::state::State;
use super::tokens::{access_token, id_token};

/// RFC 8628 section 3.4.
pub(super) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Seconds.
const ACCESS_TOKEN_LIFETIME: i64 = 600;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenRequest {
    grant_type: String,
    client_id: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    refresh_token: String,
    device_code: String,
}

/// RFC 6749 section 5.1.
#[derive(Serialize)]
struct TokenResponse {
    access_token: String,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    refresh_token: String,
    scope: String,
    token_type: &'static str,
}

pub(super) async fn token(
    request: web::Form<TokenRequest>,
    state: web::Data<State>,
) -> HttpResponse {
    let (grants, client_id) = (&state.grants, &request.client_id);
    let consent = match request.grant_type.as_str() {
        "authorization_code" => {
            let (code, redirect_uri) = (&request.code, &request.redirect_uri);
            let verifier = &request.code_verifier;
            grants
                .redeem_code(code, client_id, redirect_uri, verifier)
                .await
        }
        "refresh_token" => {
            let token = &request.refresh_token;
            grants.redeem_refresh_token(token, client_id).await
        }
        DEVICE_CODE => match state.devices.poll(&request.device_code, client_id).await {
            Polled::Consent(consent) => Some(consent),
            Polled::Pending => return refuse("authorization_pending"),
            Polled::Denied => return refuse("access_denied"),
            Polled::Unknown => return refuse("expired_token"),
        },
        _ => return refuse("unsupported_grant_type"),
    };
    let Some(consent) = consent else {
        return refuse("invalid_grant");
    };
    match respond(consent, &state).await {
        Some(response) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(response),
        None => HttpResponse::InternalServerError().finish(),
    }
}

async fn respond(consent: Consent, state: &State) -> Option<TokenResponse> {
    let asks_for_id_token = consent.scope.split(' ').any(|scope| scope == "openid");
    let id_token = if asks_for_id_token {
        Some(id_token(state, &consent, ACCESS_TOKEN_LIFETIME)?)
    } else {
        None
    };
    Some(TokenResponse {
        access_token: access_token(state, &consent, ACCESS_TOKEN_LIFETIME, &[])?,
        expires_in: ACCESS_TOKEN_LIFETIME,
        id_token,
        scope: consent.scope.clone(),
        refresh_token: state.grants.issue_refresh_token(consent).await.ok()?,
        token_type: "Bearer",
    })
}

/// RFC 6749 section 5.2.
fn refuse(error: &str) -> HttpResponse {
    HttpResponse::BadRequest()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({ "error": error }))
}
