//! `GET /v1/storage/sessions`: what was handed out to the caller lately; see docs/api/sessions.md.

use actix_web::HttpResponse;
use actix_web::http::Method;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;

use crate::domain::{Prefix, RequestId};
use crate::service::{
    Credential, Deadline, ListedSession, PageQuery, Refusal, SessionList as Listed,
};

use crate::http::dialects::dialect::Dialect;
use crate::http::exchange::Exchange;
use crate::http::input::bearer::bearer_token;
use crate::http::input::body::Body;
use crate::http::input::paging::{PAGING, page, paging_parameters};
use crate::http::input::query::query_parameters;
use crate::http::openapi::operations::{
    BEARER, credential_operation, problems_of, requires, success,
};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem;

/// The dialect of `GET /v1/storage/sessions`.
pub(crate) struct StorageSessionsDialect;

/// What was handed out to you lately.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionList<'a> {
    /// The newest first.
    items: Vec<SessionItem<'a>>,
    /// The value of `after` for the next page; null on the last one.
    #[schema(required)]
    next: Option<String>,
}

/// Credentials that were handed out.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionItem<'a> {
    /// When they were handed out; UTC, whole seconds.
    #[schema(example = "2026-03-15T12:00:00Z", format = DateTime)]
    time: String,
    /// Which API handed them out: `v1`, `container`, `sts`, `workspace`.
    #[schema(example = "v1")]
    dialect: &'a str,
    /// The bucket that they open.
    #[schema(example = "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a")]
    bucket: &'a str,
    /// What every key starts with that they open; empty for the whole bucket.
    #[schema(example = "")]
    prefix: &'a str,
    /// `read` or `read-write`.
    #[schema(example = "read-write")]
    access: &'static str,
    /// The id of the access key, which is no secret.
    #[schema(example = "ASIAEXAMPLE")]
    access_key_id: &'a str,
    /// When they expire; UTC, whole seconds.
    #[schema(example = "2026-03-15T13:00:00Z", format = DateTime)]
    expiration: String,
    /// Whether your sessions, or those for this storage, were revoked since.
    revoked: bool,
}

impl Dialect for StorageSessionsDialect {
    const NAME: &'static str = "sessions";
    const PATH: &'static str = "/v1/storage/sessions";
    const METHOD: Method = Method::GET;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        let parameters = query_parameters(&exchange.request, &PAGING)?;
        let credential = body.with_header_credential(bearer_token(&exchange.request))?;
        let page = page(&parameters)?;
        let credential = Credential::Token(credential);
        let list = list(exchange, &credential, &page, deadline).await?;
        Ok(HttpResponse::Ok().json(SessionList::new(&list)))
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        problem::answer(failure, exchange)
    }

    fn operation() -> Operation {
        let listed = success(
            "What was handed out",
            "SessionList",
            json!({
                "items": [
                    {
                        "time": "2026-03-15T12:00:00Z",
                        "dialect": "v1",
                        "bucket": "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a",
                        "prefix": "",
                        "access": "read-write",
                        "access_key_id": "ASIAEXAMPLE",
                        "expiration": "2026-03-15T13:00:00Z",
                        "revoked": false,
                    },
                ],
                "next": null,
            }),
        );
        // It makes no bucket, and asks the store for nothing.
        let does_not_occur = [Cause::Conflict, Cause::Store, Cause::StoreTimeout];
        let causes = Cause::OF_TOKEN_ROUTES.into_iter();
        let causes: Vec<Cause> = causes
            .filter(|cause| !does_not_occur.contains(cause))
            .collect();
        credential_operation(
            "listSessions",
            "List what was handed out to you",
            "Lists the credentials that the token's client and subject got in the last 12 hours, the \
             longest that any last, without their secrets.",
        )
        .security(requires(BEARER))
        .parameters(Some(paging_parameters()))
        .responses(
            problems_of(&causes, Cause::problem_type)
                .response("200", listed)
                .build(),
        )
        .build()
    }
}

impl<'a> SessionList<'a> {
    fn new(list: &'a Listed) -> Self {
        Self {
            items: list.items.iter().map(SessionItem::new).collect(),
            next: list.next.as_ref().map(ToString::to_string),
        }
    }
}

impl<'a> SessionItem<'a> {
    fn new(listed: &'a ListedSession) -> Self {
        let session = &listed.session;
        let prefix = session.prefix.as_ref();
        Self {
            time: utc(session.time),
            dialect: &session.dialect,
            bucket: session.bucket.as_str(),
            prefix: prefix.map(Prefix::as_str).unwrap_or_default(),
            access: session.access.as_str(),
            access_key_id: &session.access_key_id,
            expiration: utc(session.expiration),
            revoked: listed.is_revoked,
        }
    }
}

fn utc(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Who is asking → what they were given, in the order of the credential routes.
async fn list(
    exchange: &Exchange,
    credential: &Credential,
    page: &PageQuery<RequestId>,
    deadline: Deadline,
) -> Result<Listed, Refusal> {
    let (_in_flight, caller) = exchange.caller(credential, deadline).await?;
    let list = &exchange.gateway.use_cases()?.list_sessions;
    let asked = exchange.request_id.time();
    list.list(&caller, page, asked, deadline).await
}
