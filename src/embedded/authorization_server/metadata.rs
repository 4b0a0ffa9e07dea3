use actix_web::{HttpResponse, web};
use serde_json::json;

use super::state::State;
use super::token_endpoint::DEVICE_CODE;

pub(super) const JWKS: &str = "/jwks";
pub(super) const INTROSPECTION: &str = "/introspect";
pub(super) const AUTHORIZATION: &str = "/authorize";
pub(super) const TOKEN: &str = "/token";
pub(super) const DEVICE_AUTHORIZATION: &str = "/device_authorization";
pub(super) const DEVICE: &str = "/device";
pub(super) const REVOCATION: &str = "/revoke";

/// `OpenID Connect Discovery 1.0` section 3, RFC 8414 section 2, RFC 8628 section 4.
pub(super) async fn metadata(state: web::Data<State>) -> HttpResponse {
    let at = |path: &str| format!("{}{path}", state.issuer);
    HttpResponse::Ok().json(json!({
        "issuer": state.issuer,
        "jwks_uri": at(JWKS),
        "introspection_endpoint": at(INTROSPECTION),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_endpoint": at(AUTHORIZATION),
        "token_endpoint": at(TOKEN),
        "device_authorization_endpoint": at(DEVICE_AUTHORIZATION),
        "revocation_endpoint": at(REVOCATION),
        "revocation_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": ["openid"],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", DEVICE_CODE],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

pub(super) async fn jwks(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(state.signing_key.jwks())
}
