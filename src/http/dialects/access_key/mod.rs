//! `POST /core/v1/object_storage/access_keys/access_key/generate_credentials`: a new pair for an
//! access key, as in Katapult's API (docs/api/access-keys.md).

mod words;

use actix_web::HttpResponse;
use actix_web::http::Method;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::request_body::RequestBodyBuilder;
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
use crate::http::openapi::operations::{BEARER, credential_operation, failures, requires, success};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem::set_retry_and_allow;

pub(crate) use words::KatapultError;

/// The dialect of access keys.
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

    fn refuse(failure: &Failure, _: &Exchange) -> HttpResponse {
        let (status, code) = words::status_and_code(failure.cause());
        let mut response = HttpResponse::build(status).json(KatapultError {
            code,
            description: words::description(failure),
            detail: words::detail(failure),
        });
        set_retry_and_allow(&mut response, failure);
        response
    }

    fn outcome(cause: Cause) -> &'static str {
        words::status_and_code(cause).1
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
        let causes = [&Cause::OF_TOKEN_ROUTES[..], &OWN_CAUSES].concat();
        credential_operation(
            "generateCredentials",
            "Get new credentials of an access key that lasts",
            "For tools that cannot refresh: a pair without a session token, confined to the \
             buckets of the access key. Every call makes a new pair and, once the store \
             takes it, ends the one before; a secret is shown once. The Bearer token is an \
             access token, an API key or a capability token.",
        )
        .security(requires(BEARER))
        .request_body(Some(
            RequestBodyBuilder::new()
                .required(Some(Required::True))
                .content("application/json", body)
                .build(),
        ))
        .responses(
            failures(
                &causes,
                "application/json",
                Some("KatapultError"),
                words::status_and_code,
            )
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

/// Tells the kinds of token apart by their form; they are checked later.
fn credential(token: AccessToken) -> Result<RotationCredential, Refusal> {
    if ApiKey::has_form(token.expose()) {
        let key = ApiKey::parse(token.expose()).map_err(ApiKeyError::from)?;
        return Ok(RotationCredential::Of(Credential::ApiKey(key)));
    }
    Ok(RotationCredential::of_token(token))
}

/// What this route may meet beyond [`Cause::OF_TOKEN_ROUTES`].
const OWN_CAUSES: [Cause; 4] = [
    Cause::Network,
    Cause::BadCapability,
    Cause::NotFound,
    Cause::NotQueued,
];
