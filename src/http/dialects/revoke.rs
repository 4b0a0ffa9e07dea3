//! `POST /v1/credentials/revoke`, see docs/revoke.md.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::Method;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;

use crate::domain::AuditCause;
use crate::http::dialects::dialect::Dialect;
use crate::http::exchange::Exchange;
use crate::http::input::bearer::bearer_token;
use crate::http::input::body::Body;
use crate::http::input::query::query_parameters;
use crate::http::openapi::operations::{
    BEARER, credential_operation, problems_of, requires, success,
};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::problems::problem;
use crate::service::{Credential, Deadline, Refusal, SessionsOf, Strength};

/// How long the store may take to refuse, so that the answer comes in time.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// The dialect of `POST /v1/credentials/revoke`.
pub(crate) struct RevokeDialect;

/// How your sessions were ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevokeAnswer {
    /// `immediate`: the store refuses them now. `within`: it was told, and does so by the time `by`.
    /// `at-expiry`: it cannot, and they expire by then.
    #[schema(example = "immediate")]
    revoked: &'static str,
    /// When the last of them is over; UTC, whole seconds.
    #[schema(example = "2026-03-15T13:00:00Z", format = DateTime)]
    by: String,
}

impl Dialect for RevokeDialect {
    const NAME: &'static str = "revoke";
    const PATH: &'static str = "/v1/credentials/revoke";
    const METHOD: Method = Method::POST;

    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure> {
        query_parameters(&exchange.request, &[])?;
        let credential = body.with_header_credential(bearer_token(&exchange.request))?;
        let strength = revoke(exchange, Credential::Token(credential), deadline).await?;
        let now = exchange.gateway.clock.now();
        Ok(HttpResponse::Ok().json(RevokeAnswer::new(strength, now)))
    }

    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse {
        problem::answer(failure, exchange)
    }

    fn operation() -> Operation {
        let done = success(
            "How the sessions were ended",
            "RevokeAnswer",
            json!({ "revoked": "immediate", "by": "2026-03-15T13:00:00Z" }),
        );
        // It makes no bucket, and a block does not keep anyone from it.
        let does_not_occur = [Cause::Conflict, Cause::NotEntitled];
        let causes = Cause::OF_TOKEN_ROUTES.into_iter();
        let causes: Vec<Cause> = causes
            .filter(|cause| !does_not_occur.contains(cause))
            .collect();
        credential_operation(
            "revokeCredentials",
            "End your own sessions",
            "Ends all credentials that were handed out to the token's client and subject, for a lost \
             laptop. New ones may be had at once. The body may be empty or `{}`.",
        )
        .security(requires(BEARER))
        .responses(
            problems_of(&causes, Cause::problem_type)
                .response("200", done)
                .build(),
        )
        .build()
    }
}

/// Who is asking → end what they have. A blocked caller may do so, too.
async fn revoke(
    exchange: &Exchange,
    credential: Credential,
    deadline: Deadline,
) -> Result<Strength, Refusal> {
    let (gateway, log) = (&exchange.gateway, &exchange.log);
    let use_cases = gateway.use_cases()?;
    let (_in_flight, caller) = exchange.caller(&credential, deadline).await?;
    // An erasure has ended the sessions of such a person, and their name must not come back.
    let restrictions = &use_cases.restrictions;
    if restrictions.is_erased(&caller.id(), deadline).await? {
        log.outcome("revoked");
        return Ok(Strength::Immediate);
    }
    let cause = AuditCause {
        time: gateway.clock.now(),
        request_id: exchange.request_id,
        dialect: RevokeDialect::NAME,
        caller: caller.id().to_string(),
    };
    let of = SessionsOf::Caller(caller.id());
    let revoke_sessions = Arc::clone(&use_cases.revoke_sessions);
    let revoking = revoke_sessions.revoke_detached(of, cause, PATIENCE, deadline);
    let report = revoking.await?;
    log.outcome("revoked");
    Ok(report.strength())
}

impl RevokeAnswer {
    fn new(strength: Strength, now: DateTime<Utc>) -> Self {
        let (revoked, by) = match strength {
            Strength::Immediate => ("immediate", now),
            Strength::Within(time) => ("within", now + time),
            Strength::AtExpiry { at, .. } => ("at-expiry", at),
        };
        let by = by.to_rfc3339_opts(SecondsFormat::Secs, true);
        Self { revoked, by }
    }
}
