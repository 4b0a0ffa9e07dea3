use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::state::{ClientCredentials, State};

#[derive(Deserialize)]
pub(super) struct IntrospectionRequest {
    token: String,
}

/// RFC 7662 section 2, for the resource server only.
pub(super) async fn introspect(
    request: HttpRequest,
    form: web::Form<IntrospectionRequest>,
    state: web::Data<State>,
) -> HttpResponse {
    if !is_from(&state.resource_server, &request) {
        return HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"introspection\""))
            .json(json!({ "error": "invalid_client" }));
    }
    let claims = state.signing_key.verify(&form.token);
    let answer = match claims.filter(|claims| !state.revoked.contain(claims)) {
        None => json!({ "active": false }),
        Some(mut claims) => {
            claims.insert("active".to_owned(), json!(true));
            claims.insert("token_type".to_owned(), json!("Bearer"));
            Value::Object(claims)
        }
    };
    HttpResponse::Ok().json(answer)
}

/// HTTP Basic with form-encoded id and secret (RFC 6749 section 2.3.1).
fn is_from(client: &ClientCredentials, request: &HttpRequest) -> bool {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let (id, secret) = (encoded(&client.client_id), encoded(&client.client_secret));
    let expected = STANDARD.encode(format!("{id}:{secret}"));
    let sent = request.headers().get(header::AUTHORIZATION);
    let sent = sent.and_then(|value| value.to_str().ok()?.split_once(' '));
    sent.is_some_and(|(scheme, credentials)| {
        scheme.eq_ignore_ascii_case("Basic") && credentials == expected
    })
}
