//! `POST /core/v1/object_storage/access_keys/access_key/generate_credentials`: a new pair for an
//! access key that lasts, as Katapult's API of that path has it (docs/api/access-keys.md).

use actix_web::HttpResponse;
use actix_web::http::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, OperationBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, Ref, Required};

use crate::domain::{AccessKeyId, AccessToken, ApiKey, ApiKeyError, BucketName, Owner};
use crate::service::{
    AccessKeyRefusal, Credential, Deadline, Refusal, Rotated, Rotation, RotationCaller,
    RotationCredential,
};

use crate::http::dialects::dialect::Dialect;
use crate::http::exchange::Exchange;
use crate::http::input::bearer::bearer_token;
use crate::http::input::body::Body;
use crate::http::input::query::query_parameters;
use crate::http::openapi::operations::{BEARER, CREDENTIALS, failures, success};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem::set_retry_and_allow;

/// The dialect of access keys that last.
pub(crate) struct AccessKeyDialect;

/// Which key is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateCredentials {
    access_key: KeyLookup,
}

/// A key, by its name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyLookup {
    #[schema(example = "ak_0123456789abcdef01234567")]
    id: String,
}

const WRONG_BODY: &str = r#"The body is not {"access_key": {"id": "ak_…"}}, each once."#;

/// A key with its new credentials.
#[derive(Serialize, ToSchema)]
pub(crate) struct GeneratedCredentials {
    object_storage_access_key: ObjectStorageAccessKey,
}

/// An access key that lasts; its secret is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct ObjectStorageAccessKey {
    #[schema(example = "ak_0123456789abcdef01234567")]
    id: String,
    #[schema(example = "backups")]
    name: String,
    /// In seconds since 1970.
    #[schema(example = 1_791_234_567)]
    created_at: i64,
    #[schema(example = "us-east-1")]
    region: String,
    /// `pending`: the pair is made, and has not yet been seen to work.
    #[schema(example = "active")]
    state: &'static str,
    all_buckets_read: bool,
    all_objects_read: bool,
    all_objects_write: bool,
    read_buckets: Vec<String>,
    write_buckets: Vec<String>,
    /// The store's base URL: the endpoint of your S3 client.
    #[schema(example = "https://storage.example.com")]
    server_url: String,
    #[schema(example = "AKIAIOSFODNN7EXAMPLE")]
    s3_access_key_id: String,
    #[schema(example = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")]
    s3_secret_access_key: String,
}

/// A failure.
#[derive(Serialize, ToSchema)]
pub(crate) struct KatapultError {
    /// The sort of failure.
    #[schema(example = "invalid_api_token")]
    code: &'static str,
    /// What went wrong.
    #[schema(example = "The API token is not valid here.")]
    description: &'static str,
    /// What else is to be known.
    detail: Value,
}

impl Dialect for AccessKeyDialect {
    const NAME: &'static str = "katapult";
    const PATH: &'static str =
        "/core/v1/object_storage/access_keys/access_key/generate_credentials";
    const METHOD: Method = Method::POST;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        let request = &exchange.request;
        let credential = credential(bearer_token(request)?)?;
        query_parameters(request, &[])?;
        let asked: GenerateCredentials = body.json(WRONG_BODY)?;
        let rotated = rotate(exchange, &credential, &asked.access_key.id, deadline).await?;
        let Rotated { key, pair } = &rotated;
        let storage = &exchange.gateway.storage;
        let names = |buckets: &[BucketName]| buckets.iter().map(ToString::to_string).collect();
        Ok(HttpResponse::Ok().json(GeneratedCredentials {
            object_storage_access_key: ObjectStorageAccessKey {
                id: key.id.to_string(),
                name: key.name.clone(),
                created_at: key.created_at.timestamp(),
                region: storage.region.clone(),
                state: key.state.as_str(),
                all_buckets_read: key.rights.all_buckets_read,
                all_objects_read: key.rights.all_objects_read,
                all_objects_write: key.rights.all_objects_write,
                read_buckets: names(&key.rights.read_buckets),
                write_buckets: names(&key.rights.write_buckets),
                server_url: storage.endpoint.clone(),
                s3_access_key_id: pair.access_key_id.clone(),
                s3_secret_access_key: pair.secret_access_key.expose_secret().to_owned(),
            },
        }))
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        let (status, code) = status_and_code(failure.cause());
        let mut response = HttpResponse::build(status).json(KatapultError {
            code,
            description: description(failure),
            detail: detail(failure, exchange),
        });
        set_retry_and_allow(&mut response, failure);
        response
    }

    fn outcome(cause: Cause) -> &'static str {
        status_and_code(cause).1
    }

    fn operation() -> Operation {
        let generated = success(
            "New credentials; the ones before end (`access_keys.overlap`)",
            "GeneratedCredentials",
            json!({
                "object_storage_access_key": {
                    "id": "ak_0123456789abcdef01234567",
                    "name": "backups",
                    "created_at": 1_791_234_567,
                    "region": "us-east-1",
                    "state": "active",
                    "all_buckets_read": false,
                    "all_objects_read": false,
                    "all_objects_write": false,
                    "read_buckets": ["backups"],
                    "write_buckets": ["backups"],
                    "server_url": "https://storage.example.com",
                    "s3_access_key_id": "AKIAIOSFODNN7EXAMPLE",
                    "s3_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                },
            }),
        );
        let body = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("GenerateCredentials")))
            .build();
        let causes = [&Cause::OF_VENDING[..], &OWN_CAUSES].concat();
        OperationBuilder::new()
            .tag(CREDENTIALS)
            .operation_id(Some("generateCredentials"))
            .summary(Some("Get new credentials of an access key that lasts"))
            .description(Some(
                "For tools that cannot refresh: a pair without a session token, confined to the \
                 buckets of the access key. Every call makes a new pair and, once the store takes it, \
                 ends the one before; a secret is shown once. The Bearer token is an access token, an API key or a \
                 capability token.",
            ))
            .security(SecurityRequirement::new(BEARER, Vec::<String>::new()))
            .request_body(Some(
                RequestBodyBuilder::new()
                    .required(Some(Required::True))
                    .content("application/json", body)
                    .build(),
            ))
            .responses(
                failures(&causes, "application/json", Some("KatapultError"), status_and_code)
                    .response("200", generated)
                    .build(),
            )
            .build()
    }
}

/// Who is asking → which key is theirs → make a new pair of it.
async fn rotate(
    exchange: &Exchange,
    credential: &RotationCredential,
    id: &str,
    deadline: Deadline,
) -> Result<Rotated, Refusal> {
    let (gateway, log) = (&exchange.gateway, &exchange.log);
    let use_cases = gateway.use_cases()?;
    let _in_flight = gateway.enter()?;
    let key = id.parse::<AccessKeyId>().ok();
    let identified = use_cases
        .rotate_access_key
        .authenticate(
            &use_cases.authenticate,
            credential,
            key.as_ref(),
            exchange.client_address(),
            deadline,
        )
        .await?;
    if let RotationCaller::Caller(caller) = identified.caller() {
        log.asked_by(use_cases.entitle.pseudonym(&caller.as_owner()));
    }
    if let Some(key) = &key {
        let owner = Owner::AccessKey(key.clone());
        log.concerns_key(use_cases.entitle.pseudonym(&owner), key.as_str());
    }
    use_cases.caller_limit.take(&identified.caller().id())?;
    let caller = use_cases.rotate_access_key.admit(identified)?;
    let rotation = Rotation {
        request_id: exchange.request_id,
        dialect: AccessKeyDialect::NAME,
        caller,
        address: exchange.certain_address(),
        // Only now: callers that may not ask do not learn whether the id is well-formed.
        key: key.ok_or(AccessKeyRefusal::NoSuchKey)?,
    };
    let rotate_access_key = &use_cases.rotate_access_key;
    let rotated = rotate_access_key.rotate(rotation, deadline).await?;
    log.outcome("rotated");
    Ok(rotated)
}

/// What kind of token it is can be seen from its form; whether it is a good one cannot.
fn credential(token: AccessToken) -> Result<RotationCredential, Refusal> {
    if token.expose().starts_with(ApiKey::PREFIX) {
        let key = ApiKey::parse(token.expose()).map_err(ApiKeyError::from)?;
        return Ok(RotationCredential::Of(Credential::ApiKey(key)));
    }
    Ok(RotationCredential::of_token(token))
}

fn description(failure: &Failure) -> &'static str {
    match failure.cause() {
        Cause::NoCredential => {
            "No API token was provided in the Authorization header. Send 'Authorization: Bearer \
             <token>'."
        }
        Cause::BadCredential | Cause::ExpiredCredential | Cause::MissingClaims => {
            "The API token is not valid here: it may not exist, or have expired."
        }
        Cause::MissingScope => "The token was made without the scope that this takes.",
        Cause::NotEntitled => "This access key is not the token's to use, or it is disabled.",
        Cause::Network => "This access key may not be used from this network.",
        Cause::BadCapability => {
            "The capability token is not valid: expired, for another access key, or signed by \
             somebody else."
        }
        Cause::NotFound => "There is no such object storage access key.",
        Cause::NotQueued => {
            "The new credentials could not be put on record; the ones before still work."
        }
        Cause::Conflict => match failure {
            Failure::Refused(Refusal::AccessKey(AccessKeyRefusal::Pending)) => {
                "Earlier credentials of this access key are still being made. Try again later."
            }
            Failure::Refused(Refusal::AccessKey(AccessKeyRefusal::NoPolicy(_))) => {
                "What this access key opens cannot be confined here: ask the operator."
            }
            _ => "A bucket of this access key is not its owner's.",
        },
        Cause::Rate => "The rate limit is reached.",
        Cause::AuthorizationServer
        | Cause::AuthorizationServerTimeout
        | Cause::Store
        | Cause::StoreTimeout
        | Cause::Ours
        | Cause::Overloaded => "The service is unavailable at the moment. Try again later.",
        _ => failure.detail(),
    }
}

fn detail(failure: &Failure, exchange: &Exchange) -> Value {
    if let Failure::Refused(Refusal::RateLimited { spent, .. }) = failure {
        return json!({ "total_permitted": spent.permitted });
    }
    match failure.cause() {
        Cause::MissingScope => json!({ "scopes": [scope(exchange)] }),
        Cause::NotQueued => json!({ "details": "The registry cannot be written." }),
        _ => json!({}),
    }
}

/// What an API key needs, or an access token.
fn scope(exchange: &Exchange) -> Option<&str> {
    let rotate_access_key = &exchange.gateway.use_cases().ok()?.rotate_access_key;
    Some(match bearer_token(&exchange.request) {
        Ok(token) if !token.expose().starts_with(ApiKey::PREFIX) => rotate_access_key.oauth_scope(),
        _ => rotate_access_key.scope(),
    })
}

/// This dialect's column of docs/api/README.md, and the codes of docs/api/access-keys.md.
fn status_and_code(cause: Cause) -> (StatusCode, &'static str) {
    match cause {
        Cause::NoCredential => (StatusCode::BAD_REQUEST, "missing_api_token"),
        Cause::BadCredential | Cause::ExpiredCredential | Cause::MissingClaims => {
            (StatusCode::FORBIDDEN, "invalid_api_token")
        }
        Cause::BadCapability => (StatusCode::FORBIDDEN, "invalid_capabilities_token"),
        Cause::MissingScope => (StatusCode::FORBIDDEN, "scope_not_granted"),
        Cause::NotEntitled => (StatusCode::FORBIDDEN, "permission_denied"),
        Cause::Network => (StatusCode::FORBIDDEN, "unauthorized_network_for_api_token"),
        Cause::NotFound => (StatusCode::NOT_FOUND, "object_storage_access_key_not_found"),
        Cause::NotQueued => (StatusCode::NOT_ACCEPTABLE, "task_queueing_error"),
        Cause::Malformed | Cause::Unprocessable | Cause::ClientTooOld => {
            (StatusCode::BAD_REQUEST, "invalid_request")
        }
        Cause::Conflict => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "object_storage_provisioning_error",
        ),
        Cause::Rate => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_reached"),
        Cause::AuthorizationServer
        | Cause::AuthorizationServerTimeout
        | Cause::Store
        | Cause::StoreTimeout
        | Cause::Ours
        | Cause::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable"),
        Cause::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Cause::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
        Cause::UnsupportedMediaType => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
        }
    }
}

/// What this route may meet beyond what every route with tokens does.
const OWN_CAUSES: [Cause; 5] = [
    Cause::NotEntitled,
    Cause::Network,
    Cause::BadCapability,
    Cause::NotFound,
    Cause::NotQueued,
];
