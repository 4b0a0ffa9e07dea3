use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    BucketFormula, Caller, ExtraAction, Grant, Owner, OwnerDigest, RequestId, RoleSessionName,
    Session, SessionEvent, SessionPolicy, TokenError,
};

use super::{
    AuditTrail, Clock, Deadline, EnsureBucket, Limit, RateLimiter, Refusal, RegistryError,
    SessionRequest, Sessions, UpstreamError,
};

/// The most that the store may take for one session.
const SESSION_TIMEOUT: Duration = Duration::from_secs(4);

/// The most that one audit record may take to reach the disk.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(4);

/// The shortest session that engines grant.
const SHORTEST_SESSION: Duration = Duration::from_mins(15);

/// The use case "hand out a key": from an [`IssueRequest`] to a [`Session`].
pub struct IssueSession {
    ports: IssueSessionPorts,
    settings: IssueSessionSettings,
}

/// What [`IssueSession`] needs from outside.
pub struct IssueSessionPorts {
    /// How often an owner may ask.
    pub rate_limiter: Arc<dyn RateLimiter<OwnerDigest>>,
    /// Makes sure that the bucket is there.
    pub ensure_bucket: Arc<EnsureBucket>,
    /// Opens sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Records every issued session.
    pub audit_trail: Arc<dyn AuditTrail>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// What [`IssueSession`] is told by the configuration.
#[derive(Clone, Debug)]
pub struct IssueSessionSettings {
    /// How a bucket's name follows from its owner.
    pub formula: BucketFormula,
    /// Actions beyond the four.
    pub extra_actions: Vec<ExtraAction>,
    /// How long sessions last.
    pub session_duration: Duration,
    /// Whether a session ends with the token at the latest.
    pub cap_to_token_expiry: bool,
}

/// One key to be handed out.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// The request that asks.
    pub request_id: RequestId,
    /// The dialect it speaks.
    pub dialect: &'static str,
    /// Who asks.
    pub caller: Caller,
    /// Whose storage it is.
    pub owner: Owner,
    /// What of it.
    pub grant: Grant,
    /// For how long: what [`IssueSession::session_duration`] allowed.
    pub duration: Duration,
}

impl IssueSession {
    /// Puts the use case together.
    #[must_use]
    pub fn new(ports: IssueSessionPorts, settings: IssueSessionSettings) -> Self {
        Self { ports, settings }
    }

    /// How long a session lasts for somebody who asks for so much: no longer than the configuration
    /// says, and no shorter than engines grant.
    ///
    /// # Errors
    ///
    /// [`Refusal::MalformedRequest`] when that is out of bounds.
    pub fn session_duration(&self, asked: Option<Duration>) -> Result<Duration, Refusal> {
        let full = self.settings.session_duration;
        let bounds = SHORTEST_SESSION.min(full)..=full;
        let duration = asked.unwrap_or(full);
        bounds
            .contains(&duration)
            .then_some(duration)
            .ok_or(Refusal::MalformedRequest(
                "The duration is out of bounds: 900 seconds at least, and no more than a session \
                 without this parameter lasts.",
            ))
    }

    /// In the order of docs/call.md: rate → reservation in the registry → bucket ensured →
    /// `AssumeRole` with the session policy → audit record on disk. No session is returned before
    /// everything on its left has succeeded.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of the first step that fails.
    pub async fn issue(
        &self,
        request: &IssueRequest,
        deadline: Deadline,
    ) -> Result<Session, Refusal> {
        let digest = self.settings.formula.digest(&request.owner);
        self.ports
            .rate_limiter
            .take(&digest)
            .map_err(|spent| spent.of(Limit::Owner))?;
        let policy = SessionPolicy::for_grant(&request.grant, &self.settings.extra_actions)
            .map_err(|error| Refusal::Internal(error.to_string()))?;
        self.ports
            .ensure_bucket
            .ensure(&request.owner, &request.grant.bucket, deadline)
            .await?;
        let session_request = SessionRequest {
            policy,
            name: RoleSessionName::new(&digest, &request.request_id),
            duration: self.duration(request)?,
        };
        let session = self.open(session_request, deadline).await?;
        self.record(request, &session, deadline).await?;
        Ok(session)
    }

    /// A token whose end is not known does not shorten a session.
    fn duration(&self, request: &IssueRequest) -> Result<Duration, Refusal> {
        let full = request.duration;
        let Some(expires) = request
            .caller
            .proof_expires()
            .filter(|_| self.settings.cap_to_token_expiry)
        else {
            return Ok(full);
        };
        let left = (expires - self.ports.clock.now())
            .to_std()
            .unwrap_or_default();
        if left < SHORTEST_SESSION.min(full) {
            return Err(TokenError::EndsTooSoon.into());
        }
        Ok(full.min(Duration::from_secs(left.as_secs())))
    }

    async fn open(&self, request: SessionRequest, deadline: Deadline) -> Result<Session, Refusal> {
        deadline
            .limit(SESSION_TIMEOUT, self.ports.sessions.assume_role(request))
            .await
            .unwrap_or_else(|_| Err(UpstreamError::timeout("AssumeRole")))
            .map_err(Refusal::Store)
    }

    async fn record(
        &self,
        request: &IssueRequest,
        session: &Session,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        let record = SessionEvent {
            time: self.ports.clock.now(),
            request_id: request.request_id,
            dialect: request.dialect,
            caller: request.caller.to_string(),
            owner: request.owner.clone(),
            bucket: request.grant.bucket.clone(),
            prefix: request.grant.prefix.clone(),
            access: request.grant.access,
            access_key_id: session.access_key_id.clone(),
            expiration: session.expiration,
        };
        deadline
            .limit(AUDIT_TIMEOUT, self.ports.audit_trail.record(record))
            .await
            .unwrap_or_else(|_| Err(RegistryError::new("the audit record took too long")))?;
        Ok(())
    }
}
