//! `POST /dev/token`, which is not part of OAuth: anyone who can reach it gets a token for any user
//! name.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::grants::Consent;
use super::state::State;
use super::tokens::access_token;

#[derive(Deserialize)]
pub(super) struct DevTokenRequest {
    user: String,
    client_id: String,
    scope: String,
    /// Seconds. A negative value asks for an expired token.
    expires_in: i64,
    /// The claims to leave out, separated by commas.
    #[serde(default)]
    without_claim: String,
}

pub(super) async fn dev_token(
    request: web::Form<DevTokenRequest>,
    state: web::Data<State>,
) -> HttpResponse {
    let request = request.into_inner();
    let without: Vec<&str> = request.without_claim.split(',').collect();
    let consent = Consent {
        user: request.user,
        client_id: request.client_id,
        scope: request.scope,
        nonce: None,
    };
    let Some(token) = access_token(&state, &consent, request.expires_in, &without) else {
        return HttpResponse::InternalServerError().finish();
    };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": request.expires_in,
            "scope": consent.scope,
        }))
}
