use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::middleware::Next;
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::State;
use super::mint::access_token;
use super::{sign_in, token};

const INTROSPECTION: &str = "/introspect";
const JWKS: &str = "/jwks";
const AUTHORIZATION: &str = "/authorize";
const TOKEN: &str = "/token";
/// Not a part of OAuth: whoever can reach it gets a token for any user name.
const DEV_TOKEN: &str = "/dev/token";

pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/.well-known/openid-configuration", web::get().to(metadata))
        .route(
            "/.well-known/oauth-authorization-server",
            web::get().to(metadata),
        )
        .route(JWKS, web::get().to(jwks))
        .route(INTROSPECTION, web::post().to(introspect))
        .route(AUTHORIZATION, web::get().to(sign_in::page))
        .route(AUTHORIZATION, web::post().to(sign_in::submit))
        .route(TOKEN, web::post().to(token::token))
        .route(DEV_TOKEN, web::post().to(dev_token));
}

/// A browser that was led here by another name (DNS rebinding) gets nothing.
pub(super) async fn loopback_only(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if !is_asked_by_loopback_name(request.headers()) {
        return Ok(request.into_response(HttpResponse::MisdirectedRequest().finish()));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// By the Host header alone: what a page can set itself (`X-Forwarded-Host`) proves nothing.
fn is_asked_by_loopback_name(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST);
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let host = host.to_str().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    ["127.0.0.1", "localhost", "[::1]"].contains(&name)
}

/// What a developer wants in a token.
#[derive(Deserialize)]
struct Wish {
    user: String,
    client_id: String,
    scope: String,
    expires_in: i64,
    #[serde(default)]
    without_claim: String,
}

#[derive(Deserialize)]
struct Question {
    token: String,
}

/// `OpenID Connect Discovery 1.0` section 3, RFC 8414 section 2.
async fn metadata(state: web::Data<State>) -> HttpResponse {
    let at = |path: &str| format!("{}{path}", state.issuer);
    HttpResponse::Ok().json(json!({
        "issuer": state.issuer,
        "jwks_uri": at(JWKS),
        "introspection_endpoint": at(INTROSPECTION),
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_endpoint": at(AUTHORIZATION),
        "token_endpoint": at(TOKEN),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn jwks(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(state.signer.jwks())
}

/// RFC 7662 section 2: only the resource server may ask.
async fn introspect(
    request: HttpRequest,
    question: web::Form<Question>,
    state: web::Data<State>,
) -> HttpResponse {
    if !is_resource_server(&request, &state) {
        return HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"introspection\""))
            .json(json!({ "error": "invalid_client" }));
    }
    let answer = match state.signer.check(&question.token) {
        None => json!({ "active": false }),
        Some(mut claims) => {
            claims.insert("active".to_owned(), json!(true));
            claims.insert("token_type".to_owned(), json!("Bearer"));
            Value::Object(claims)
        }
    };
    HttpResponse::Ok().json(answer)
}

/// A token as wished for, good or bad.
async fn dev_token(wish: web::Form<Wish>, state: web::Data<State>) -> HttpResponse {
    let unwanted: Vec<&str> = wish.without_claim.split(',').collect();
    let Wish {
        user,
        client_id,
        scope,
        expires_in,
        ..
    } = &*wish;
    let Some(token) = access_token(&state, user, client_id, scope, *expires_in, &unwanted) else {
        return HttpResponse::InternalServerError().finish();
    };
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": wish.expires_in,
            "scope": wish.scope,
        }))
}

/// HTTP Basic with form-encoded id and secret (RFC 6749 section 2.3.1).
fn is_resource_server(request: &HttpRequest, state: &State) -> bool {
    let client = &state.resource_server;
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!(
        "{}:{}",
        encoded(&client.client_id),
        encoded(&client.client_secret)
    );
    let sent = request.headers().get(header::AUTHORIZATION);
    let sent = sent
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '));
    sent.is_some_and(|(scheme, credentials)| {
        scheme.eq_ignore_ascii_case("Basic") && decode_basic(credentials) == Some(pair)
    })
}

fn decode_basic(credentials: &str) -> Option<String> {
    let bytes = base64_simd::STANDARD.decode_to_vec(credentials).ok()?;
    String::from_utf8(bytes).ok()
}
