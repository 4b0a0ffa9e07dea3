use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{ClientNetwork, SessionTokenHash};

use super::{
    Clock, CurrentRestrictions, Deadline, IssuedSessions, Limit, LiveSession, RateLimiter, Refusal,
    RegistryError,
};

/// How long the registry may take.
const STEP_TIMEOUT: Duration = Duration::from_secs(3);

/// The use case "whose session is this?": from a session token to the session that was issued with it.
///
/// It proves that the caller has the session token, and nothing else: the gateway does not keep the
/// secret that requests are signed with. What it tells, the session's holder was told when the session
/// was issued.
pub struct IdentifySession {
    ports: IdentifySessionPorts,
}

/// The ports of [`IdentifySession`].
pub struct IdentifySessionPorts {
    /// Finds sessions.
    pub issued: Arc<dyn IssuedSessions>,
    /// Tells whose sessions were revoked.
    pub restrictions: Arc<CurrentRestrictions>,
    /// Limits the calls of each network: a search costs a query, even for a made-up token.
    pub addresses: Arc<dyn RateLimiter<ClientNetwork>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl IdentifySession {
    /// Makes the use case.
    #[must_use]
    pub fn new(ports: IdentifySessionPorts) -> Self {
        Self { ports }
    }

    /// The live session with this token.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnknownSession`], the same for every reason that lies in the token: there is none, it
    /// is unknown, or the session has expired, was revoked, or its caller or owner is blocked. Others
    /// are not the token's fault.
    pub async fn identify(
        &self,
        token: Option<&SessionTokenHash>,
        address: Option<IpAddr>,
        deadline: Deadline,
    ) -> Result<LiveSession, Refusal> {
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        let counted = self.ports.addresses.take(&address.into());
        counted.map_err(|spent| spent.of(Limit::Address))?;
        let token = token.ok_or(Refusal::UnknownSession)?;
        let found = deadline.limit(STEP_TIMEOUT, self.find(token)).await;
        found.unwrap_or_else(|_| Err(RegistryError::late("session").into()))
    }

    async fn find(&self, token: &SessionTokenHash) -> Result<LiveSession, Refusal> {
        let found = self
            .ports
            .issued
            .find(token, self.ports.clock.now())
            .await?;
        let session = found.ok_or(Refusal::UnknownSession)?;
        // A revocation refuses what was asked for before it, and so this session.
        let (owners, asked) = ([session.owner.clone()], session.request_id.time());
        let restrictions = &self.ports.restrictions;
        let checked = restrictions
            .check_fresh(&session.caller, &owners, asked)
            .await;
        match checked {
            Ok(()) => Ok(session),
            Err(Refusal::Blocked { .. } | Refusal::BeingRevoked) => Err(Refusal::UnknownSession),
            Err(refusal) => Err(refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use async_trait::async_trait;
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::domain::{
        BlockInForce, BucketFormula, CallerId, ClientId, Owner, Principal, RequestId, Restrictions,
        RevocationInForce, Subject,
    };
    use crate::service::fakes::{FixedClock, Nothing};
    use crate::service::{RateLimitError, RestrictionRegistry};

    struct One;

    #[async_trait]
    impl IssuedSessions for One {
        async fn find(
            &self,
            token: &SessionTokenHash,
            _: DateTime<Utc>,
        ) -> Result<Option<LiveSession>, RegistryError> {
            Ok((*token == hash("token")).then(session))
        }
    }

    struct Failing;

    #[async_trait]
    impl IssuedSessions for Failing {
        async fn find(
            &self,
            _: &SessionTokenHash,
            _: DateTime<Utc>,
        ) -> Result<Option<LiveSession>, RegistryError> {
            Err(RegistryError::new("down"))
        }
    }

    struct Spent;

    impl RateLimiter<ClientNetwork> for Spent {
        fn take(&self, _: &ClientNetwork) -> Result<(), RateLimitError> {
            Err(RateLimitError {
                retry_after: Duration::from_secs(1),
                permitted: 1,
            })
        }
    }

    struct Known(Restrictions);

    #[async_trait]
    impl RestrictionRegistry for Known {
        async fn restrictions(&self) -> Result<Restrictions, RegistryError> {
            Ok(self.0.clone())
        }
    }

    fn hash(token: &str) -> SessionTokenHash {
        SessionTokenHash::of(token.as_bytes()).unwrap()
    }

    fn alice() -> Principal {
        Principal {
            issuer: None,
            client_id: ClientId::parse("demo").unwrap(),
            subject: Subject::parse("alice").unwrap(),
        }
    }

    fn asked() -> DateTime<Utc> {
        FixedClock.now() - TimeDelta::minutes(10)
    }

    fn session() -> LiveSession {
        LiveSession {
            caller: CallerId::Principal(alice()),
            owner: Owner::Principal(alice()),
            bucket: "alices-bucket".parse().unwrap(),
            prefix: None,
            request_id: RequestId::at(asked(), [7; 16]),
            expiration: FixedClock.now() + TimeDelta::minutes(50),
        }
    }

    fn ports(restrictions: Restrictions) -> IdentifySessionPorts {
        let clock = Arc::new(FixedClock);
        let known = Arc::new(Known(restrictions));
        let formula = BucketFormula::default();
        IdentifySessionPorts {
            issued: Arc::new(One),
            restrictions: Arc::new(CurrentRestrictions::new(known, clock.clone(), formula)),
            addresses: Arc::new(Nothing),
            clock,
        }
    }

    async fn identify(
        ports: IdentifySessionPorts,
        token: Option<&str>,
    ) -> Result<LiveSession, Refusal> {
        let deadline = Deadline::after(STEP_TIMEOUT);
        let token = token.map(hash);
        let identify = IdentifySession::new(ports);
        identify.identify(token.as_ref(), None, deadline).await
    }

    fn assert_unknown(answer: &Result<LiveSession, Refusal>) {
        assert!(matches!(answer, Err(Refusal::UnknownSession)), "{answer:?}");
    }

    #[tokio::test]
    async fn the_token_of_a_live_session_tells_the_session() {
        let found = identify(ports(Restrictions::default()), Some("token")).await;
        assert_eq!(found.unwrap(), session());
    }

    #[tokio::test]
    async fn an_unknown_token_and_none_are_refused_alike() {
        assert_unknown(&identify(ports(Restrictions::default()), Some("other")).await);
        assert_unknown(&identify(ports(Restrictions::default()), None).await);
    }

    #[tokio::test]
    async fn a_revoked_session_is_unknown_and_one_from_after_is_not() {
        for (before, is_known) in [(asked(), true), (asked() + TimeDelta::seconds(1), false)] {
            for (kind, name) in [
                ("caller", session().caller.to_string()),
                ("owner", session().owner.to_string()),
            ] {
                let revocation = RevocationInForce {
                    before,
                    frozen_until: None,
                };
                let revocations = HashMap::from([((kind.to_owned(), name), revocation)]);
                let restrictions = Restrictions::new(1, HashMap::new(), revocations);
                let found = identify(ports(restrictions), Some("token")).await;
                assert_eq!(found.is_ok(), is_known, "{kind} {found:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_blocked_callers_session_is_unknown() {
        let block = BlockInForce {
            reason: "lost laptop".to_owned(),
            until: None,
        };
        let name = ("client".to_owned(), "demo".to_owned());
        let restrictions = Restrictions::new(1, HashMap::from([(name, block)]), HashMap::new());
        assert_unknown(&identify(ports(restrictions), Some("token")).await);
    }

    #[tokio::test]
    async fn too_many_calls_do_not_reach_the_registry() {
        let ports = IdentifySessionPorts {
            issued: Arc::new(Failing),
            addresses: Arc::new(Spent),
            ..ports(Restrictions::default())
        };
        let refused = identify(ports, Some("token")).await;
        assert!(
            matches!(
                refused,
                Err(Refusal::RateLimited {
                    limit: Limit::Address,
                    ..
                })
            ),
            "{refused:?}"
        );
    }

    #[tokio::test]
    async fn a_registry_that_fails_is_no_unknown_session() {
        let ports = IdentifySessionPorts {
            issued: Arc::new(Failing),
            ..ports(Restrictions::default())
        };
        let refused = identify(ports, Some("token")).await;
        assert!(matches!(refused, Err(Refusal::Internal(_))), "{refused:?}");
    }
}
