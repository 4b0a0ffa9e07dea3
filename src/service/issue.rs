mod reuse;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::domain::{
    AuditCause, AuditEvent, BucketFormula, Caller, Grant, Owner, OwnerDigest, RequestId,
    Restrictions, RoleSessionName, Session, SessionPolicy, SessionPolicySettings, Share,
    TokenError,
};

use super::step::{step, traced};
use super::waiting::{Side, Waiting};
use super::{
    AuditTrail, Clock, CurrentRestrictions, Deadline, EnsureBucket, Limit, RateLimiter, Recorded,
    Refusal, RegistryError, SessionRequest, Sessions, UpstreamError, UpstreamErrorKind,
};

use reuse::{ReuseKey, ReusedSessions};

/// How long the store may take for one session.
const SESSION_TIMEOUT: Duration = Duration::from_secs(4);

/// How long an audit event may take to reach the disk.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(4);

/// The shortest session that engines grant.
const SHORTEST_SESSION: Duration = Duration::from_mins(15);

/// The use case "issue a session": from an [`IssueRequest`] to a [`Session`].
pub struct IssueSession {
    ports: IssueSessionPorts,
    settings: IssueSessionSettings,
    reused: Option<ReusedSessions>,
}

/// The ports of [`IssueSession`].
pub struct IssueSessionPorts {
    /// Limits how often sessions are issued for an owner.
    pub rate_limiter: Arc<dyn RateLimiter<OwnerDigest>>,
    /// Makes sure that the bucket is there.
    pub ensure_bucket: Arc<EnsureBucket>,
    /// Opens sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Tells whom operators have blocked.
    pub restrictions: Arc<CurrentRestrictions>,
    /// Records each session.
    pub audit_trail: Arc<dyn AuditTrail>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// The settings of [`IssueSession`].
#[derive(Clone, Debug)]
pub struct IssueSessionSettings {
    /// How a bucket's name follows from its owner.
    pub formula: BucketFormula,
    /// What session policies have in common.
    pub session_policies: SessionPolicySettings,
    /// How long a session lasts at most.
    pub session_duration: Duration,
    /// Whether a session must not outlive the token or key that it is asked for with.
    pub cap_to_token_expiry: bool,
    /// Hands a session out again while this share of its life remains; never if `None`.
    pub session_reuse: Option<Share>,
}

/// A request for a session that the caller is entitled to.
#[derive(Clone, Debug)]
pub struct IssueRequest {
    /// The id of the request.
    pub request_id: RequestId,
    /// The dialect that the request speaks.
    pub dialect: &'static str,
    /// Who is asking.
    pub caller: Caller,
    /// Whose storage it is.
    pub owner: Owner,
    /// What of it is opened.
    pub grant: Grant,
    /// How long, if the caller asks for less than the default ([`IssueSession::check_duration`]).
    pub duration: Option<Duration>,
}

impl IssueSession {
    /// Makes the use case.
    #[must_use]
    pub fn new(ports: IssueSessionPorts, settings: IssueSessionSettings) -> Self {
        let reused = settings
            .session_reuse
            .map(|share| ReusedSessions::new(share, Arc::clone(&ports.clock)));
        Self {
            ports,
            settings,
            reused,
        }
    }

    /// Checks how long a caller asks a session to last: not longer than configured, and not shorter
    /// than engines allow.
    ///
    /// # Errors
    ///
    /// [`Refusal::MalformedRequest`] when that is out of bounds.
    pub fn check_duration(&self, asked: Option<Duration>) -> Result<(), Refusal> {
        let full = self.settings.session_duration;
        let bounds = SHORTEST_SESSION.min(full)..=full;
        if asked.is_none_or(|asked| bounds.contains(&asked)) {
            return Ok(());
        }
        Err(Refusal::MalformedRequest(
            "The duration is out of bounds: 900 seconds at least, and no more than a session \
             without this parameter lasts.",
        ))
    }

    /// Issues a session, in the order of docs/call.md: rate limit → not blocked → reservation in the
    /// registry → bucket ensured → `AssumeRole` with the session policy → audit event on disk, and
    /// still not blocked. A session is returned only after all of these have succeeded. With
    /// `storage.session_reuse` an earlier session may take the place of `AssumeRole`, and of no other
    /// step.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] of the first step that fails. At the deadline it is the slower of registry and
    /// store that failed, whatever was cut off.
    pub async fn issue(
        &self,
        request: &IssueRequest,
        deadline: Deadline,
    ) -> Result<Arc<Session>, Refusal> {
        let waiting = Waiting::begin(Side::Registry);
        let issued = self.issue_counting(request, deadline, &waiting).await;
        issued.map_err(|refusal| {
            if deadline.has_passed() {
                blame(waiting.slower(), refusal)
            } else {
                refusal
            }
        })
    }

    async fn issue_counting(
        &self,
        request: &IssueRequest,
        deadline: Deadline,
        waiting: &Waiting,
    ) -> Result<Arc<Session>, Refusal> {
        let digest = self.settings.formula.digest(&request.owner);
        self.ports
            .rate_limiter
            .take(&digest)
            .map_err(|spent| spent.of(Limit::Owner))?;
        let mut restrictions = self.check(request, deadline).await?;
        let ensuring = self.ensure_bucket(request, &restrictions, deadline, waiting);
        let span = step!("ensure_bucket", owner = %digest.pseudonym());
        traced(span, ensuring).await?;
        let duration = self.duration(request)?;
        let mut opened: Option<(ReuseKey, Arc<Session>)> = None;
        loop {
            let key = self.reuse_key(request, &restrictions);
            let (key, session) = match opened {
                Some((of, session)) if of == key => (key, session),
                _ => {
                    let opening = self.open_or_reuse(request, &key, &digest, duration, deadline);
                    let opening = waiting.during(Side::Store, deadline.limit_all(opening));
                    let session = opening.await;
                    let late = |_| Err(Refusal::Store(UpstreamError::timeout("AssumeRole")));
                    (key, session.unwrap_or_else(late)?)
                }
            };
            let recording = self.record(request, &session, &restrictions, deadline);
            let span = step!("audit", owner = %digest.pseudonym());
            let recorded = traced(span, recording).await;
            if let (Err(_), Some(reused)) = (&recorded, &self.reused) {
                reused.forget(&key).await;
            }
            match recorded? {
                Recorded::Yes => return Ok(session),
                // Somebody was blocked or revoked since the call was checked.
                Recorded::RestrictionsChanged => {
                    restrictions = self.check_again(request, &restrictions, deadline).await?;
                    self.ensure_bucket(request, &restrictions, deadline, waiting)
                        .await?;
                    opened = Some((key, session));
                }
            }
        }
    }

    /// Looks again if the owner was revoked since: an owner who was erased has lost the bucket.
    async fn ensure_bucket(
        &self,
        request: &IssueRequest,
        restrictions: &Restrictions,
        deadline: Deadline,
        waiting: &Waiting,
    ) -> Result<(), Refusal> {
        let (owner, bucket) = (&request.owner, &request.grant.bucket);
        let revoked = restrictions.revoked_before(&request.caller.id(), owner);
        let ensure_bucket = &self.ports.ensure_bucket;
        let ensured = ensure_bucket.ensure_since(owner, bucket, revoked, deadline, waiting);
        Ok(ensured.await?)
    }

    fn reuse_key(&self, request: &IssueRequest, restrictions: &Restrictions) -> ReuseKey {
        let caller = request.caller.id();
        ReuseKey {
            revoked_before: restrictions.revoked_before(&caller, &request.owner),
            caller,
            owner: request.owner.clone(),
            grant: request.grant.clone(),
            must_end_by: self.must_end_by(request),
        }
    }

    /// Checks that nobody has blocked the caller or the owner.
    async fn check(
        &self,
        request: &IssueRequest,
        deadline: Deadline,
    ) -> Result<Arc<Restrictions>, Refusal> {
        let (caller, asked) = (request.caller.id(), request.request_id.time());
        self.ports
            .restrictions
            .check(&caller, Some(&request.owner), asked, deadline)
            .await
    }

    async fn check_again(
        &self,
        request: &IssueRequest,
        outdated: &Restrictions,
        deadline: Deadline,
    ) -> Result<Arc<Restrictions>, Refusal> {
        let (caller, asked) = (request.caller.id(), request.request_id.time());
        self.ports
            .restrictions
            .check_again(outdated, &caller, Some(&request.owner), asked, deadline)
            .await
    }

    /// The caller's issuer may shorten a session (`max_session`); a token whose expiry is unknown does
    /// not.
    fn duration(&self, request: &IssueRequest) -> Result<Duration, Refusal> {
        let full = request.duration.unwrap_or(self.settings.session_duration);
        let most = request.caller.max_session();
        let full = most.map_or(full, |most| full.min(most));
        let Some(expires) = self.must_end_by(request) else {
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

    /// When the token or key expires, if the session must not outlive it.
    fn must_end_by(&self, request: &IssueRequest) -> Option<DateTime<Utc>> {
        let expires = request.caller.proof_expires();
        expires.filter(|_| self.settings.cap_to_token_expiry)
    }

    /// A caller who asks for a duration gets a new session: less would be left of any other.
    async fn open_or_reuse(
        &self,
        request: &IssueRequest,
        key: &ReuseKey,
        digest: &OwnerDigest,
        duration: Duration,
        deadline: Deadline,
    ) -> Result<Arc<Session>, Refusal> {
        let opening = self.open(request, digest, duration, deadline);
        match &self.reused {
            Some(reused) if request.duration.is_none() => reused.get_or_open(key, opening).await,
            _ => opening.await.map(Arc::new),
        }
    }

    /// Returns when its time is over, and is not dropped then: calls that wait for it share its failure.
    async fn open(
        &self,
        request: &IssueRequest,
        digest: &OwnerDigest,
        duration: Duration,
        deadline: Deadline,
    ) -> Result<Session, Refusal> {
        let policy = SessionPolicy::for_grant(&request.grant, &self.settings.session_policies)
            .map_err(|error| Refusal::Internal(error.to_string()))?;
        let session_request = SessionRequest {
            policy,
            name: RoleSessionName::new(digest, &request.request_id),
            duration,
        };
        let opening = async {
            let opening = self.ports.sessions.assume_role(session_request);
            let opened = deadline.limit(SESSION_TIMEOUT, opening).await;
            opened.unwrap_or_else(|_| Err(UpstreamError::timeout("AssumeRole")))
        };
        let span = step!("assume_role", owner = %digest.pseudonym());
        traced(span, opening).await.map_err(Refusal::Store)
    }

    /// Records the session, unless the registry's restrictions are no longer these.
    async fn record(
        &self,
        request: &IssueRequest,
        session: &Session,
        checked: &Restrictions,
        deadline: Deadline,
    ) -> Result<Recorded, Refusal> {
        let cause = AuditCause {
            time: self.ports.clock.now(),
            request_id: request.request_id,
            dialect: request.dialect,
            caller: request.caller.id().to_string(),
        };
        let event = AuditEvent::session(cause, request.owner.clone(), &request.grant, session);
        let recording = self.ports.audit_trail.record(event, checked.version());
        let recorded = deadline
            .limit(AUDIT_TIMEOUT, recording)
            .await
            .unwrap_or_else(|_| Err(RegistryError::new("the audit event took too long")))?;
        Ok(recorded)
    }
}

/// Blames the slower side for what was cut off.
fn blame(slower: Side, cut_off: Refusal) -> Refusal {
    match (slower, cut_off) {
        (Side::Registry, Refusal::Store(cut_off)) => {
            let cause = format!("the registry took most of the time; then {cut_off}");
            RegistryError::transient(cause).into()
        }
        (Side::Store, Refusal::Internal(cut_off)) => {
            let cause = format!("the store took most of the time; then {cut_off}");
            Refusal::Store(UpstreamError::new(UpstreamErrorKind::Timeout, cause))
        }
        (_, refusal) => refusal,
    }
}

#[cfg(test)]
mod tests;
