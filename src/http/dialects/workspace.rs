//! `GET /api/v1/org/{org}/ws/{ws}/storage/credentials`: credentials for a member of a workspace, to
//! the workspace's prefix; see docs/api/workspace.md.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;
use semver::Version;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, ParameterIn};

use crate::domain::{SLUG_FORM, Slug, WorkspaceName};
use crate::service::{Credential, Deadline, Refusal, Wanted};

use crate::http::dialects::dialect::Dialect;
use crate::http::dialects::session::{GrantedSession, grant_session};
use crate::http::exchange::Exchange;
use crate::http::input::bearer::bearer_token;
use crate::http::input::body::Body;
use crate::http::input::narrowing::Narrowing;
use crate::http::input::query::query_parameters;
use crate::http::openapi::operations::{
    BEARER, credential_operation, failures, narrowing_parameters, requires, success, text_parameter,
};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem::{set_challenge, set_retry_and_allow};

const X_CLIENT_VERSION: &str = "x-client-version";

/// The dialect of workspaces.
pub(crate) struct WorkspaceDialect;

/// Temporary credentials, and where they open.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkspaceCredentials {
    #[schema(example = "ASIAIOSFODNN7EXAMPLE")]
    access_key_id: String,
    /// The bucket's name.
    #[schema(example = "acme-research")]
    bucket: String,
    /// The store's base URL: the endpoint of your S3 client.
    #[schema(example = "https://storage.example.com")]
    endpoint: String,
    /// When the store stops taking them; UTC, whole seconds.
    #[schema(example = "2026-04-15T12:00:00Z", format = DateTime)]
    expiration: String,
    /// What every key starts with.
    #[schema(example = "research/")]
    prefix: String,
    /// The store's region.
    #[schema(example = "us-east-1")]
    region: String,
    #[schema(example = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
    secret_access_key: String,
    #[schema(example = "FwoGZXIvY...")]
    session_token: String,
}

/// A failure.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkspaceError {
    /// The status of the answer.
    #[schema(example = 401)]
    code: u16,
    /// What went wrong.
    #[schema(example = "Authentication failed")]
    detail: &'static str,
    /// What is wrong with the path, where that is it.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<FieldError>>,
    /// The sort of failure.
    #[schema(example = "authentication_error")]
    r#type: &'static str,
}

/// One part of a request that is no good.
#[derive(Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Which.
    #[schema(example = "path.ws")]
    location: &'static str,
    /// What is wrong with it.
    #[schema(
        example = "expected 1 to 63 of the characters a-z, 0-9 and -, the first of them no -"
    )]
    message: &'static str,
    /// The sort of mistake.
    #[schema(example = "invalid_slug")]
    r#type: &'static str,
}

impl Dialect for WorkspaceDialect {
    const NAME: &'static str = "workspace";
    const PATH: &'static str = "/api/v1/org/{org}/ws/{ws}/storage/credentials";
    const METHOD: Method = Method::GET;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        let request = &exchange.request;
        let credential = Credential::Token(body.with_header_credential(bearer_token(request))?);
        if let Some(lowest) = &exchange.gateway.minimum_client_version {
            check_version(request, lowest)?;
        }
        let wanted = Wanted::Workspace(workspace(request)?);
        let parameters = query_parameters(request, &Narrowing::PARAMETERS)?;
        let narrowing = Narrowing::of(&parameters)?;
        let granted =
            grant_session::<Self>(exchange, &credential, &wanted, narrowing, deadline).await?;
        let GrantedSession { grant, session } = &granted;
        let storage = &exchange.gateway.storage;
        Ok(HttpResponse::Ok().json(WorkspaceCredentials {
            access_key_id: session.access_key_id.clone(),
            bucket: grant.bucket.to_string(),
            endpoint: storage.endpoint.clone(),
            expiration: granted.expiration(),
            prefix: granted.prefix(),
            region: storage.region.clone(),
            secret_access_key: session.secret_access_key.expose_secret().to_owned(),
            session_token: session.session_token.expose_secret().to_owned(),
        }))
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        let (status, kind) = status_and_code(failure.cause());
        let errors = match failure {
            Failure::Unprocessable(places) => Some(
                places
                    .iter()
                    .copied()
                    .map(FieldError::invalid_slug)
                    .collect(),
            ),
            _ => None,
        };
        let mut response = HttpResponse::build(status).json(WorkspaceError {
            code: status.as_u16(),
            detail: detail(failure),
            errors,
            r#type: kind,
        });
        set_challenge(&mut response, failure, &exchange.gateway);
        set_retry_and_allow(&mut response, failure);
        response
    }

    fn operation() -> Operation {
        let granted = success(
            "Credentials to the workspace's prefix",
            "WorkspaceCredentials",
            json!({
                "access_key_id": "ASIAIOSFODNN7EXAMPLE",
                "bucket": "acme-research",
                "endpoint": "https://storage.example.com",
                "expiration": "2026-04-15T12:00:00Z",
                "prefix": "research/",
                "region": "us-east-1",
                "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "session_token": "FwoGZXIvY...",
            }),
        );
        let causes = [&Cause::OF_TOKEN_ROUTES[..], &OWN_CAUSES].concat();
        let path = ParameterIn::Path;
        let version = "How old the client is: a semantic version.";
        credential_operation(
            "getWorkspaceCredentials",
            "Get credentials to a workspace's storage",
            "For members: temporary S3 credentials that reach the workspace's prefix \
             and nothing else. A member who may only read gets credentials that can only \
             read.",
        )
        .security(requires(BEARER))
        .parameter(text_parameter("org", &path, "Organization slug", "acme"))
        .parameter(text_parameter("ws", &path, "Workspace slug", "research"))
        .parameter(text_parameter(
            "X-Client-Version",
            &ParameterIn::Header,
            version,
            "1.4.0",
        ))
        .parameters(Some(narrowing_parameters()))
        .responses(
            failures(
                &causes,
                "application/json",
                Some("WorkspaceError"),
                status_and_code,
            )
            .response("200", granted)
            .build(),
        )
        .build()
    }
}

impl FieldError {
    fn invalid_slug(location: &'static str) -> Self {
        Self {
            location,
            message: SLUG_FORM,
            r#type: "invalid_slug",
        }
    }
}

/// The sentences in which this dialect differs from the others.
fn detail(failure: &Failure) -> &'static str {
    match failure.cause() {
        Cause::NotFound => "There is no such workspace, or you are not a member of it.",
        Cause::NotEntitled => "You are blocked here, or the organisation is disabled.",
        Cause::Conflict => {
            "The bucket of this workspace exists and is not known to be its organisation's."
        }
        Cause::Unprocessable => "The path holds an invalid name.",
        _ => failure.detail(),
    }
}

/// A client that sends no version is let in.
fn check_version(request: &HttpRequest, lowest: &Version) -> Result<(), Failure> {
    let mut values = request.headers().get_all(X_CLIENT_VERSION);
    let Some(value) = values.next() else {
        return Ok(());
    };
    let version = value.to_str().ok().filter(|_| values.next().is_none());
    let version = version.and_then(|text| Version::parse(text).ok());
    let version = version.ok_or(Refusal::MalformedRequest(
        "The header X-Client-Version is not one semantic version (https://semver.org).",
    ))?;
    if version.cmp_precedence(lowest).is_lt() {
        return Err(Failure::ClientTooOld);
    }
    Ok(())
}

fn workspace(request: &HttpRequest) -> Result<WorkspaceName, Failure> {
    let slug = |name: &str| {
        let text = request.match_info().get(name).unwrap_or_default();
        text.parse::<Slug>().ok()
    };
    match (slug("org"), slug("ws")) {
        (Some(organisation), Some(workspace)) => Ok(WorkspaceName {
            organisation,
            workspace,
        }),
        (organisation, workspace) => {
            let organisation = organisation.is_none().then_some("path.org");
            let workspace = workspace.is_none().then_some("path.ws");
            let wrong = organisation.into_iter().chain(workspace);
            Err(Failure::Unprocessable(wrong.collect()))
        }
    }
}

/// This dialect's column of docs/api/README.md.
fn status_and_code(cause: Cause) -> (StatusCode, &'static str) {
    match cause {
        Cause::NoCredential
        | Cause::BadCredential
        | Cause::BadApiKey
        | Cause::ExpiredCredential
        | Cause::BadCapability
        | Cause::BadSession => (StatusCode::UNAUTHORIZED, "authentication_error"),
        Cause::MissingClaims | Cause::Malformed => (StatusCode::BAD_REQUEST, "invalid_request"),
        Cause::MissingScope | Cause::NotEntitled | Cause::Network => {
            (StatusCode::FORBIDDEN, "permission_denied")
        }
        Cause::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        Cause::Unprocessable => (StatusCode::UNPROCESSABLE_ENTITY, "validation_error"),
        Cause::ClientTooOld => (StatusCode::UPGRADE_REQUIRED, "upgrade_required"),
        Cause::Conflict => (StatusCode::CONFLICT, "conflict"),
        Cause::Rate => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        Cause::AuthorizationServer | Cause::Store => (StatusCode::BAD_GATEWAY, "bad_gateway"),
        Cause::AuthorizationServerTimeout | Cause::StoreTimeout => {
            (StatusCode::GATEWAY_TIMEOUT, "gateway_timeout")
        }
        Cause::Ours | Cause::NotQueued => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        Cause::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable"),
        Cause::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Cause::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
        Cause::UnsupportedMediaType => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
        }
    }
}

/// What this route may meet beyond [`Cause::OF_TOKEN_ROUTES`].
const OWN_CAUSES: [Cause; 3] = [Cause::NotFound, Cause::Unprocessable, Cause::ClientTooOld];
