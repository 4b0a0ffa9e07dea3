use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use crate::service::UpstreamErrorKind;

/// Told of every HTTP request that the adapters send.
#[derive(Clone, Default)]
pub struct UpstreamCalls(Option<Arc<dyn ObserveCalls>>);

/// Observes requests, for metrics.
pub trait ObserveCalls: Send + Sync {
    /// A request has ended.
    fn called(&self, call: &UpstreamCall);
}

/// A request that has ended. A retry is another one.
#[derive(Debug)]
pub struct UpstreamCall {
    /// Whom it was sent to.
    pub upstream: Upstream,
    /// Its method.
    pub method: Method,
    /// The answer's status.
    pub outcome: Result<u16, CallFailure>,
    /// How long it took, the answer included.
    pub took: Duration,
}

/// Whom a request is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// The store's STS API.
    Sts,
    /// The store's S3 API.
    S3,
    /// The store's IAM API, for access keys.
    Iam,
    /// The administrative API of `MinIO` or Ceph, for access keys.
    Admin,
    /// Where AWS's default chain finds the gateway's own identity.
    Identity,
    /// The authorization server's introspection endpoint.
    Introspection,
    /// The authorization server's keys.
    Jwks,
    /// The authorization server's metadata.
    Discovery,
    /// The keys of an issuer of `issuers.*`.
    IssuerKeys,
    /// The metadata of an issuer of `issuers.*`.
    IssuerDiscovery,
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// Its time was over before an answer came.
    Timeout,
    /// There was no connection, or it broke.
    Connection,
    /// The answer breaks the protocol or is too long.
    Answer,
    /// It was dropped: the time of the attempt or of the whole call was over, or the client left.
    Abandoned,
}

/// A request under way. Dropping it counts it as abandoned.
pub(crate) struct CallUnderWay {
    observer: Option<Arc<dyn ObserveCalls>>,
    upstream: Upstream,
    method: Method,
    since: Instant,
}

impl UpstreamCalls {
    /// Tells this observer.
    #[must_use]
    pub fn to(observer: Arc<dyn ObserveCalls>) -> Self {
        Self(Some(observer))
    }

    /// A request is sent now.
    pub(crate) fn begin(&self, upstream: Upstream, method: Method) -> CallUnderWay {
        CallUnderWay {
            observer: self.0.clone(),
            upstream,
            method,
            since: Instant::now(),
        }
    }
}

impl CallUnderWay {
    /// The request has ended.
    pub(crate) fn ended(mut self, outcome: Result<u16, CallFailure>) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: Result<u16, CallFailure>) {
        if let Some(observer) = self.observer.take() {
            observer.called(&UpstreamCall {
                upstream: self.upstream,
                method: self.method.clone(),
                outcome,
                took: self.since.elapsed(),
            });
        }
    }
}

impl Drop for CallUnderWay {
    fn drop(&mut self) {
        self.tell(Err(CallFailure::Abandoned));
    }
}

impl Upstream {
    /// Every upstream.
    pub const ALL: [Self; 10] = [
        Self::Sts,
        Self::S3,
        Self::Iam,
        Self::Admin,
        Self::Identity,
        Self::Introspection,
        Self::Jwks,
        Self::Discovery,
        Self::IssuerKeys,
        Self::IssuerDiscovery,
    ];

    /// As metrics write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::S3 => "s3",
            Self::Iam => "iam",
            Self::Admin => "admin",
            Self::Identity => "identity",
            Self::Introspection => "introspection",
            Self::Jwks => "jwks",
            Self::Discovery => "discovery",
            Self::IssuerKeys => "issuer-keys",
            Self::IssuerDiscovery => "issuer-discovery",
        }
    }
}

impl CallFailure {
    /// The failure that this error tells of.
    pub(crate) fn of(kind: UpstreamErrorKind) -> Self {
        match kind {
            UpstreamErrorKind::Timeout => Self::Timeout,
            UpstreamErrorKind::Unreachable => Self::Connection,
            UpstreamErrorKind::Refused | UpstreamErrorKind::Nonsense | UpstreamErrorKind::Busy => {
                Self::Answer
            }
        }
    }

    /// As metrics write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Answer => "answer",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Debug for UpstreamCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpstreamCalls")
    }
}
