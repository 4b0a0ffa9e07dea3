//! The gateway's face: every route on one screen, one file an endpoint.

mod bearer;
mod body;
mod dialect;
mod failure;
mod gateway;
mod health;
mod observe;
mod openapi;
mod problem;
mod protected_resource;
mod query;
mod seen;
mod v1;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use actix_web::{HttpRequest, HttpResponse, Resource, web};

use dialect::{Dialect, vend};
use failure::Failure;
use seen::Seen;

pub use gateway::{Gateway, GatewayParts, Readiness, StorageAddress};
pub use observe::observe;
pub use openapi::{openapi_json, openapi_yaml};

/// All routes. [`observe`] belongs around them.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(vending("/v1/credentials", &v1::credentials::V1Credentials))
        .service(reading("/livez", health::livez))
        .service(reading("/readyz", health::readyz))
        .service(reading("/openapi.yaml", openapi::yaml))
        .service(reading("/openapi.json", openapi::json))
        .service(reading(
            protected_resource::PATH,
            protected_resource::metadata,
        ))
        .default_service(web::to(not_found));
}

/// A route that hands out credentials, in one dialect.
fn vending(path: &str, dialect: &'static dyn Dialect) -> Resource {
    web::resource(path)
        .route(
            web::method(dialect.method()).to(move |request: HttpRequest, payload: web::Payload| {
                vend(dialect, request, payload)
            }),
        )
        .default_service(web::to(move |request: HttpRequest| async move {
            let allowed = vec![dialect.method()];
            dialect::refuse(dialect, &request, &Failure::MethodNotAllowed(allowed))
        }))
}

/// A route that only tells.
fn reading<H>(path: &str, handler: H) -> Resource
where
    H: actix_web::Handler<(web::Data<Gateway>,)> + Copy,
    H::Output: actix_web::Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler))
        .route(web::head().to(handler))
        .default_service(web::to(
            |request: HttpRequest, gateway: web::Data<Gateway>| async move {
                let failure = Failure::MethodNotAllowed(vec![Method::GET, Method::HEAD]);
                problem::answer(&failure, &Seen::of(&request), &gateway)
            },
        ))
}

async fn not_found(request: HttpRequest, gateway: web::Data<Gateway>) -> HttpResponse {
    problem::answer(&Failure::NotFound, &Seen::of(&request), &gateway)
}
