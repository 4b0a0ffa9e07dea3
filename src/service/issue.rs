use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    AuditRecord, BucketFormula, Caller, ExtraAction, Grant, Owner, OwnerDigest, RequestId,
    RoleSessionName, Session, SessionPolicy, TokenProblem,
};

use super::{
    AuditTrail, Clock, Deadline, EnsureBucket, Limit, RateLimiter, Refusal, RegistryError,
    SessionRequest, Sessions, UpstreamFailure,
};

/// The most that the store may take for one session.
const SESSION_TIMEOUT: Duration = Duration::from_secs(4);

/// The most that one audit record may take to reach the disk.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(4);

/// The shortest session that engines grant.
const SHORTEST_SESSION: Duration = Duration::from_mins(15);

/// The use case "hand out a key": from an [`Order`] to a [`Session`].
pub struct Issue {
    ports: IssuePorts,
    settings: IssueSettings,
}

/// What [`Issue`] needs from outside.
pub struct IssuePorts {
    /// How often an owner may ask.
    pub rate_limiter: Arc<dyn RateLimiter<OwnerDigest>>,
    /// Makes sure that the bucket is there.
    pub ensure_bucket: Arc<EnsureBucket>,
    /// Opens sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Remembers what was vended.
    pub audit_trail: Arc<dyn AuditTrail>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// What [`Issue`] is told by the configuration.
#[derive(Clone, Debug)]
pub struct IssueSettings {
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
pub struct Order {
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
    /// For how long: what [`Issue::session_duration`] allowed.
    pub duration: Duration,
}

impl Issue {
    /// Puts the use case together.
    #[must_use]
    pub fn new(ports: IssuePorts, settings: IssueSettings) -> Self {
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

    /// In the order of contract section 8: rate → claim in the registry → bucket ensured →
    /// `AssumeRole` with the session policy → audit record on disk. Nothing is vended before
    /// everything on its left has succeeded.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of the first step that fails.
    pub async fn issue(&self, order: &Order, deadline: Deadline) -> Result<Session, Refusal> {
        let digest = self.settings.formula.digest(&order.owner);
        self.ports
            .rate_limiter
            .take(&digest)
            .map_err(|spent| spent.of(Limit::Owner))?;
        let policy = SessionPolicy::for_grant(&order.grant, &self.settings.extra_actions)
            .map_err(|error| Refusal::Internal(error.to_string()))?;
        self.ports
            .ensure_bucket
            .ensure(&order.owner, &order.grant.bucket, deadline)
            .await?;
        let request = SessionRequest {
            policy,
            name: RoleSessionName::new(&digest, &order.request_id),
            duration: self.duration(order)?,
        };
        let session = self.open(request, deadline).await?;
        self.record(order, &session, deadline).await?;
        Ok(session)
    }

    /// A token whose end is not known does not shorten a session.
    fn duration(&self, order: &Order) -> Result<Duration, Refusal> {
        let full = order.duration;
        let Some(expires) = order
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
            return Err(TokenProblem::EndsTooSoon.into());
        }
        Ok(full.min(Duration::from_secs(left.as_secs())))
    }

    async fn open(&self, request: SessionRequest, deadline: Deadline) -> Result<Session, Refusal> {
        deadline
            .limit(SESSION_TIMEOUT, self.ports.sessions.assume_role(request))
            .await
            .unwrap_or_else(|_| Err(UpstreamFailure::timeout("AssumeRole")))
            .map_err(Refusal::Store)
    }

    async fn record(
        &self,
        order: &Order,
        session: &Session,
        deadline: Deadline,
    ) -> Result<(), Refusal> {
        let record = AuditRecord {
            time: self.ports.clock.now(),
            request_id: order.request_id,
            dialect: order.dialect,
            caller: order.caller.to_string(),
            owner: order.owner.clone(),
            bucket: order.grant.bucket.clone(),
            prefix: order.grant.prefix.clone(),
            access: order.grant.access,
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
