//! The contract in machine-readable form, built from the same tables that answer requests.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde_json::json;
use utoipa::OpenApi as _;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
    PathsBuilder,
};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, AuthorizationCode, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes,
    SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder,
    ResponsesBuilder, Server,
};
use utoipa::{ToSchema, openapi};

use super::failure::{Cause, ProblemType};
use super::gateway::Gateway;
use super::{katapult, minerva, sts, v1, workspace};

/// The name that operations refer to the Bearer token by.
pub(super) const BEARER: &str = "bearer";

/// The name that operations refer to the API key by.
pub(super) const API_KEY: &str = "api_key";

/// The same token by signing in; only in the contract that a gateway serves itself. Schemes are
/// sorted by name, capitals first, and Swagger UI shows them in this order.
const SIGN_IN: &str = "SignIn";

/// Under which heading Swagger UI shows an operation.
pub(super) const CREDENTIALS: &str = "credentials";
const HEALTH: &str = "health";

/// Where the examples live.
const EXAMPLE_HOST: &str = "https://storage-authorization.example.com";

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
        v1::credentials::CredentialsAnswer,
        v1::credentials::container::ContainerCredentials,
        v1::credentials::container::ContainerError,
        sts::WebIdentityForm,
        minerva::BotoAnswer,
        minerva::BotoCredentials,
        minerva::BucketInfo,
        workspace::WorkspaceCredentials,
        workspace::WorkspaceError,
        workspace::FieldError,
        katapult::GenerateCredentials,
        katapult::KeyLookup,
        katapult::GeneratedCredentials,
        katapult::ObjectStorageAccessKey,
        katapult::KatapultError,
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
pub(super) async fn yaml(_gateway: web::Data<Gateway>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/yaml")
        .body(openapi_yaml())
}

/// `GET /openapi.json`: the contract with this deployment's own addresses, to be tried.
pub(super) async fn json(gateway: web::Data<Gateway>) -> HttpResponse {
    HttpResponse::Ok().json(of_this_deployment(&gateway))
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
        .path(
            "/v1/credentials",
            PathItem::new(HttpMethod::Post, v1::credentials::operation()),
        )
        .path(
            "/v1/credentials/container",
            PathItem::new(HttpMethod::Get, v1::credentials::container::operation()),
        )
        .path("/", PathItem::new(HttpMethod::Post, sts::operation()))
        .path(
            "/storage/boto",
            PathItem::new(HttpMethod::Post, minerva::operation()),
        )
        .path(
            workspace::PATH,
            PathItem::new(HttpMethod::Get, workspace::operation()),
        )
        .path(
            katapult::PATH,
            PathItem::new(HttpMethod::Post, katapult::operation()),
        )
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
            "An organisation's API key, for `POST /storage/boto`.",
        ));
        components.add_security_scheme(API_KEY, SecurityScheme::ApiKey(scheme));
    }
    document
}

/// The contract with this deployment's own addresses: where it is, and where people sign in.
fn of_this_deployment(gateway: &Gateway) -> OpenApi {
    let mut document = document();
    let parts = gateway.parts();
    document.servers = Some(vec![Server::new(&parts.public_url)]);
    let Some(endpoints) = parts.sign_in.endpoints() else {
        return document;
    };
    let scope = parts.required_scope.as_str();
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
        let by_token = SecurityRequirement::new(BEARER, Vec::<String>::new());
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

/// The answer for a status, with an example of each problem type that has it.
pub(super) fn problems(types: &[ProblemType]) -> Response {
    let titles: Vec<&str> = types.iter().map(|problem| problem.title).collect();
    let examples = types.iter().map(|problem| {
        let example = ExampleBuilder::new()
            .value(Some(problem.example(EXAMPLE_HOST)))
            .build();
        (problem.slug, RefOr::T(example))
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build();
    ResponseBuilder::new()
        .description(titles.join(", or "))
        .content("application/problem+json", content)
        .build()
}

/// The failures of a credential route that says them in problem details: a status each.
pub(super) fn problems_of(causes: &[Cause], said: fn(Cause) -> ProblemType) -> ResponsesBuilder {
    let mut types: Vec<ProblemType> = Vec::new();
    for problem in causes.iter().copied().map(said) {
        if types.iter().all(|seen| seen.slug != problem.slug) {
            types.push(problem);
        }
    }
    let mut statuses: Vec<u16> = types
        .iter()
        .map(|problem| problem.status.as_u16())
        .collect();
    statuses.sort_unstable();
    statuses.dedup();
    let of = |status: &u16| -> Vec<ProblemType> {
        types
            .iter()
            .filter(|problem| problem.status.as_u16() == *status)
            .copied()
            .collect()
    };
    let responses = statuses
        .iter()
        .map(|status| (status.to_string(), problems(&of(status))));
    ResponsesBuilder::new().responses_from_iter(responses)
}

/// The failures of a credential route whose dialect says them so: a status each, with its codes.
pub(super) fn failures(
    causes: &[Cause],
    media_type: &str,
    schema: Option<&str>,
    said: fn(Cause) -> (StatusCode, &'static str),
) -> ResponsesBuilder {
    let mut codes = BTreeMap::<u16, Vec<&str>>::new();
    for (status, code) in causes.iter().copied().map(said) {
        let of_status = codes.entry(status.as_u16()).or_default();
        if !of_status.contains(&code) {
            of_status.push(code);
        }
    }
    let responses = codes.iter().map(|(status, codes)| {
        let schema = schema.map(Ref::from_schema_name);
        let response = ResponseBuilder::new()
            .description(codes.join(", or "))
            .content(media_type, ContentBuilder::new().schema(schema).build())
            .build();
        (status.to_string(), response)
    });
    ResponsesBuilder::new().responses_from_iter(responses)
}

/// `access` and `duration`.
pub(super) fn narrowing_parameters() -> Vec<Parameter> {
    let duration = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(900))
        .build();
    vec![
        query_parameter(
            "access",
            "`read` leaves out putting and deleting.",
            ["read", "read-write"],
        ),
        parameter(
            "duration",
            "How many seconds the credentials are to last: less than without this parameter, and \
             no less than 900.",
        )
        .schema(Some(duration))
        .build(),
    ]
}

/// A query parameter that takes one of these words.
pub(super) fn query_parameter(
    name: &str,
    description: &str,
    words: impl IntoIterator<Item = &'static str>,
) -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
        .build();
    parameter(name, description).schema(Some(schema)).build()
}

/// A parameter of the path or of the header that is text.
pub(super) fn text_parameter(
    name: &str,
    place: &ParameterIn,
    description: &str,
    example: &str,
) -> Parameter {
    let in_path = matches!(place, ParameterIn::Path);
    let required = if in_path {
        Required::True
    } else {
        Required::False
    };
    parameter(name, description)
        .parameter_in(place.clone())
        .required(required)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .example(Some(json!(example)))
        .build()
}

fn parameter(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
}

/// A JSON answer of this schema, with an example.
pub(super) fn success(
    description: &str,
    schema: &str,
    example: serde_json::Value,
) -> openapi::Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .example(Some(example))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content("application/json", content)
        .build()
}
