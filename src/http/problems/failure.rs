use actix_web::http::Method;

use crate::domain::{Scope, TokenError};
use crate::service::{AccessKeyRefusal, NotEntitled, Refusal, UpstreamErrorKind};

use crate::http::problems::cause::Cause;
use crate::http::problems::types::ProblemType;

const TOKEN_IN_BODY: &str =
    "An access token must be sent in the Authorization header, never in the body.";

/// Why a route does not answer with what was asked for: a use case's refusal, or one of HTTP's own.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    NotFound,
    MethodNotAllowed(Vec<Method>),
    PayloadTooLarge,
    UnsupportedMediaType,
    /// The body holds an access token (RFC 6750 section 2.2 allows it, we do not).
    TokenInBody,
    /// Parts of the path are not valid names: where they are.
    Unprocessable(Vec<&'static str>),
    /// The client says that it is too old (`X-Client-Version`).
    ClientTooOld,
}

impl Failure {
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::MissingCredential => Cause::NoCredential,
                Refusal::MalformedRequest(_) => Cause::Malformed,
                Refusal::Token(problem) => match problem {
                    TokenError::MissingClaims => Cause::MissingClaims,
                    TokenError::MissingScope(_) => Cause::MissingScope,
                    TokenError::Expired => Cause::ExpiredCredential,
                    TokenError::Inactive
                    | TokenError::MissingExpiry
                    | TokenError::NotYetValid
                    | TokenError::WrongIssuer
                    | TokenError::WrongAudience
                    | TokenError::NotAnAccessToken
                    | TokenError::SenderConstrained
                    | TokenError::TwoClientIds
                    | TokenError::NotAJwt
                    | TokenError::Forged(_)
                    | TokenError::MissingNamedClaim
                    | TokenError::AmbiguousClaim
                    | TokenError::ConditionFailed
                    | TokenError::OurApiKey
                    | TokenError::OurCapability
                    | TokenError::Contradicted
                    | TokenError::EndsTooSoon => Cause::BadCredential,
                },
                Refusal::ApiKey(_) => Cause::BadApiKey,
                Refusal::NotEntitled(why) => match why {
                    // Workspace names must not be probed.
                    NotEntitled::NoMember => Cause::NotFound,
                    NotEntitled::KeyWithoutStorage
                    | NotEntitled::DisabledOrganisation
                    | NotEntitled::WrongCredential => Cause::NotEntitled,
                },
                Refusal::AccessKey(why) => match why {
                    AccessKeyRefusal::NoSuchKey => Cause::NotFound,
                    AccessKeyRefusal::NotTheirs | AccessKeyRefusal::Disabled => Cause::NotEntitled,
                    AccessKeyRefusal::Network => Cause::Network,
                    AccessKeyRefusal::Capability(_) => Cause::BadCapability,
                    AccessKeyRefusal::Pending
                    | AccessKeyRefusal::BucketOfOthers
                    | AccessKeyRefusal::NoPolicy(_) => Cause::Conflict,
                    AccessKeyRefusal::NotQueued(_) => Cause::NotQueued,
                    AccessKeyRefusal::NoBroker => Cause::Store,
                },
                Refusal::UnknownSession => Cause::BadSession,
                Refusal::Blocked { .. } => Cause::NotEntitled,
                Refusal::BucketConflict => Cause::Conflict,
                Refusal::RateLimited { .. } => Cause::Rate,
                Refusal::AuthorizationServer(failure) => match failure.kind {
                    UpstreamErrorKind::Timeout => Cause::AuthorizationServerTimeout,
                    _ => Cause::AuthorizationServer,
                },
                Refusal::Store(failure) => match failure.kind {
                    UpstreamErrorKind::Timeout => Cause::StoreTimeout,
                    _ => Cause::Store,
                },
                Refusal::Internal(_) => Cause::Ours,
                Refusal::Overloaded | Refusal::AuthorizationServerBusy | Refusal::BeingRevoked => {
                    Cause::Overloaded
                }
            },
            Self::NotFound => Cause::NotFound,
            Self::MethodNotAllowed(_) => Cause::MethodNotAllowed,
            Self::PayloadTooLarge => Cause::PayloadTooLarge,
            Self::UnsupportedMediaType => Cause::UnsupportedMediaType,
            Self::TokenInBody => Cause::Malformed,
            Self::Unprocessable(_) => Cause::Unprocessable,
            Self::ClientTooOld => Cause::ClientTooOld,
        }
    }

    pub(crate) fn problem_type(&self) -> ProblemType {
        self.cause().problem_type()
    }

    /// A sentence for the reader of the answer.
    pub(crate) fn detail(&self) -> &'static str {
        self.own_detail()
            .unwrap_or_else(|| self.problem_type().detail())
    }

    /// A sentence that says more than the type's.
    pub(crate) fn own_detail(&self) -> Option<&'static str> {
        match self {
            Self::Refused(Refusal::MalformedRequest(what)) => Some(what),
            Self::TokenInBody => Some(TOKEN_IN_BODY),
            _ => None,
        }
    }

    /// The scope that the token lacks: a named issuer has one of its own.
    pub(crate) fn missing_scope(&self) -> Option<&Scope> {
        match self {
            Self::Refused(Refusal::Token(TokenError::MissingScope(scope))) => Some(scope),
            _ => None,
        }
    }

    /// What the log adds to the slug.
    pub(crate) fn for_the_log(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(refusal.to_string()),
            Self::TokenInBody => Some(Refusal::MalformedRequest(TOKEN_IN_BODY).to_string()),
            _ => None,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
