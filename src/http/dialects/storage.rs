//! `GET /v1/storage`: what the caller may open; see docs/api/storage.md.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;

use crate::domain::Owner;
use crate::service::{
    Credential, Deadline, ListPosition, ListedStorage, PageQuery, Refusal, StorageList as Listed,
};

use crate::http::dialects::dialect::Dialect;
use crate::http::exchange::Exchange;
use crate::http::input::api_key::{api_key, challenge_for_api_key};
use crate::http::input::bearer::bearer_token;
use crate::http::input::body::Body;
use crate::http::input::paging::{PAGING, page, paging_parameters};
use crate::http::input::query::query_parameters;
use crate::http::openapi::operations::{
    API_KEY, BEARER, credential_operation, problems_of, requires, success,
};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem;
use crate::http::state::StorageAddress;

/// The dialect of `GET /v1/storage`.
pub(crate) struct StorageDialect;

/// What the caller may open.
#[derive(Serialize, ToSchema)]
pub(crate) struct StorageList<'a> {
    items: Vec<StorageItem<'a>>,
    /// The value of `after` for the next page; null on the last one.
    #[schema(required)]
    next: Option<String>,
}

/// Storage that the caller may open.
#[derive(Serialize, ToSchema)]
pub(crate) struct StorageItem<'a> {
    /// `own`: the bucket of the token's client and subject. `organisation`: the API key's.
    /// `workspace`: one that the caller is a member of.
    #[schema(example = "workspace")]
    kind: &'static str,
    /// The organisation's or the workspace's name; null for the caller's own bucket.
    #[schema(example = "acme/research", required)]
    name: Option<String>,
    /// The bucket's name; null until the bucket was made, by the first call for credentials.
    #[schema(example = "acme-research", required)]
    bucket: Option<String>,
    /// What every key starts with; empty if the whole bucket is the caller's.
    #[schema(example = "research/")]
    prefix: String,
    /// `read` or `read-write`.
    #[schema(example = "read-write")]
    access: &'static str,
    /// The store's base URL: the endpoint of your S3 client.
    #[schema(example = "https://storage.example.com")]
    endpoint: &'a str,
    /// The store's region.
    #[schema(example = "us-east-1")]
    region: &'a str,
}

impl Dialect for StorageDialect {
    const NAME: &'static str = "storage";
    const PATH: &'static str = "/v1/storage";
    const METHOD: Method = Method::GET;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        let request = &exchange.request;
        let parameters = query_parameters(request, &PAGING)?;
        let credential = body.with_header_credential(credential(request))?;
        let page = page(&parameters)?;
        let list = list(exchange, &credential, &page, deadline).await?;
        let storage = &exchange.gateway.storage;
        Ok(HttpResponse::Ok().json(StorageList::new(&list, storage)))
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        let mut response = problem::answer(failure, exchange);
        if failure.cause() == Cause::BadApiKey {
            challenge_for_api_key(&mut response);
        }
        response
    }

    fn operation() -> Operation {
        let listed = success(
            "What the caller may open",
            "StorageList",
            json!({
                "items": [
                    {
                        "kind": "own",
                        "name": null,
                        "bucket": "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a",
                        "prefix": "",
                        "access": "read-write",
                        "endpoint": "https://storage.example.com",
                        "region": "us-east-1",
                    },
                    {
                        "kind": "workspace",
                        "name": "acme/research",
                        "bucket": "acme-research",
                        "prefix": "research/",
                        "access": "read",
                        "endpoint": "https://storage.example.com",
                        "region": "us-east-1",
                    },
                ],
                "next": null,
            }),
        );
        // It makes no bucket, and asks the store for nothing.
        let does_not_occur = [Cause::Conflict, Cause::Store, Cause::StoreTimeout];
        let causes = Cause::OF_TOKEN_ROUTES.into_iter();
        let mut causes: Vec<Cause> = causes
            .filter(|cause| !does_not_occur.contains(cause))
            .collect();
        causes.push(Cause::BadApiKey);
        credential_operation(
            "listStorage",
            "List what you may open",
            "Lists the caller's own bucket and workspaces, or an API key's organisation, and makes \
             nothing.",
        )
        .security(requires(BEARER))
        .security(requires(API_KEY))
        .parameters(Some(paging_parameters()))
        .responses(
            problems_of(&causes, Cause::problem_type)
                .response("200", listed)
                .build(),
        )
        .build()
    }
}

impl<'a> StorageList<'a> {
    fn new(list: &Listed, storage: &'a StorageAddress) -> Self {
        let items = list.items.iter();
        Self {
            items: items.map(|item| StorageItem::new(item, storage)).collect(),
            next: list.next.as_ref().map(ToString::to_string),
        }
    }
}

impl<'a> StorageItem<'a> {
    fn new(listed: &ListedStorage, storage: &'a StorageAddress) -> Self {
        let (kind, name) = kind_and_name(&listed.owner);
        let grant = &listed.grant;
        let prefix = grant.prefix.as_ref();
        Self {
            kind,
            name,
            bucket: listed.is_made.then(|| grant.bucket.to_string()),
            prefix: prefix.map(ToString::to_string).unwrap_or_default(),
            access: grant.access.as_str(),
            endpoint: &storage.endpoint,
            region: &storage.region,
        }
    }
}

fn kind_and_name(owner: &Owner) -> (&'static str, Option<String>) {
    match owner {
        Owner::Principal(_) => ("own", None),
        Owner::Organisation(_) | Owner::Workspace(_) | Owner::AccessKey(_) => {
            (owner.kind(), Some(owner.id()))
        }
    }
}

/// Who is asking → what is theirs, in the order of the credential routes.
async fn list(
    exchange: &Exchange,
    credential: &Credential,
    page: &PageQuery<ListPosition>,
    deadline: Deadline,
) -> Result<Listed, Refusal> {
    let (_in_flight, caller) = exchange.caller(credential, deadline).await?;
    let list = &exchange.gateway.use_cases()?.list_storage;
    let asked = exchange.request_id.time();
    list.list(&caller, page, asked, deadline).await
}

/// An access token or an API key: with both, it is unclear who is asking.
fn credential(request: &HttpRequest) -> Result<Credential, Refusal> {
    match (bearer_token(request), api_key(request)) {
        (token, Err(Refusal::MissingCredential)) => token.map(Credential::Token),
        (Err(Refusal::MissingCredential), key) => key.map(Credential::ApiKey),
        _ => Err(Refusal::MalformedRequest(
            "The request holds both an access token and an API key.",
        )),
    }
}
