use std::net::IpAddr;
use std::time::Instant;

use actix_web::{HttpRequest, web};
use tokio::sync::SemaphorePermit;

use crate::domain::{Caller, RequestId};
use crate::service::{Credential, Deadline, Refusal};

use crate::http::input::client_address::{certain_address, client_address};
use crate::http::middleware::log_line::LogLine;
use crate::http::middleware::trace::Trace;
use crate::http::state::Gateway;

/// A request while it is answered: what every handler is given.
pub(crate) struct Exchange {
    pub(crate) request: HttpRequest,
    pub(crate) gateway: web::Data<Gateway>,
    pub(crate) request_id: RequestId,
    pub(crate) started: Instant,
    /// What the log will say about this request.
    pub(crate) log: LogLine,
    pub(crate) trace: Trace,
}

impl Exchange {
    pub(crate) fn new(request: HttpRequest, gateway: web::Data<Gateway>) -> Self {
        let request_id = gateway.new_request_id();
        Self {
            request_id,
            started: Instant::now(),
            log: LogLine::default(),
            trace: Trace::begin(&request, request_id),
            request,
            gateway,
        }
    }

    /// Who is asking, and the place that the call holds until it is answered. To be called when the body
    /// has been read: a client that is slow to send it must not hold a place.
    pub(crate) async fn caller(
        &self,
        credential: &Credential,
        deadline: Deadline,
    ) -> Result<(SemaphorePermit<'_>, Caller), Refusal> {
        let use_cases = self.gateway.use_cases()?;
        let in_flight = self.gateway.enter()?;
        let caller = use_cases
            .authenticate
            .authenticate(credential, None, self.client_address(), deadline)
            .await?;
        self.log
            .asked_by(use_cases.entitle.pseudonym(&caller.as_owner()));
        use_cases.caller_limit.take(&caller.id())?;
        Ok((in_flight, caller))
    }

    /// Where the request comes from, as far as that can be believed.
    pub(crate) fn client_address(&self) -> Option<IpAddr> {
        let trusted = &self.gateway.trusted_proxies;
        client_address(self.peer(), self.request.headers(), trusted)
    }

    /// The same where access depends on it: nothing unless the address is certain.
    pub(crate) fn certain_address(&self) -> Option<IpAddr> {
        let trusted = &self.gateway.trusted_proxies;
        certain_address(self.peer(), self.request.headers(), trusted)
    }

    fn peer(&self) -> Option<IpAddr> {
        self.request.peer_addr().map(|peer| peer.ip())
    }
}
