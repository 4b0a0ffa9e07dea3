use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::SecondsFormat;
use futures_util::FutureExt;

use crate::domain::{Grant, Session};
use crate::service::{Credential, Deadline, IssueRequest, Refusal, Wanted};

use crate::http::input::body::Body;
use crate::http::input::client_address::client_address;
use crate::http::input::narrowing::Narrowing;
use crate::http::middleware::seen::Seen;
use crate::http::problems::failure::Failure;
use crate::http::state::Gateway;

/// How one public API speaks: it reads a request, renders what was given, and says every failure.
///
/// A dialect knows HTTP and nothing of stores. A new one is a file and a line in `routes`.
pub(crate) trait Dialect: Send + Sync + 'static {
    /// What its requests ask for.
    type Ask: Ask;

    /// As the audit trail names it.
    fn name(&self) -> &'static str;

    /// The one method that it answers.
    fn method(&self) -> Method;

    /// How long an answer may take.
    fn time_limit(&self) -> Duration {
        Duration::from_secs(5)
    }

    /// What the request asks for.
    fn read(&self, exchange: &Exchange<'_>, body: &Body) -> Result<Self::Ask, Failure>;

    /// The answer to a request that gets what it asks for.
    fn render(&self, given: &<Self::Ask as Ask>::Given, exchange: &Exchange<'_>) -> HttpResponse;

    /// The answer to any other.
    fn refuse(&self, failure: &Failure, exchange: &Exchange<'_>) -> HttpResponse;
}

/// A request to a credential route, while it is answered.
pub(crate) struct Exchange<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) seen: Seen,
    pub(crate) gateway: &'a Gateway,
}

impl Exchange<'_> {
    /// Who sends the request, as far as it can be believed.
    pub(crate) fn client_address(&self) -> Option<IpAddr> {
        let peer = self.request.peer_addr().map(|peer| peer.ip());
        let trusted = &self.gateway.parts().trusted_proxies;
        client_address(peer, self.request.headers(), trusted)
    }
}

/// What a request asks for, and the way to it: the use cases, in their order.
pub(crate) trait Ask {
    /// What whoever asks gets.
    type Given;

    /// Gets it, in this dialect's name.
    async fn fulfil(
        self,
        dialect: &'static str,
        exchange: &Exchange<'_>,
        deadline: Deadline,
    ) -> Result<Self::Given, Failure>;
}

/// Temporary credentials are asked for.
pub(crate) struct AskForSession {
    pub(crate) credential: Credential,
    pub(crate) wanted: Wanted,
    pub(crate) narrowing: Narrowing,
}

/// What whoever asks for them gets.
pub(crate) struct GrantedSession {
    pub(crate) grant: Grant,
    pub(crate) session: Session,
}

impl GrantedSession {
    /// When the store stops taking the keys: UTC, whole seconds, `Z`.
    pub(crate) fn expiration(&self) -> String {
        let expiration = self.session.expiration;
        expiration.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// What every key starts with; nothing if the bucket is all the owner's.
    pub(crate) fn prefix(&self) -> String {
        let prefix = self.grant.prefix.as_ref();
        prefix.map(ToString::to_string).unwrap_or_default()
    }
}

/// The whole of a credential route, in any dialect. A panic is an internal error in the dialect of
/// the route that was hit.
pub(crate) async fn respond<D: Dialect>(
    dialect: &'static D,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    let Some(gateway) = request.app_data::<web::Data<Gateway>>().cloned() else {
        return HttpResponse::InternalServerError().finish();
    };
    let exchange = Exchange {
        request: &request,
        seen: Seen::of(&request),
        gateway: &gateway,
    };
    let granted = AssertUnwindSafe(answer(dialect, &exchange, payload))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Refusal::Internal("a handler panicked".to_owned()).into()));
    match granted {
        Ok(given) => dialect.render(&given, &exchange),
        Err(failure) => dialect.refuse(&failure, &exchange),
    }
}

/// A failure of the framework's, in the words of the route that was hit.
pub(crate) fn refuse<D: Dialect>(
    dialect: &D,
    request: &HttpRequest,
    failure: &Failure,
) -> HttpResponse {
    let Some(gateway) = request.app_data::<web::Data<Gateway>>() else {
        return HttpResponse::InternalServerError().finish();
    };
    let exchange = Exchange {
        request,
        seen: Seen::of(request),
        gateway,
    };
    dialect.refuse(failure, &exchange)
}

async fn answer<D: Dialect>(
    dialect: &'static D,
    exchange: &Exchange<'_>,
    payload: web::Payload,
) -> Result<<D::Ask as Ask>::Given, Failure> {
    let deadline = Deadline::after(dialect.time_limit());
    let body = Body::read(exchange.request, payload);
    let body = deadline
        .limit(dialect.time_limit(), body)
        .await
        .unwrap_or_else(|_| Err(too_slow()))?;
    let ask = dialect.read(exchange, &body)?;
    ask.fulfil(dialect.name(), exchange, deadline).await
}

impl Ask for AskForSession {
    type Given = GrantedSession;

    async fn fulfil(
        self,
        dialect: &'static str,
        exchange: &Exchange<'_>,
        deadline: Deadline,
    ) -> Result<GrantedSession, Failure> {
        // Each step has a limit, and says what took too long; one that forgets it is cut off here.
        let granted = deadline.limit_all(self.issue(dialect, exchange, deadline));
        let too_long = || Refusal::Internal("a step took too long".to_owned());
        granted.await.unwrap_or_else(|_| Err(too_long().into()))
    }
}

impl AskForSession {
    /// Who is asking → what is theirs → hand out a key to it.
    async fn issue(
        self,
        dialect: &'static str,
        exchange: &Exchange<'_>,
        deadline: Deadline,
    ) -> Result<GrantedSession, Failure> {
        let use_cases = exchange.gateway.use_cases()?;
        let duration = use_cases
            .issue_session
            .session_duration(self.narrowing.duration)?;
        // Only now: a client that is slow to send its body must not hold a place.
        let _in_flight = exchange.gateway.enter().ok_or(Refusal::Overloaded)?;
        let caller = use_cases
            .authenticate
            .authenticate(
                &self.credential,
                &exchange.gateway.parts().required_scope,
                exchange.client_address(),
                deadline,
            )
            .await?;
        let seen = &exchange.seen;
        seen.asked_by(use_cases.entitle.pseudonym(&caller.as_owner()));
        use_cases.caller_limit.take(&caller.id())?;
        let (owner, grant) = use_cases
            .entitle
            .entitle(&caller, &self.wanted, self.narrowing.access, deadline)
            .await?;
        seen.concerns(use_cases.entitle.pseudonym(&owner), &grant.bucket);
        let request = IssueRequest {
            request_id: seen.request_id(),
            dialect,
            caller,
            owner,
            grant,
            duration,
        };
        let session = use_cases.issue_session.issue(&request, deadline).await?;
        seen.succeeded("vended");
        let grant = request.grant;
        Ok(GrantedSession { grant, session })
    }
}

fn too_slow() -> Failure {
    Refusal::MalformedRequest("The request's body took too long.").into()
}

#[cfg(test)]
mod tests;
