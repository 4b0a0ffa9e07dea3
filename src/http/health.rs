//! `GET /livez`, `GET /readyz`: for whoever runs the gateway.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::middleware::seen::Seen;
use crate::http::state::Gateway;

pub(crate) const LIVEZ: &str = "/livez";
pub(crate) const READYZ: &str = "/readyz";

/// The process answers.
pub(crate) async fn livez(_gateway: web::Data<Gateway>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// The gateway can work: the registry is writable, discovery has succeeded once. The live
/// upstreams are not asked: their failure is every replica's, and none would be left.
pub(crate) async fn readyz(request: HttpRequest, gateway: web::Data<Gateway>) -> HttpResponse {
    let missing = if gateway.stage().is_leaving() {
        Some("stopping")
    } else {
        gateway.parts().readiness.missing().await
    };
    Seen::of(&request).ending().cause = missing.map(str::to_owned);
    let (mut response, text) = match missing {
        None => (HttpResponse::Ok(), "ready\n".to_owned()),
        Some(what) => (
            HttpResponse::ServiceUnavailable(),
            format!("not ready: {what}\n"),
        ),
    };
    response
        .content_type("text/plain; charset=utf-8")
        .body(text)
}
