//! The gateway's face: every route on one screen, one file an endpoint.

mod dialects;
mod health;
mod input;
mod middleware;
mod openapi;
pub mod pages;
mod problems;
mod protected_resource;
mod state;

use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, web};

use crate::service::Refusal;

use dialects::dialect::{self, Dialect, respond};
use dialects::{access_key, container, storage_boto, sts, v1, workspace};
use middleware::seen::Seen;
use pages::{home, swagger_ui};
use problems::failure::Failure;
use problems::problem;

pub use middleware::cors::cors;
pub use middleware::request_log::observe;
pub use openapi::{openapi_json, openapi_yaml};
pub use problems::unreadable::unreadable;
pub use state::{
    Gateway, GatewayParts, Readiness, Samples, SignIn, SignInEndpoints, StorageAddress, SwaggerUi,
    UseCases,
};

/// All routes. [`observe`] belongs around them.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(credential_route("/v1/credentials", &v1::V1Dialect))
        .service(credential_route(
            "/v1/credentials/container",
            &container::ContainerDialect,
        ))
        .service(credential_route(
            "/storage/boto",
            &storage_boto::StorageBotoDialect,
        ))
        .service(credential_route(
            workspace::PATH,
            &workspace::WorkspaceDialect,
        ))
        .service(credential_route(
            access_key::PATH,
            &access_key::AccessKeyDialect,
        ))
        .service(credential_route_at_root(&sts::StsDialect))
        .service(reading("/problems", problems::pages::index))
        .service(reading("/problems/{slug}", problems::pages::problem_type))
        .service(reading("/swagger-ui", swagger_ui::index))
        .service(reading("/swagger-ui/", swagger_ui::index))
        .service(reading("/swagger-ui/{file}", swagger_ui::file))
        .service(probing(health::LIVEZ, health::livez))
        .service(probing(health::READYZ, health::readyz))
        .service(reading("/openapi.yaml", openapi::yaml))
        .service(reading("/openapi.json", openapi::json))
        .service(reading(
            protected_resource::PATH,
            protected_resource::metadata,
        ))
        .default_service(web::to(not_found));
}

/// A route that hands out credentials, in one dialect.
fn credential_route<D: Dialect>(path: &str, dialect: &'static D) -> Resource {
    credential_route_with(path, dialect, vec![dialect.method()])
}

/// The same, where other methods do other things.
fn credential_route_with<D: Dialect>(
    path: &str,
    dialect: &'static D,
    allowed: Vec<Method>,
) -> Resource {
    web::resource(path)
        .route(web::method(dialect.method()).guard(fn_guard(is_open)).to(
            move |request: HttpRequest, payload: web::Payload| respond(dialect, request, payload),
        ))
        .default_service(web::to(
            move |request: HttpRequest, gateway: web::Data<Gateway>| {
                let failure = Failure::MethodNotAllowed(allowed.clone());
                let failure = unless_closed(&gateway, failure);
                async move { dialect::refuse(dialect, &request, &failure) }
            },
        ))
}

/// `/` is a page for readers and STS for SDKs.
fn credential_route_at_root<D: Dialect>(dialect: &'static D) -> Resource {
    let allowed = [Method::GET, Method::HEAD, dialect.method()];
    credential_route_with("/", dialect, allowed.to_vec())
        .route(web::get().guard(fn_guard(is_open)).to(home::home))
        .route(web::head().guard(fn_guard(is_open)).to(home::home))
        // Readers of a gateway that stops are told so in their own words, not in STS's.
        .route(web::get().to(not_found))
        .route(web::head().to(not_found))
}

/// A route that only tells.
fn reading<H, Args>(path: &str, handler: H) -> Resource
where
    H: Handler<Args, Output = HttpResponse> + Copy,
    Args: FromRequest + 'static,
{
    telling(path, handler, is_open)
}

/// A route that tells to the last how the gateway is.
fn probing<H, Args>(path: &str, handler: H) -> Resource
where
    H: Handler<Args, Output = HttpResponse> + Copy,
    Args: FromRequest + 'static,
{
    telling(path, handler, |_| true)
}

fn telling<H, Args>(path: &str, handler: H, when: fn(&GuardContext<'_>) -> bool) -> Resource
where
    H: Handler<Args, Output = HttpResponse> + Copy,
    Args: FromRequest + 'static,
{
    web::resource(path)
        .route(web::get().guard(fn_guard(when)).to(handler))
        .route(web::head().guard(fn_guard(when)).to(handler))
        .default_service(web::to(
            |request: HttpRequest, gateway: web::Data<Gateway>| async move {
                let failure = Failure::MethodNotAllowed(vec![Method::GET, Method::HEAD]);
                let failure = unless_closed(&gateway, failure);
                problem::answer(&failure, &Seen::of(&request), &gateway)
            },
        ))
}

async fn not_found(request: HttpRequest, gateway: web::Data<Gateway>) -> HttpResponse {
    let failure = unless_closed(&gateway, Failure::NotFound);
    problem::answer(&failure, &Seen::of(&request), &gateway)
}

/// Whether requests that arrive are still taken.
fn is_open(context: &GuardContext<'_>) -> bool {
    let gateway = context.app_data::<web::Data<Gateway>>();
    gateway.is_none_or(|gateway| !gateway.stage().is_closed())
}

/// A gateway that stops refuses all requests for one reason (docs/operations.md).
fn unless_closed(gateway: &Gateway, failure: Failure) -> Failure {
    if gateway.stage().is_closed() {
        return Refusal::Overloaded.into();
    }
    failure
}
