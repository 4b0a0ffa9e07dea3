//! `POST /token`: a code or a refresh token for an access token (RFC 6749 sections 4.1.3 and 6).

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::State;
use super::grants::Consent;
use super::mint::access_token;

/// Seconds.
const ACCESS_TOKEN_LIFETIME: i64 = 600;

#[derive(Deserialize)]
pub(super) struct TokenRequest {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    code_verifier: String,
    #[serde(default)]
    refresh_token: String,
}

pub(super) async fn token(
    request: web::Form<TokenRequest>,
    state: web::Data<State>,
) -> HttpResponse {
    let consent = match request.grant_type.as_str() {
        "authorization_code" => state.grants.redeem_code(
            &request.code,
            &request.client_id,
            &request.redirect_uri,
            &request.code_verifier,
        ),
        "refresh_token" => state
            .grants
            .redeem_refresh_token(&request.refresh_token, &request.client_id),
        _ => return refuse("unsupported_grant_type"),
    };
    let Some(consent) = consent else {
        return refuse("invalid_grant");
    };
    match answer(consent, &state) {
        Some(answer) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(answer),
        None => HttpResponse::InternalServerError().finish(),
    }
}

fn answer(consent: Consent, state: &State) -> Option<Map<String, Value>> {
    let Consent {
        user,
        client_id,
        scope,
        nonce,
    } = &consent;
    let access_token = access_token(state, user, client_id, scope, ACCESS_TOKEN_LIFETIME, &[])?;
    let mut answer = Map::new();
    let mut say = |name: &str, value: Value| answer.insert(name.to_owned(), value);
    say("access_token", json!(access_token));
    say("token_type", json!("Bearer"));
    say("expires_in", json!(ACCESS_TOKEN_LIFETIME));
    say("scope", json!(scope));
    if scope.split(' ').any(|word| word == "openid") {
        say(
            "id_token",
            json!(id_token(state, user, client_id, nonce.as_deref())?),
        );
    }
    let refresh_token = state.grants.issue_refresh_token(consent).ok()?;
    say("refresh_token", json!(refresh_token));
    Some(answer)
}

/// `OpenID Connect Core 1.0` section 2.
fn id_token(state: &State, user: &str, client_id: &str, nonce: Option<&str>) -> Option<String> {
    let now = super::mint::now();
    let claims = json!({
        "iss": state.issuer,
        "sub": user,
        "aud": client_id,
        "iat": now,
        "exp": now + ACCESS_TOKEN_LIFETIME,
        "nonce": nonce,
    });
    let Value::Object(mut claims) = claims else {
        return None;
    };
    claims.retain(|_, value| !value.is_null());
    state.signer.sign("JWT", &claims)
}

/// RFC 6749 section 5.2.
fn refuse(error: &str) -> HttpResponse {
    HttpResponse::BadRequest()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({ "error": error }))
}
