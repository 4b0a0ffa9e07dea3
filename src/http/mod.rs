//! The gateway's HTTP interface: every route on one screen, one file for each endpoint.

mod dialects;
mod exchange;
mod health;
mod input;
mod middleware;
mod observer;
mod openapi;
pub mod pages;
mod problems;
mod protected_resource;
mod state;
#[cfg(test)]
mod test_gateway;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use actix_web::{Handler, HttpRequest, HttpResponse, Resource, Route, web};

use dialects::access_key::AccessKeyDialect;
use dialects::container::ContainerDialect;
use dialects::dialect::{Dialect, respond};
use dialects::revoke::RevokeDialect;
use dialects::storage::StorageDialect;
use dialects::storage_boto::StorageBotoDialect;
use dialects::storage_sessions::StorageSessionsDialect;
use dialects::sts::StsDialect;
use dialects::v1::V1Dialect;
use dialects::workspace::WorkspaceDialect;
use exchange::Exchange;
use middleware::request_log::{Words, observe};
use pages::{console, home, swagger_ui};
use problems::failure::Failure;
use problems::problem::PROBLEM_DETAILS;

pub use middleware::cors::cors;
pub use middleware::drain::ShutdownStage;
pub use middleware::request_log::observe_preflights;
pub use observer::{Answered, Observer};
pub use openapi::{openapi_json, openapi_yaml};
pub use problems::unreadable::unreadable;
pub use state::{
    Console, Gateway, Readiness, Samples, SignIn, SignInEndpoints, StorageAddress, UseCases,
};

/// The address of every route, as metrics and the log name it.
pub const ROUTES: [&str; 22] = [
    V1Dialect::PATH,
    RevokeDialect::PATH,
    StorageDialect::PATH,
    StorageSessionsDialect::PATH,
    ContainerDialect::PATH,
    StorageBotoDialect::PATH,
    WorkspaceDialect::PATH,
    AccessKeyDialect::PATH,
    StsDialect::PATH,
    "/problems",
    "/problems/{slug}",
    "/swagger-ui",
    "/swagger-ui/",
    "/swagger-ui/{file}",
    "/console",
    "/console/",
    console::PATH,
    health::LIVEZ,
    health::READYZ,
    "/openapi.yaml",
    "/openapi.json",
    protected_resource::PATH,
];

/// Registers every route. Wrap the app in [`cors`], then in [`observe_preflights`].
pub fn routes(config: &mut ServiceConfig) {
    config
        // POST /v1/credentials
        .service(credential_route::<V1Dialect>())
        // POST /v1/credentials/revoke
        .service(credential_route::<RevokeDialect>())
        // GET /v1/storage
        .service(credential_route::<StorageDialect>())
        // GET /v1/storage/sessions
        .service(credential_route::<StorageSessionsDialect>())
        // GET /v1/credentials/container
        .service(credential_route::<ContainerDialect>())
        // POST /storage/boto
        .service(credential_route::<StorageBotoDialect>())
        // GET /api/v1/org/{org}/ws/{ws}/storage/credentials
        .service(credential_route::<WorkspaceDialect>())
        // POST /core/v1/object_storage/access_keys/access_key/generate_credentials
        .service(credential_route::<AccessKeyDialect>())
        // POST / (and its page: GET /)
        .service(credential_route_with_page::<StsDialect>(home::home))
        .service(read_route("/problems", problems::pages::index))
        .service(read_route(
            "/problems/{slug}",
            problems::pages::problem_type,
        ))
        .service(read_route("/swagger-ui", swagger_ui::index))
        .service(read_route("/swagger-ui/", swagger_ui::index))
        .service(read_route("/swagger-ui/{file}", swagger_ui::file))
        .service(read_route("/console", console::index))
        .service(read_route("/console/", console::page))
        .service(read_route(console::PATH, console::file))
        .service(probe_route(health::LIVEZ, health::livez))
        .service(probe_route(health::READYZ, health::readyz))
        .service(read_route("/openapi.yaml", openapi::yaml))
        .service(read_route("/openapi.json", openapi::json))
        .service(read_route(
            protected_resource::PATH,
            protected_resource::metadata,
        ))
        .default_service(web::to(handler(PROBLEM_DETAILS, while_open(not_found))));
}

/// What a route does once its request is under observation.
trait Answer: AsyncFn(&Exchange) -> Result<HttpResponse, Failure> + Clone + 'static {}

impl<A> Answer for A where A: AsyncFn(&Exchange) -> Result<HttpResponse, Failure> + Clone + 'static {}

/// A route that hands out credentials, in one dialect.
fn credential_route<D: Dialect>() -> Resource {
    web::resource(D::PATH)
        .route(web::method(D::METHOD).to(respond::<D>))
        .default_service(refusing_methods(Words::of::<D>(), vec![D::METHOD]))
}

/// The same, with a page for readers at its address.
fn credential_route_with_page<D: Dialect>(page: impl Answer) -> Resource {
    let allowed = vec![Method::GET, Method::HEAD, D::METHOD];
    let page = while_open(page);
    credential_route::<D>()
        .route(web::get().to(handler(PROBLEM_DETAILS, page.clone())))
        .route(web::head().to(handler(PROBLEM_DETAILS, page)))
        .default_service(refusing_methods(Words::of::<D>(), allowed))
}

/// A read-only route.
fn read_route(path: &str, answer: impl Answer) -> Resource {
    probe_route(path, while_open(answer))
}

/// A read-only route that still answers while the gateway drains.
fn probe_route(path: &str, answer: impl Answer) -> Resource {
    let allowed = vec![Method::GET, Method::HEAD];
    web::resource(path)
        .route(web::get().to(handler(PROBLEM_DETAILS, answer.clone())))
        .route(web::head().to(handler(PROBLEM_DETAILS, answer)))
        .default_service(refusing_methods(PROBLEM_DETAILS, allowed))
}

fn refusing_methods(words: Words, allowed: Vec<Method>) -> Route {
    let refuse = async move |_: &Exchange| Err(Failure::MethodNotAllowed(allowed.clone()));
    web::to(handler(words, while_open(refuse)))
}

async fn not_found(_: &Exchange) -> Result<HttpResponse, Failure> {
    Err(Failure::NotFound)
}

/// Runs `answer`, or refuses with 503 once the gateway is closing.
fn while_open(answer: impl Answer) -> impl Answer {
    async move |exchange: &Exchange| {
        exchange.gateway.check_open()?;
        answer(exchange).await
    }
}

fn handler(
    words: Words,
    answer: impl Answer,
) -> impl Handler<(HttpRequest, web::Data<Gateway>), Output = HttpResponse> {
    move |request: HttpRequest, gateway: web::Data<Gateway>| {
        observe(request, gateway, words, answer.clone())
    }
}
