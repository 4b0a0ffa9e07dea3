//! `GET /livez`, `GET /readyz`: for operators and load balancers.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;

use crate::http::exchange::Exchange;
use crate::http::problems::failure::Failure;

pub(crate) const LIVEZ: &str = "/livez";
pub(crate) const READYZ: &str = "/readyz";

/// The process answers.
pub(crate) async fn livez(_: &Exchange) -> Result<HttpResponse, Failure> {
    Ok(text(StatusCode::OK, "ok\n".to_owned()))
}

/// The gateway can work: the registry is writable and discovery has succeeded once. The live
/// upstreams are not asked, because their failure would take every replica out of service at once.
pub(crate) async fn readyz(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    let missing = exchange.gateway.missing().await;
    exchange.log.cause(missing.map(str::to_owned));
    Ok(match missing {
        None => text(StatusCode::OK, "ready\n".to_owned()),
        Some(what) => {
            let not_ready = format!("not ready: {what}\n");
            text(StatusCode::SERVICE_UNAVAILABLE, not_ready)
        }
    })
}

fn text(status: StatusCode, body: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(ContentType::plaintext())
        .body(body)
}
