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
    /// Not a registered member (RFC 9728 section 2 allows others): the public client of
    /// `cloakroom login`.
    #[serde(skip_serializing_if = "Option::is_none")]
    login_client_id: Option<&'a str>,
}

/// Whose tokens are taken, and what they must hold.
pub(crate) async fn metadata(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    let gateway = &exchange.gateway;
    Ok(HttpResponse::Ok().json(Metadata {
        resource: &gateway.public_url,
        authorization_servers: [&gateway.issuer],
        scopes_supported: [gateway.required_scope.as_str()],
        bearer_methods_supported: ["header"],
        resource_name: "cloakroom",
        login_client_id: gateway.login_client_id.as_deref(),
    }))
}
