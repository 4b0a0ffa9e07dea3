//! `POST /storage/boto`: credentials to an organisation's own prefix, for its API key; see
//! docs/api/storage-boto.md.

use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode};
use chrono::SecondsFormat;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;

use crate::service::{Credential, Deadline, Wanted};

use crate::http::dialects::dialect::Dialect;
use crate::http::dialects::session::{GrantedSession, grant_session};
use crate::http::exchange::Exchange;
use crate::http::input::api_key::{api_key, challenge_for_api_key};
use crate::http::input::body::Body;
use crate::http::input::narrowing::Narrowing;
use crate::http::input::query::query_parameters;
use crate::http::openapi::operations::{
    API_KEY, credential_operation, narrowing_parameters, problems_of, requires, success,
};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem;
use crate::http::problems::types::ProblemType;

/// The dialect of `POST /storage/boto`.
pub(crate) struct StorageBotoDialect;

/// Temporary credentials, and where they open.
#[derive(Serialize, ToSchema)]
pub(crate) struct BotoAnswer {
    credentials: BotoCredentials,
    bucket_info: BucketInfo,
}

/// Temporary credentials, named as boto3's configuration has it.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are the API's")]
pub(crate) struct BotoCredentials {
    #[schema(example = "us-east-1")]
    aws_region: String,
    #[schema(example = "ASIAIOSFODNN7EXAMPLE")]
    aws_key_id: String,
    #[schema(example = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
    aws_secret_access_key: String,
    #[schema(example = "FwoGZXIvYXdzEJr...")]
    aws_session_token: String,
    /// When the store stops taking them; UTC, whole seconds.
    #[schema(example = "2026-06-29T16:30:00+00:00", format = DateTime)]
    aws_session_expiration: String,
}

/// Where the credentials open.
#[derive(Serialize, ToSchema)]
pub(crate) struct BucketInfo {
    /// The bucket's name.
    #[schema(example = "prod-minerva-client-acme")]
    name: String,
    /// What every key starts with.
    #[schema(example = "acme/")]
    prefix: String,
    /// Both, as the AWS CLI takes them.
    #[schema(example = "s3://prod-minerva-client-acme/acme/")]
    uri: String,
}

impl Dialect for StorageBotoDialect {
    const NAME: &'static str = "minerva";
    const PATH: &'static str = "/storage/boto";
    const METHOD: Method = Method::POST;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        let request = &exchange.request;
        let credential = Credential::ApiKey(body.with_header_credential(api_key(request))?);
        let parameters = query_parameters(request, &Narrowing::PARAMETERS)?;
        let (wanted, narrowing) = (Wanted::Organisation, Narrowing::of(&parameters)?);
        let granted =
            grant_session::<Self>(exchange, &credential, &wanted, narrowing, deadline).await?;
        let GrantedSession { grant, session } = &granted;
        let (name, prefix) = (grant.bucket.to_string(), granted.prefix());
        let expiration = session.expiration;
        Ok(HttpResponse::Ok().json(BotoAnswer {
            credentials: BotoCredentials {
                aws_region: exchange.gateway.storage.region.clone(),
                aws_key_id: session.access_key_id.clone(),
                aws_secret_access_key: session.secret_access_key.expose_secret().to_owned(),
                aws_session_token: session.session_token.expose_secret().to_owned(),
                aws_session_expiration: expiration.to_rfc3339_opts(SecondsFormat::Secs, false),
            },
            bucket_info: BucketInfo {
                uri: format!("s3://{name}/{prefix}"),
                name,
                prefix,
            },
        }))
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        let problem = type_of(failure.cause());
        let mut response = problem::answer_as(problem, failure, exchange);
        if problem.status() == StatusCode::UNAUTHORIZED {
            challenge_for_api_key(&mut response);
        }
        response
    }

    fn outcome(cause: Cause) -> &'static str {
        type_of(cause).slug()
    }

    fn operation() -> Operation {
        let granted = success(
            "Credentials to the prefix of the key's organisation",
            "BotoAnswer",
            json!({
                "credentials": {
                    "aws_region": "us-east-1",
                    "aws_key_id": "ASIAIOSFODNN7EXAMPLE",
                    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                    "aws_session_token": "FwoGZXIvYXdzEJr...",
                    "aws_session_expiration": "2026-06-29T16:30:00+00:00",
                },
                "bucket_info": {
                    "name": "prod-minerva-client-acme",
                    "prefix": "acme/",
                    "uri": "s3://prod-minerva-client-acme/acme/",
                },
            }),
        );
        credential_operation(
            "getBotoCredentials",
            "Get credentials to your organisation's storage",
            "Returns temporary S3 credentials that reach the organisation's prefix \
             and nothing else: get, put, delete, and list with this prefix. The body may be \
             empty or `{}`.",
        )
        .security(requires(API_KEY))
        .parameters(Some(narrowing_parameters()))
        .responses(
            problems_of(&CAUSES, type_of)
                .response("200", granted)
                .build(),
        )
        .build()
    }
}

/// This dialect's column of docs/api/README.md. Where it differs from the others, it follows
/// docs/api/storage-boto.md.
fn type_of(cause: Cause) -> ProblemType {
    match cause {
        Cause::NoCredential | Cause::BadCredential => ProblemType::InvalidApiKey,
        Cause::Store | Cause::StoreTimeout => ProblemType::ProvisioningFailed,
        other => other.problem_type(),
    }
}

/// What this route may meet.
const CAUSES: [Cause; 13] = [
    Cause::NoCredential,
    Cause::BadCredential,
    Cause::BadApiKey,
    Cause::NotEntitled,
    Cause::Malformed,
    Cause::Conflict,
    Cause::Rate,
    Cause::Store,
    Cause::Ours,
    Cause::Overloaded,
    Cause::MethodNotAllowed,
    Cause::PayloadTooLarge,
    Cause::UnsupportedMediaType,
];
