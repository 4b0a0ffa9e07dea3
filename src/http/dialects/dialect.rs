use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::path::Operation;

use crate::service::{Deadline, Refusal};

use crate::http::exchange::Exchange;
use crate::http::input::body::Body;
use crate::http::middleware::request_log::{Words, observe};
use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;
use crate::http::state::Gateway;

/// One public API: it reads a request, has it fulfilled, renders the answer and words refusals.
///
/// A dialect knows HTTP and nothing of stores.
pub(crate) trait Dialect: 'static {
    /// Its name in the audit trail.
    const NAME: &'static str;

    /// The one address at which it answers.
    const PATH: &'static str;

    /// The one method that it answers.
    const METHOD: Method;

    /// How long an answer may take.
    const TIME_LIMIT: Duration = Duration::from_secs(5);

    /// The answer to a request that gets what it asks for.
    async fn answer(
        exchange: &Exchange,
        body: &Body,
        deadline: Deadline,
    ) -> Result<HttpResponse, Failure>;

    /// The answer to any other.
    fn refuse(failure: &Failure, exchange: &Exchange) -> HttpResponse;

    /// A refusal's name in the log.
    fn outcome(cause: Cause) -> &'static str {
        cause.problem_type().slug()
    }

    /// The route in the contract.
    fn operation() -> Operation;
}

impl Words {
    /// This dialect's.
    pub(crate) fn of<D: Dialect>() -> Self {
        Self {
            dialect: D::NAME,
            refuse: D::refuse,
            outcome: D::outcome,
        }
    }
}

/// The whole of a credential route, in any dialect.
pub(crate) async fn respond<D: Dialect>(
    request: HttpRequest,
    gateway: web::Data<Gateway>,
    payload: web::Payload,
) -> HttpResponse {
    observe(request, gateway, Words::of::<D>(), async |exchange| {
        exchange.gateway.check_open()?;
        let deadline = Deadline::after(D::TIME_LIMIT);
        let body = Body::read(&exchange.request, payload);
        let body = deadline.limit(D::TIME_LIMIT, body).await;
        let too_slow = || Refusal::MalformedRequest("The request's body took too long.");
        let body = body.unwrap_or_else(|_| Err(too_slow().into()))?;
        // Each step has its own limit and names itself when it takes too long; this one is for the rest.
        let answer = deadline.limit_all(D::answer(exchange, &body, deadline));
        let too_long = |_| Err(Refusal::Internal("a step took too long".to_owned()).into());
        answer.await.unwrap_or_else(too_long)
    })
    .await
}

#[cfg(test)]
mod tests;
