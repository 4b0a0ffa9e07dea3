use crate::http::problems::types::ProblemType;

/// What dialects tell apart: the rows of docs/api/README.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    NoCredential,
    BadCredential,
    /// An API key that is not valid.
    BadApiKey,
    /// A credential that was valid once.
    ExpiredCredential,
    MissingClaims,
    MissingScope,
    NotEntitled,
    /// A valid credential, from the wrong network.
    Network,
    BadCapability,
    /// A session token of no live session.
    BadSession,
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
    /// What every credential route that takes tokens may meet, for the contract.
    pub(crate) const OF_TOKEN_ROUTES: [Self; 18] = [
        Self::NoCredential,
        Self::BadCredential,
        Self::ExpiredCredential,
        Self::MissingClaims,
        Self::MissingScope,
        Self::NotEntitled,
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
            Self::NoCredential => ProblemType::MissingToken,
            Self::BadCredential
            | Self::ExpiredCredential
            | Self::BadCapability
            | Self::BadSession => ProblemType::InvalidToken,
            Self::BadApiKey => ProblemType::InvalidApiKey,
            Self::MissingClaims => ProblemType::MissingClaims,
            Self::MissingScope => ProblemType::InsufficientScope,
            Self::NotEntitled | Self::Network => ProblemType::StorageNotEntitled,
            Self::Malformed | Self::Unprocessable => ProblemType::InvalidRequest,
            Self::Conflict => ProblemType::BucketConflict,
            Self::Rate => ProblemType::RateLimited,
            Self::AuthorizationServer | Self::AuthorizationServerTimeout => {
                ProblemType::IdentificationUnavailable
            }
            Self::Store | Self::StoreTimeout => ProblemType::StorageUnavailable,
            Self::Ours | Self::NotQueued => ProblemType::InternalError,
            Self::Overloaded => ProblemType::Overloaded,
            Self::NotFound => ProblemType::NotFound,
            Self::MethodNotAllowed => ProblemType::MethodNotAllowed,
            Self::PayloadTooLarge => ProblemType::PayloadTooLarge,
            Self::UnsupportedMediaType => ProblemType::UnsupportedMediaType,
            Self::ClientTooOld => ProblemType::ClientTooOld,
        }
    }
}
