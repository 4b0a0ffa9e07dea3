use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::domain::TokenError;
use crate::service::{AccessKeyRefusal, NotEntitled, Refusal, UpstreamErrorKind};

/// Said to whoever sends an access token in the body (RFC 6750 section 2.2 allows it, we do not).
pub(crate) const TOKEN_IN_BODY: &str =
    "An access token must be sent in the Authorization header, never in the body.";

/// Everything that a route may answer instead of what was asked for: the use cases' refusals and
/// the framework's.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    NotFound,
    MethodNotAllowed(Vec<Method>),
    PayloadTooLarge,
    UnsupportedMediaType,
    /// Parts of the path that are well-formed as a path and no good as what they stand for.
    Unprocessable(Vec<InvalidField>),
    /// The client says that it is too old (`X-Client-Version`).
    ClientTooOld,
}

/// One part of a request that is no good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InvalidField {
    pub(crate) location: &'static str,
    pub(crate) message: &'static str,
    pub(crate) kind: &'static str,
}

/// A problem type (RFC 9457 section 3.1.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProblemType {
    pub(crate) slug: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) title: &'static str,
    pub(crate) detail: &'static str,
}

pub(crate) const fn problem(
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    detail: &'static str,
) -> ProblemType {
    ProblemType {
        slug,
        status,
        title,
        detail,
    }
}

pub(crate) const MISSING_CLAIMS: ProblemType = problem(
    "missing-claims",
    StatusCode::BAD_REQUEST,
    "Missing claims",
    "The access token does not name both a subject (sub) and a client (client_id).",
);
pub(crate) const INVALID_REQUEST: ProblemType = problem(
    "invalid-request",
    StatusCode::BAD_REQUEST,
    "Invalid request",
    "The request is malformed.",
);
pub(crate) const MISSING_TOKEN: ProblemType = problem(
    "missing-token",
    StatusCode::UNAUTHORIZED,
    "Missing token",
    "Send an access token in the Authorization header: 'Authorization: Bearer <token>'.",
);
pub(crate) const INVALID_TOKEN: ProblemType = problem(
    "invalid-token",
    StatusCode::UNAUTHORIZED,
    "Invalid token",
    "The access token is not valid here: it may be expired, revoked, or meant for another service.",
);
pub(crate) const INSUFFICIENT_SCOPE: ProblemType = problem(
    "insufficient-scope",
    StatusCode::FORBIDDEN,
    "Insufficient scope",
    "The access token was issued without the scope that this service requires.",
);
pub(crate) const INVALID_API_KEY: ProblemType = problem(
    "invalid-api-key",
    StatusCode::UNAUTHORIZED,
    "Invalid API key",
    "Send a valid API key in the header x-api-key.",
);
pub(crate) const STORAGE_NOT_ENTITLED: ProblemType = problem(
    "storage-not-entitled",
    StatusCode::FORBIDDEN,
    "Storage not entitled",
    "This credential opens no storage here.",
);
pub(crate) const NOT_FOUND: ProblemType = problem(
    "not-found",
    StatusCode::NOT_FOUND,
    "Not found",
    "There is nothing at this address.",
);
pub(crate) const METHOD_NOT_ALLOWED: ProblemType = problem(
    "method-not-allowed",
    StatusCode::METHOD_NOT_ALLOWED,
    "Method not allowed",
    "This address does not take this method; the Allow header says which it takes.",
);
pub(crate) const BUCKET_CONFLICT: ProblemType = problem(
    "bucket-conflict",
    StatusCode::CONFLICT,
    "Bucket conflict",
    "The bucket that belongs to this token exists and is not known to be its owner's.",
);
pub(crate) const PAYLOAD_TOO_LARGE: ProblemType = problem(
    "payload-too-large",
    StatusCode::PAYLOAD_TOO_LARGE,
    "Payload too large",
    "The request's body is longer than 64 KiB.",
);
pub(crate) const UNSUPPORTED_MEDIA_TYPE: ProblemType = problem(
    "unsupported-media-type",
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "Unsupported media type",
    "A body, if there is one, must be application/json.",
);
pub(crate) const CLIENT_TOO_OLD: ProblemType = problem(
    "client-too-old",
    StatusCode::UPGRADE_REQUIRED,
    "Client too old",
    "The X-Client-Version is below the lowest that this service takes.",
);
pub(crate) const RATE_LIMITED: ProblemType = problem(
    "rate-limited",
    StatusCode::TOO_MANY_REQUESTS,
    "Rate limited",
    "Too many calls; credentials can be kept until they expire.",
);
pub(crate) const INTERNAL_ERROR: ProblemType = problem(
    "internal-error",
    StatusCode::INTERNAL_SERVER_ERROR,
    "Internal error",
    "Something went wrong on our side.",
);
pub(crate) const PROVISIONING_FAILED: ProblemType = problem(
    "provisioning-failed",
    StatusCode::INTERNAL_SERVER_ERROR,
    "Provisioning failed",
    "The store cannot be asked for credentials at the moment.",
);
pub(crate) const IDENTIFICATION_UNAVAILABLE: ProblemType = problem(
    "identification-unavailable",
    StatusCode::BAD_GATEWAY,
    "Identification unavailable",
    "The authorization server cannot be asked about the token at the moment.",
);
pub(crate) const STORAGE_UNAVAILABLE: ProblemType = problem(
    "storage-unavailable",
    StatusCode::BAD_GATEWAY,
    "Storage unavailable",
    "The store cannot be asked for credentials at the moment.",
);
pub(crate) const OVERLOADED: ProblemType = problem(
    "overloaded",
    StatusCode::SERVICE_UNAVAILABLE,
    "Overloaded",
    "Too many requests are under way, or the gateway is stopping.",
);

pub(crate) const HEADERS_TOO_LARGE: ProblemType = problem(
    "headers-too-large",
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "Headers too large",
    "The request's line and headers are longer than 64 KiB, or more than 96 headers.",
);
pub(crate) const REQUEST_TIMEOUT: ProblemType = problem(
    "request-timeout",
    StatusCode::REQUEST_TIMEOUT,
    "Request timeout",
    "The request's headers took too long to arrive.",
);

/// All of them, for the contract and the documentation.
pub(crate) const ALL: [ProblemType; 21] = [
    MISSING_CLAIMS,
    INVALID_REQUEST,
    MISSING_TOKEN,
    INVALID_TOKEN,
    INSUFFICIENT_SCOPE,
    INVALID_API_KEY,
    STORAGE_NOT_ENTITLED,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    BUCKET_CONFLICT,
    PAYLOAD_TOO_LARGE,
    HEADERS_TOO_LARGE,
    REQUEST_TIMEOUT,
    UNSUPPORTED_MEDIA_TYPE,
    CLIENT_TOO_OLD,
    RATE_LIMITED,
    INTERNAL_ERROR,
    PROVISIONING_FAILED,
    IDENTIFICATION_UNAVAILABLE,
    STORAGE_UNAVAILABLE,
    OVERLOADED,
];

impl ProblemType {
    /// An answer of this type, as a gateway at this address writes it.
    pub(crate) fn example(&self, public_url: &str) -> Value {
        json!({
            "type": format!("{public_url}/problems/{}", self.slug),
            "status": self.status.as_u16(),
            "title": self.title,
            "detail": self.detail,
            "instance": "urn:uuid:0f5f9c3e-5a3c-4a6e-9d0b-1f6b0a5a7c11",
        })
    }
}

/// The rows of docs/api/README.md: what dialects tell apart. Many causes inside, few answers
/// outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    NoCredential,
    BadCredential,
    /// A bad one that was good once.
    ExpiredCredential,
    MissingClaims,
    MissingScope,
    NotEntitled,
    /// A good one, from the wrong place.
    Network,
    BadCapability,
    Malformed,
    Unprocessable,
    Conflict,
    Rate,
    AuthorizationServer,
    AuthorizationServerTimeout,
    Store,
    StoreTimeout,
    Ours,
    Overloaded,
    NotFound,
    MethodNotAllowed,
    PayloadTooLarge,
    UnsupportedMediaType,
    ClientTooOld,
    NotQueued,
}

impl Cause {
    /// Those that every credential route which takes tokens may meet, for the contract.
    pub(crate) const OF_VENDING: [Self; 17] = [
        Self::NoCredential,
        Self::BadCredential,
        Self::ExpiredCredential,
        Self::MissingClaims,
        Self::MissingScope,
        Self::Malformed,
        Self::Conflict,
        Self::Rate,
        Self::AuthorizationServer,
        Self::AuthorizationServerTimeout,
        Self::Store,
        Self::StoreTimeout,
        Self::Ours,
        Self::Overloaded,
        Self::MethodNotAllowed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
    ];

    /// The cause in the language of `POST /v1/credentials` and of every route without a dialect of
    /// its own.
    pub(crate) fn problem_type(self) -> ProblemType {
        match self {
            Self::NoCredential => MISSING_TOKEN,
            Self::BadCredential | Self::ExpiredCredential | Self::BadCapability => INVALID_TOKEN,
            Self::MissingClaims => MISSING_CLAIMS,
            Self::MissingScope => INSUFFICIENT_SCOPE,
            Self::NotEntitled | Self::Network => STORAGE_NOT_ENTITLED,
            Self::Malformed | Self::Unprocessable => INVALID_REQUEST,
            Self::Conflict => BUCKET_CONFLICT,
            Self::Rate => RATE_LIMITED,
            Self::AuthorizationServer | Self::AuthorizationServerTimeout => {
                IDENTIFICATION_UNAVAILABLE
            }
            Self::Store | Self::StoreTimeout => STORAGE_UNAVAILABLE,
            Self::Ours | Self::NotQueued => INTERNAL_ERROR,
            Self::Overloaded => OVERLOADED,
            Self::NotFound => NOT_FOUND,
            Self::MethodNotAllowed => METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge => PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => UNSUPPORTED_MEDIA_TYPE,
            Self::ClientTooOld => CLIENT_TOO_OLD,
        }
    }
}

impl Failure {
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::MissingCredential => Cause::NoCredential,
                Refusal::MalformedRequest(_) => Cause::Malformed,
                Refusal::Token(problem) => match problem {
                    TokenError::MissingClaims => Cause::MissingClaims,
                    TokenError::MissingScope => Cause::MissingScope,
                    TokenError::Expired => Cause::ExpiredCredential,
                    TokenError::Inactive
                    | TokenError::EndlessJwt
                    | TokenError::NotYetValid
                    | TokenError::WrongIssuer
                    | TokenError::WrongAudience
                    | TokenError::NotAnAccessToken
                    | TokenError::SenderConstrained
                    | TokenError::TwoClientIds
                    | TokenError::Forged(_)
                    | TokenError::OurApiKey
                    | TokenError::OurCapability
                    | TokenError::Contradicted
                    | TokenError::EndsTooSoon => Cause::BadCredential,
                },
                Refusal::ApiKey(_) => Cause::BadCredential,
                Refusal::NotEntitled(why) => match why {
                    // Nobody learns whether there is such a workspace.
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
                    | AccessKeyRefusal::SomebodyElses
                    | AccessKeyRefusal::NoPolicy(_) => Cause::Conflict,
                    AccessKeyRefusal::NotQueued(_) => Cause::NotQueued,
                    AccessKeyRefusal::NoBroker => Cause::Store,
                },
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
                Refusal::Overloaded | Refusal::AuthorizationServerBusy => Cause::Overloaded,
            },
            Self::NotFound => Cause::NotFound,
            Self::MethodNotAllowed(_) => Cause::MethodNotAllowed,
            Self::PayloadTooLarge => Cause::PayloadTooLarge,
            Self::UnsupportedMediaType => Cause::UnsupportedMediaType,
            Self::Unprocessable(_) => Cause::Unprocessable,
            Self::ClientTooOld => Cause::ClientTooOld,
        }
    }

    pub(crate) fn problem_type(&self) -> ProblemType {
        self.cause().problem_type()
    }

    /// A sentence for whoever reads the answer.
    pub(crate) fn detail(&self) -> &'static str {
        self.own_detail()
            .unwrap_or_else(|| self.problem_type().detail)
    }

    /// One that says more than its type does.
    pub(crate) fn own_detail(&self) -> Option<&'static str> {
        match self {
            Self::Refused(Refusal::MalformedRequest(what)) => Some(what),
            _ => None,
        }
    }

    /// Whether an access token was found where none belongs.
    pub(crate) fn is_misplaced_token(&self) -> bool {
        matches!(self, Self::Refused(Refusal::MalformedRequest(what)) if *what == TOKEN_IN_BODY)
    }

    /// What the log says, if it says more than the slug.
    pub(crate) fn for_the_log(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(refusal.to_string()),
            _ => None,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
