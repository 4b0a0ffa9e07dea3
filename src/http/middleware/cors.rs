use actix_cors::Cors;
use actix_web::http::{Method, header};

/// Seconds for which browsers may cache the answer to a preflight.
const MAX_AGE: usize = 3_600;

/// Web pages of these origins may call the gateway from a browser (`http.cors_origins`); `*` is
/// any. Cookies are not involved: a page must send a token.
pub fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST])
        .allowed_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT])
        .allowed_headers(["x-api-key", "x-client-version"])
        .expose_headers(["x-request-id", "retry-after", "www-authenticate"])
        .max_age(MAX_AGE);
    origins.iter().fold(cors, |cors, origin| {
        if origin == "*" {
            cors.allow_any_origin().send_wildcard()
        } else {
            cors.allowed_origin(origin)
        }
    })
}
