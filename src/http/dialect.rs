use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::FutureExt;

use crate::domain::{Access, AccessToken, Grant, Owner, Session};
use crate::service::{Deadline, Order, Refusal};

use super::body::read_empty_body;
use super::failure::Failure;
use super::gateway::Gateway;
use super::observe::Seen;

/// How one public API speaks: it reads a request, renders a session, and says every failure.
///
/// A dialect knows HTTP and nothing of stores. A new one is a file and a line in `routes`.
pub(super) trait Dialect: Send + Sync {
    /// As the audit trail names it.
    fn name(&self) -> &'static str;

    /// The one method that vends.
    fn method(&self) -> Method;

    /// How long an answer may take.
    fn time_limit(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// What the request asks for.
    fn read(&self, request: &HttpRequest) -> Result<Ask, Failure>;

    /// The answer to a request that gets what it asks for.
    fn render(&self, vended: &Vended, gateway: &Gateway) -> HttpResponse;

    /// The answer to any other.
    fn refuse(&self, failure: &Failure, seen: &Seen, gateway: &Gateway) -> HttpResponse;
}

/// What a request asks for.
pub(super) struct Ask {
    pub(super) token: AccessToken,
    pub(super) access: Access,
}

/// What it gets.
pub(super) struct Vended {
    pub(super) grant: Grant,
    pub(super) session: Session,
}

/// The whole of a vending route, in any dialect. A panic is an internal error in the dialect of
/// the route that was hit.
pub(super) async fn vend(
    dialect: &'static dyn Dialect,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let Some(gateway) = request.app_data::<web::Data<Gateway>>().cloned() else {
        return HttpResponse::InternalServerError().finish();
    };
    let vended = AssertUnwindSafe(answer(dialect, &request, payload, &gateway))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Refusal::Internal("a handler panicked".to_owned()).into()));
    match vended {
        Ok(vended) => {
            let seen = Seen::of(&request);
            seen.vended(&vended.grant.bucket);
            dialect.render(&vended, &gateway)
        }
        Err(failure) => refuse(dialect, &request, &failure),
    }
}

/// A failure in the words of the route that was hit.
pub(super) fn refuse(
    dialect: &dyn Dialect,
    request: &HttpRequest,
    failure: &Failure,
) -> HttpResponse {
    let Some(gateway) = request.app_data::<web::Data<Gateway>>() else {
        return HttpResponse::InternalServerError().finish();
    };
    dialect.refuse(failure, &Seen::of(request), gateway)
}

/// Who is asking → what is theirs → hand out a key to it.
async fn answer(
    dialect: &dyn Dialect,
    request: &HttpRequest,
    payload: web::Payload,
    gateway: &Gateway,
) -> Result<Vended, Failure> {
    let deadline = Deadline::after(dialect.time_limit());
    let _in_flight = gateway.enter().ok_or(Refusal::Overloaded)?;
    let ask = dialect.read(request)?;
    deadline
        .limit(dialect.time_limit(), read_empty_body(request, payload))
        .await
        .map_err(|_| Refusal::MalformedRequest("The request's body took too long."))??;
    let parts = gateway.parts();
    let caller = parts
        .authenticate
        .authenticate(&ask.token, &parts.required_scope, deadline)
        .await?;
    let owner = Owner::Principal(caller.principal.clone());
    let order = Order {
        request_id: Seen::of(request).request_id(),
        dialect: dialect.name(),
        grant: parts.issue.own_bucket(&owner, ask.access),
        caller,
        owner,
    };
    let session = parts.issue.issue(&order, deadline).await?;
    let grant = order.grant;
    Ok(Vended { grant, session })
}
