//! The gateway's face: every route on one screen, one file an endpoint.

mod bearer;
mod body;
mod client_address;
mod cors;
mod dialect;
mod explanation;
mod failure;
mod gateway;
mod health;
mod home;
mod katapult;
mod minerva;
mod narrowing;
mod observe;
mod openapi;
mod page;
mod parameters;
pub mod paste;
mod problem;
mod problems;
mod protected_resource;
mod seen;
mod sts;
mod swagger_ui;
mod v1;
mod workspace;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, web};

use dialect::{Dialect, vend};
use failure::Failure;
use seen::Seen;

pub use cors::cors;
pub use gateway::{
    Gateway, GatewayParts, Readiness, Samples, SignIn, SignInEndpoints, StorageAddress,
};
pub use observe::observe;
pub use openapi::{openapi_json, openapi_yaml};
pub use swagger_ui::SwaggerUi;

/// All routes. [`observe`] belongs around them.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(vending("/v1/credentials", &v1::credentials::V1Credentials))
        .service(vending(
            "/v1/credentials/container",
            &v1::credentials::container::Container,
        ))
        .service(vending("/storage/boto", &minerva::Minerva))
        .service(vending(workspace::PATH, &workspace::OfWorkspace))
        .service(vending(katapult::PATH, &katapult::Katapult))
        .service(vending_at_home(&sts::AssumeRoleWithWebIdentity))
        .service(reading("/problems", problems::index))
        .service(reading("/problems/{slug}", problems::problem_type))
        .service(reading("/swagger-ui", swagger_ui::index))
        .service(reading("/swagger-ui/", swagger_ui::index))
        .service(reading("/swagger-ui/{file}", swagger_ui::file))
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
fn vending<D: Dialect>(path: &str, dialect: &'static D) -> Resource {
    vending_besides(path, dialect, vec![dialect.method()])
}

/// The same, where other methods do other things.
fn vending_besides<D: Dialect>(path: &str, dialect: &'static D, allowed: Vec<Method>) -> Resource {
    web::resource(path)
        .route(
            web::method(dialect.method()).to(move |request: HttpRequest, payload: web::Payload| {
                vend(dialect, request, payload)
            }),
        )
        .default_service(web::to(move |request: HttpRequest| {
            let failure = Failure::MethodNotAllowed(allowed.clone());
            async move { dialect::refuse(dialect, &request, &failure) }
        }))
}

/// `/` is a page for readers and STS for SDKs.
fn vending_at_home<D: Dialect>(dialect: &'static D) -> Resource {
    let allowed = [Method::GET, Method::HEAD, dialect.method()];
    vending_besides("/", dialect, allowed.to_vec())
        .route(web::get().to(home::home))
        .route(web::head().to(home::home))
}

/// A route that only tells.
fn reading<H, Args>(path: &str, handler: H) -> Resource
where
    H: Handler<Args, Output = HttpResponse> + Copy,
    Args: FromRequest + 'static,
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
