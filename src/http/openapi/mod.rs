//! The contract in machine-readable form, built from the same tables that answer requests.

pub(crate) mod operations;

use actix_web::HttpResponse;
use actix_web::http::Method;
use serde_json::json;
use utoipa::OpenApi as _;
use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, PathItem, PathsBuilder};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, AuthorizationCode, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes,
    SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi, Response, ResponseBuilder, Server};

use crate::http::dialects::access_key::AccessKeyDialect;
use crate::http::dialects::container::ContainerDialect;
use crate::http::dialects::dialect::Dialect;
use crate::http::dialects::revoke::RevokeDialect;
use crate::http::dialects::storage::StorageDialect;
use crate::http::dialects::storage_boto::StorageBotoDialect;
use crate::http::dialects::storage_sessions::StorageSessionsDialect;
use crate::http::dialects::sts::StsDialect;
use crate::http::dialects::v1::V1Dialect;
use crate::http::dialects::workspace::WorkspaceDialect;
use crate::http::dialects::{
    access_key, container, revoke, storage, storage_boto, storage_sessions, sts, v1, workspace,
};
use crate::http::exchange::Exchange;
use crate::http::problems::failure::Failure;
use crate::http::state::Gateway;

use operations::{API_KEY, BEARER, requires};

/// The same token by signing in; only in the contract that a gateway serves itself. Schemes are
/// sorted by name, capitals first, and Swagger UI shows them in this order.
const SIGN_IN: &str = "SignIn";

const HEALTH: &str = "health";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "cloakroom",
        description = "Hand in an OAuth access token, get the key to your own S3 storage.",
        license(name = "MIT", identifier = "MIT"),
    ),
    tags(
        (name = "credentials", description = "The key to one's own storage"),
        (name = "health", description = "For operators"),
    ),
    components(schemas(
        v1::CredentialsAnswer,
        revoke::RevokeAnswer,
        storage::StorageList,
        storage::StorageItem,
        storage_sessions::SessionList,
        storage_sessions::SessionItem,
        container::ContainerCredentials,
        container::ContainerError,
        sts::WebIdentityForm,
        sts::CallerIdentityForm,
        storage_boto::BotoAnswer,
        storage_boto::BotoCredentials,
        storage_boto::BucketInfo,
        workspace::WorkspaceCredentials,
        workspace::WorkspaceError,
        workspace::FieldError,
        access_key::GenerateCredentials,
        access_key::KeyLookup,
        access_key::GeneratedCredentials,
        access_key::ObjectStorageAccessKey,
        access_key::KatapultError,
        Problem,
    ))
)]
struct Base;

/// Problem details (RFC 9457).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the problem_details crate writes")]
struct Problem {
    /// What sort of problem this is; the page at this address explains it.
    #[schema(format = "uri")]
    r#type: String,
    /// The sort of problem in a few words.
    title: String,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What went wrong this time.
    detail: String,
    /// This occurrence: the request's id, as in the header `X-Request-Id`.
    #[schema(format = "uri")]
    instance: String,
}

/// `GET /openapi.yaml`: the contract, the same everywhere.
pub(crate) async fn yaml(_: &Exchange) -> Result<HttpResponse, Failure> {
    Ok(HttpResponse::Ok()
        .content_type("application/yaml")
        .body(openapi_yaml()))
}

/// `GET /openapi.json`: the contract with this deployment's own addresses, to be tried.
pub(crate) async fn json(exchange: &Exchange) -> Result<HttpResponse, Failure> {
    Ok(HttpResponse::Ok().json(of_this_deployment(&exchange.gateway)))
}

/// The contract as YAML: what `openapi.yaml` in the repository holds.
#[must_use]
pub fn openapi_yaml() -> String {
    // The document is static; a test compares the outcome with the file.
    document().to_yaml().unwrap_or_default()
}

/// The contract as JSON.
#[must_use]
pub fn openapi_json() -> String {
    document().to_json().unwrap_or_default()
}

fn document() -> OpenApi {
    let mut document = Base::openapi();
    document.paths = PathsBuilder::new()
        .path(V1Dialect::PATH, item::<V1Dialect>())
        .path(RevokeDialect::PATH, item::<RevokeDialect>())
        .path(StorageDialect::PATH, item::<StorageDialect>())
        .path(
            StorageSessionsDialect::PATH,
            item::<StorageSessionsDialect>(),
        )
        .path(ContainerDialect::PATH, item::<ContainerDialect>())
        .path(StsDialect::PATH, item::<StsDialect>())
        .path(StorageBotoDialect::PATH, item::<StorageBotoDialect>())
        .path(WorkspaceDialect::PATH, item::<WorkspaceDialect>())
        .path(AccessKeyDialect::PATH, item::<AccessKeyDialect>())
        .path("/livez", PathItem::new(HttpMethod::Get, livez()))
        .path("/readyz", PathItem::new(HttpMethod::Get, readyz()))
        .build();
    if let Some(components) = &mut document.components {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An access token that you already have."))
            .build();
        components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
        let scheme = ApiKey::Header(ApiKeyValue::with_description(
            "x-api-key",
            "An organisation's API key, for `POST /storage/boto` and `GET /v1/storage`.",
        ));
        components.add_security_scheme(API_KEY, SecurityScheme::ApiKey(scheme));
    }
    document
}

fn item<D: Dialect>() -> PathItem {
    let method = match D::METHOD {
        Method::POST => HttpMethod::Post,
        _ => HttpMethod::Get,
    };
    PathItem::new(method, D::operation())
}

/// The contract with this deployment's own addresses: where it is, and where people sign in.
fn of_this_deployment(gateway: &Gateway) -> OpenApi {
    let mut document = document();
    document.servers = Some(vec![Server::new(&gateway.public_url)]);
    let Some(endpoints) = gateway.sign_in.endpoints() else {
        return document;
    };
    let scope = gateway.required_scope.as_str();
    let flow = AuthorizationCode::new(
        endpoints.authorization,
        endpoints.token,
        Scopes::one(scope, "Get credentials to your own storage"),
    );
    if let Some(components) = &mut document.components {
        let scheme = OAuth2::with_description(
            [Flow::AuthorizationCode(flow)],
            "Opens a window to sign in. The client is public: leave `client_secret` empty.",
        );
        components.add_security_scheme(SIGN_IN, SecurityScheme::OAuth2(scheme));
    }
    for operation in operations(&mut document) {
        let by_token = requires(BEARER);
        if let Some(security) = &mut operation.security
            && security.contains(&by_token)
        {
            security.insert(0, SecurityRequirement::new(SIGN_IN, [scope]));
        }
    }
    document
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    let items = document.paths.paths.values_mut();
    items.flat_map(|item| [&mut item.get, &mut item.post].into_iter().flatten())
}

fn livez() -> Operation {
    OperationBuilder::new()
        .tag(HEALTH)
        .summary(Some("Is the process alive?"))
        .response("200", text("It is.", "ok\n"))
        .build()
}

fn readyz() -> Operation {
    OperationBuilder::new()
        .tag(HEALTH)
        .summary(Some("Can the gateway work?"))
        .response("200", text("It can.", "ready\n"))
        .response("503", text("Not now.", "not ready: registry\n"))
        .build()
}

fn text(description: &str, example: &str) -> Response {
    let content = ContentBuilder::new().example(Some(json!(example))).build();
    ResponseBuilder::new()
        .description(description)
        .content("text/plain", content)
        .build()
}
