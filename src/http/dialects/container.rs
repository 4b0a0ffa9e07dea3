//! `GET /v1/credentials/container`: what AWS SDKs ask of a container's credential endpoint
//! (`AWS_CONTAINER_CREDENTIALS_FULL_URI`), and what they take from a `credential_process`.

use std::time::Duration;

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, ParameterIn};

use crate::domain::AccessToken;
use crate::http::dialects::dialect::Dialect;
use crate::http::dialects::session::{WORKSPACE, detail, grant_session, workspace};
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
use crate::service::{Credential, Deadline, Refusal, Wanted};

/// botocore gives up after 2 s, so an answer must be out after 1.8 s. The rest is slack for a busy
/// machine.
const TIME_LIMIT: Duration = Duration::from_millis(1_600);

/// The dialect of `GET /v1/credentials/container`.
pub(crate) struct ContainerDialect;

/// Temporary credentials as AWS SDKs read them, from this address or from a `credential_process`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ContainerCredentials {
    /// Of this format, for a `credential_process`.
    #[schema(example = 1)]
    version: u8,
    #[schema(example = "AKIAIOSFODNN7EXAMPLE")]
    access_key_id: String,
    #[schema(example = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
    secret_access_key: String,
    /// The session token, as a container's endpoint calls it.
    #[schema(example = "FwoGZXIvY...")]
    token: String,
    /// The session token, as a `credential_process` calls it.
    #[schema(example = "FwoGZXIvY...")]
    session_token: String,
    /// When to ask again; UTC, whole seconds.
    #[schema(example = "2026-03-15T14:00:00Z", format = DateTime)]
    expiration: String,
}

/// A failure as AWS SDKs print it: some read the small names, some the capital ones.
#[derive(Serialize, ToSchema)]
pub(crate) struct ContainerError {
    #[schema(example = "InvalidIdentityToken")]
    code: &'static str,
    #[schema(example = "The access token is not valid here.")]
    message: &'static str,
    #[serde(rename = "Code")]
    #[schema(rename = "Code", example = "InvalidIdentityToken")]
    capital_code: &'static str,
    #[serde(rename = "Message")]
    #[schema(rename = "Message", example = "The access token is not valid here.")]
    capital_message: &'static str,
}

impl Dialect for ContainerDialect {
    const NAME: &'static str = "container";
    const PATH: &'static str = "/v1/credentials/container";
    const METHOD: Method = Method::GET;
    const TIME_LIMIT: Duration = TIME_LIMIT;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        let request = &exchange.request;
        let [access, duration] = Narrowing::PARAMETERS;
        let parameters = query_parameters(request, &[access, duration, WORKSPACE])?;
        let credential = Credential::Token(body.with_header_credential(token(request))?);
        let narrowing = Narrowing::of(&parameters)?;
        let mut workspaces = parameters.iter().filter(|(name, _)| name == WORKSPACE);
        let wanted = workspaces.next().map(|(_, name)| workspace(name));
        let wanted = wanted.transpose()?.unwrap_or(Wanted::Own);
        let granted =
            grant_session::<Self>(exchange, &credential, &wanted, narrowing, deadline).await?;
        let session_token = granted.session.session_token.expose_secret();
        Ok(HttpResponse::Ok().json(ContainerCredentials {
            version: 1,
            access_key_id: granted.session.access_key_id.clone(),
            secret_access_key: granted.session.secret_access_key.expose_secret().to_owned(),
            token: session_token.to_owned(),
            session_token: session_token.to_owned(),
            expiration: granted.expiration(),
        }))
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        let (status, code) = status_and_code(failure.cause());
        let error = ContainerError::new(code, detail(failure));
        let mut response = HttpResponse::build(status).json(error);
        set_challenge(&mut response, failure, &exchange.gateway);
        set_retry_and_allow(&mut response, failure);
        response
    }

    fn operation() -> Operation {
        let granted = success(
            "Credentials to the bucket of the token's client and subject, or to the workspace",
            "ContainerCredentials",
            json!({
                "Version": 1,
                "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
                "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "Token": "FwoGZXIvY...",
                "SessionToken": "FwoGZXIvY...",
                "Expiration": "2026-03-15T14:00:00Z",
            }),
        );
        credential_operation(
            "getContainerCredentials",
            "Get credentials as AWS SDKs ask for them",
            "For AWS_CONTAINER_CREDENTIALS_FULL_URI: an unmodified SDK asks here, and asks \
             again before its credentials expire. The header Authorization may hold the \
             bare token. The same answer serves as the output of a credential_process.",
        )
        .security(requires(BEARER))
        .parameters(Some(narrowing_parameters()))
        .parameter(text_parameter(
            WORKSPACE,
            &ParameterIn::Query,
            "A workspace that the caller is a member of, instead of the caller's own bucket.",
            "acme/research",
        ))
        .responses(
            failures(
                &Cause::OF_TOKEN_ROUTES,
                "application/json",
                Some("ContainerError"),
                status_and_code,
            )
            .response("200", granted)
            .build(),
        )
        .build()
    }
}

impl ContainerError {
    fn new(code: &'static str, message: &'static str) -> Self {
        Self {
            code,
            message,
            capital_code: code,
            capital_message: message,
        }
    }
}

/// SDKs send `AWS_CONTAINER_AUTHORIZATION_TOKEN` unchanged: with a scheme if it holds one, else the
/// bare token.
fn token(request: &HttpRequest) -> Result<AccessToken, Refusal> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    match (values.next(), values.next()) {
        (Some(value), None) if is_bare(value.as_bytes()) => value
            .to_str()
            .ok()
            .and_then(|token| AccessToken::parse(token).ok())
            .ok_or(Refusal::MalformedRequest(
                "The token is longer than 8 KiB or malformed (RFC 6750 section 2.1).",
            )),
        _ => bearer_token(request),
    }
}

/// One word, and not the scheme alone.
fn is_bare(value: &[u8]) -> bool {
    !value.is_empty() && !value.contains(&b' ') && !value.eq_ignore_ascii_case(b"Bearer")
}

/// This dialect's column of docs/api/README.md.
fn status_and_code(cause: Cause) -> (StatusCode, &'static str) {
    match cause {
        Cause::NoCredential => (StatusCode::UNAUTHORIZED, "MissingAuthenticationToken"),
        Cause::BadCredential
        | Cause::BadApiKey
        | Cause::ExpiredCredential
        | Cause::BadCapability
        | Cause::BadSession => (StatusCode::UNAUTHORIZED, "InvalidIdentityToken"),
        Cause::MissingClaims => (StatusCode::BAD_REQUEST, "InvalidIdentityToken"),
        Cause::MissingScope | Cause::NotEntitled | Cause::NotFound | Cause::Network => {
            (StatusCode::FORBIDDEN, "AccessDenied")
        }
        Cause::Malformed | Cause::Unprocessable | Cause::ClientTooOld => {
            (StatusCode::BAD_REQUEST, "InvalidRequest")
        }
        Cause::Conflict => (StatusCode::CONFLICT, "Conflict"),
        Cause::Rate => (StatusCode::TOO_MANY_REQUESTS, "Throttling"),
        Cause::AuthorizationServer | Cause::AuthorizationServerTimeout => {
            (StatusCode::BAD_GATEWAY, "IDPCommunicationError")
        }
        Cause::Store | Cause::StoreTimeout => (StatusCode::BAD_GATEWAY, "ServiceUnavailable"),
        Cause::Ours | Cause::NotQueued => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
        Cause::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        Cause::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        Cause::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
        Cause::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType"),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(values: &[&str]) -> Result<String, Refusal> {
        let mut request = TestRequest::default();
        for value in values {
            request = request.append_header(("authorization", *value));
        }
        token(&request.to_http_request()).map(|token| token.expose().to_owned())
    }

    #[test]
    fn token_comes_with_a_scheme_or_bare() {
        for values in ["abc", "Bearer abc", "bearer abc"] {
            assert_eq!(read(&[values]).unwrap(), "abc");
        }
    }

    #[test]
    fn malformed_tokens_are_refused() {
        let long = "a".repeat(8_193);
        for values in [
            &["Bearer"][..],
            &["Bearer a b"],
            &["a,b"],
            &[long.as_str()],
            &["a", "a"],
            &["Bearer a", "a"],
        ] {
            assert!(
                matches!(read(values), Err(Refusal::MalformedRequest(_))),
                "{values:?}"
            );
        }
        for values in [
            &[][..],
            &[""],
            &["Basic YTpi"],
            &["AWS4-HMAC-SHA256 Credential=x"],
        ] {
            assert!(
                matches!(read(values), Err(Refusal::MissingCredential)),
                "{values:?}"
            );
        }
    }
}
