//! `GET /.well-known/oauth-protected-resource`: RFC 9728.

use actix_web::HttpResponse;
use serde::Serialize;

use crate::http::exchange::Exchange;
use crate::http::problems::failure::Failure;

pub(crate) const PATH: &str = "/.well-known/oauth-protected-resource";

#[derive(Serialize)]
struct Metadata<'a> {
    resource: &'a str,
    authorization_servers: [&'a str; 1],
    scopes_supported: [&'a str; 1],
    bearer_methods_supported: [&'static str; 1],
    resource_name: &'static str,
}

/// Whose tokens are taken, and what they must hold.
pub(crate) async fn metadata(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    let parts = exchange.gateway.parts();
    Ok(HttpResponse::Ok().json(Metadata {
        resource: &parts.public_url,
        authorization_servers: [&parts.issuer],
        scopes_supported: [parts.required_scope.as_str()],
        bearer_methods_supported: ["header"],
        resource_name: "cloakroom",
    }))
}
