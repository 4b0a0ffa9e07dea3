//! `POST /v1/credentials`, see docs/api/v1.md.

mod format;
mod iceberg;
mod texts;

use actix_web::HttpResponse;
use actix_web::http::Method;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;

use crate::http::dialects::dialect::Dialect;
use crate::http::dialects::session::{GrantedSession, grant_session};
use crate::http::exchange::Exchange;
use crate::http::input::bearer::bearer_token;
use crate::http::input::body::Body;
use crate::http::input::narrowing::Narrowing;
use crate::http::input::query::query_parameters;
use crate::http::openapi::operations::{
    BEARER, credential_operation, narrowing_parameters, problems_of, query_parameter, requires,
    success,
};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem;
use crate::http::state::StorageAddress;
use crate::service::{Credential, Deadline, Wanted};

use format::Format;

/// The dialect of `POST /v1/credentials`.
pub(crate) struct V1Dialect;

/// The bucket that is yours and temporary credentials that reach it and nothing else.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialsAnswer<'a> {
    /// The bucket's name.
    #[schema(example = "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a")]
    bucket: &'a str,
    /// The store's base URL: the endpoint of your S3 client.
    #[schema(example = "https://storage.example.com")]
    endpoint: &'a str,
    /// The store's region.
    #[schema(example = "us-east-1")]
    region: &'a str,
    credentials: TemporaryCredentials<'a>,
}

/// Temporary S3 credentials.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TemporaryCredentials<'a> {
    #[schema(example = "AKIAIOSFODNN7EXAMPLE")]
    access_key_id: &'a str,
    #[schema(example = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
    secret_access_key: &'a str,
    /// Goes with every request, as `AWS_SESSION_TOKEN` for instance.
    #[schema(example = "FwoGZXIvY...")]
    session_token: &'a str,
    /// When the store stops taking them; UTC, whole seconds.
    #[schema(example = "2026-03-15T14:00:00Z", format = DateTime)]
    expiration: String,
}

impl Dialect for V1Dialect {
    const NAME: &'static str = "v1";
    const PATH: &'static str = "/v1/credentials";
    const METHOD: Method = Method::POST;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        let (request, storage) = (&exchange.request, &exchange.gateway.storage);
        let known = [&Narrowing::PARAMETERS[..], &[format::PARAMETER]].concat();
        let parameters = query_parameters(request, &known)?;
        let format = Format::of(request, &parameters)?;
        if let Format::Text(tool) = format {
            tool.check(storage)?;
        }
        let credential = Credential::Token(body.with_header_credential(bearer_token(request))?);
        let narrowing = Narrowing::of(&parameters)?;
        let granted =
            grant_session::<Self>(exchange, &credential, &Wanted::Own, narrowing, deadline).await?;
        match format {
            Format::Text(tool) => Ok(tool.answer(&granted, storage)?),
            Format::Json => Ok(json_answer(&granted, storage)),
            Format::Iceberg => Ok(iceberg::answer(&granted, storage)),
        }
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        problem::answer(failure, exchange)
    }

    fn operation() -> Operation {
        let granted = success(
            "Credentials to the bucket of the token's client and subject",
            "CredentialsAnswer",
            json!({
                "bucket": "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a",
                "endpoint": "https://storage.example.com",
                "region": "us-east-1",
                "credentials": {
                    "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
                    "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                    "sessionToken": "FwoGZXIvY...",
                    "expiration": "2026-03-15T14:00:00Z",
                },
            }),
        );
        credential_operation(
            "getCredentials",
            "Get credentials to your own bucket",
            "Makes the bucket of the token's client and subject if it is missing, and \
             returns temporary S3 credentials that reach this bucket and nothing \
             else. The body may be empty or `{}`.",
        )
        .security(requires(BEARER))
        .parameters(Some(narrowing_parameters()))
        .parameter(query_parameter(
            format::PARAMETER,
            "The answer as text that this tool reads, ready to paste; with `iceberg` as JSON, as the \
             REST catalog's `LoadCredentialsResponse`.",
            format::names(),
        ))
        .responses(
            problems_of(&Cause::OF_TOKEN_ROUTES, Cause::problem_type)
                .response("200", granted)
                .build(),
        )
        .build()
    }
}

fn json_answer(granted: &GrantedSession, storage: &StorageAddress) -> HttpResponse {
    let GrantedSession { grant, session } = granted;
    HttpResponse::Ok().json(CredentialsAnswer {
        bucket: grant.bucket.as_str(),
        endpoint: &storage.endpoint,
        region: &storage.region,
        credentials: TemporaryCredentials {
            access_key_id: &session.access_key_id,
            secret_access_key: session.secret_access_key.expose_secret(),
            session_token: session.session_token.expose_secret(),
            expiration: granted.expiration(),
        },
    })
}
