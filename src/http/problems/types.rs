use actix_web::http::StatusCode;
use serde_json::{Value, json};

/// A problem type (RFC 9457 section 3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProblemType {
    MissingClaims,
    InvalidRequest,
    MissingToken,
    InvalidToken,
    InsufficientScope,
    InvalidApiKey,
    StorageNotEntitled,
    NotFound,
    MethodNotAllowed,
    BucketConflict,
    PayloadTooLarge,
    HeadersTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
    ClientTooOld,
    RateLimited,
    InternalError,
    ProvisioningFailed,
    IdentificationUnavailable,
    StorageUnavailable,
    Overloaded,
}

/// What every answer of one type has in common.
struct Facts {
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    detail: &'static str,
}

impl ProblemType {
    /// Every type, for the contract and the documentation.
    pub(crate) const ALL: [Self; 21] = [
        Self::MissingClaims,
        Self::InvalidRequest,
        Self::MissingToken,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::InvalidApiKey,
        Self::StorageNotEntitled,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::BucketConflict,
        Self::PayloadTooLarge,
        Self::HeadersTooLarge,
        Self::RequestTimeout,
        Self::UnsupportedMediaType,
        Self::ClientTooOld,
        Self::RateLimited,
        Self::InternalError,
        Self::ProvisioningFailed,
        Self::IdentificationUnavailable,
        Self::StorageUnavailable,
        Self::Overloaded,
    ];

    /// The type with this slug, if there is one.
    pub(crate) fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.slug() == slug)
    }

    /// The last part of the type's address.
    pub(crate) fn slug(self) -> &'static str {
        self.facts().slug
    }

    pub(crate) fn status(self) -> StatusCode {
        self.facts().status
    }

    pub(crate) fn title(self) -> &'static str {
        self.facts().title
    }

    /// The sentence for answers that have no better one.
    pub(crate) fn detail(self) -> &'static str {
        self.facts().detail
    }

    /// An answer of this type, as a gateway at this address writes it.
    pub(crate) fn example(self, public_url: &str) -> Value {
        let facts = self.facts();
        json!({
            "type": format!("{public_url}/problems/{}", facts.slug),
            "status": facts.status.as_u16(),
            "title": facts.title,
            "detail": facts.detail,
            "instance": "urn:uuid:0f5f9c3e-5a3c-4a6e-9d0b-1f6b0a5a7c11",
        })
    }

    fn facts(self) -> Facts {
        match self {
            Self::MissingClaims => facts(
                "missing-claims",
                StatusCode::BAD_REQUEST,
                "Missing claims",
                "The access token does not name both a subject (sub) and a client (client_id).",
            ),
            Self::InvalidRequest => facts(
                "invalid-request",
                StatusCode::BAD_REQUEST,
                "Invalid request",
                "The request is malformed.",
            ),
            Self::MissingToken => facts(
                "missing-token",
                StatusCode::UNAUTHORIZED,
                "Missing token",
                "Send an access token in the Authorization header: 'Authorization: Bearer <token>'.",
            ),
            Self::InvalidToken => facts(
                "invalid-token",
                StatusCode::UNAUTHORIZED,
                "Invalid token",
                "The access token is not valid here: it may be expired, revoked, or meant for another service.",
            ),
            Self::InsufficientScope => facts(
                "insufficient-scope",
                StatusCode::FORBIDDEN,
                "Insufficient scope",
                "The access token was issued without the scope that this service requires.",
            ),
            Self::InvalidApiKey => facts(
                "invalid-api-key",
                StatusCode::UNAUTHORIZED,
                "Invalid API key",
                "Send a valid API key in the header x-api-key.",
            ),
            Self::StorageNotEntitled => facts(
                "storage-not-entitled",
                StatusCode::FORBIDDEN,
                "Storage not entitled",
                "This credential opens no storage here.",
            ),
            Self::NotFound => facts(
                "not-found",
                StatusCode::NOT_FOUND,
                "Not found",
                "There is nothing at this address.",
            ),
            Self::MethodNotAllowed => facts(
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "Method not allowed",
                "This address does not take this method; the Allow header says which it takes.",
            ),
            Self::BucketConflict => facts(
                "bucket-conflict",
                StatusCode::CONFLICT,
                "Bucket conflict",
                "The bucket that belongs to this token exists and is not known to be its owner's.",
            ),
            Self::PayloadTooLarge => facts(
                "payload-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "Payload too large",
                "The request's body is longer than 64 KiB.",
            ),
            Self::HeadersTooLarge => facts(
                "headers-too-large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Headers too large",
                "The request's line and headers are longer than 64 KiB, or more than 96 headers.",
            ),
            Self::RequestTimeout => facts(
                "request-timeout",
                StatusCode::REQUEST_TIMEOUT,
                "Request timeout",
                "The request's headers took too long to arrive.",
            ),
            Self::UnsupportedMediaType => facts(
                "unsupported-media-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported media type",
                "A body, if there is one, must be application/json.",
            ),
            Self::ClientTooOld => facts(
                "client-too-old",
                StatusCode::UPGRADE_REQUIRED,
                "Client too old",
                "The X-Client-Version is below the lowest that this service takes.",
            ),
            Self::RateLimited => facts(
                "rate-limited",
                StatusCode::TOO_MANY_REQUESTS,
                "Rate limited",
                "Too many calls; credentials can be kept until they expire.",
            ),
            Self::InternalError => facts(
                "internal-error",
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal error",
                "Something went wrong on our side.",
            ),
            Self::ProvisioningFailed => facts(
                "provisioning-failed",
                StatusCode::INTERNAL_SERVER_ERROR,
                "Provisioning failed",
                "The store cannot be asked for credentials at the moment.",
            ),
            Self::IdentificationUnavailable => facts(
                "identification-unavailable",
                StatusCode::BAD_GATEWAY,
                "Identification unavailable",
                "The authorization server cannot be asked about the token at the moment.",
            ),
            Self::StorageUnavailable => facts(
                "storage-unavailable",
                StatusCode::BAD_GATEWAY,
                "Storage unavailable",
                "The store cannot be asked for credentials at the moment.",
            ),
            Self::Overloaded => facts(
                "overloaded",
                StatusCode::SERVICE_UNAVAILABLE,
                "Overloaded",
                "Too many requests are under way, or the gateway is stopping.",
            ),
        }
    }
}

const fn facts(
    slug: &'static str,
    status: StatusCode,
    title: &'static str,
    detail: &'static str,
) -> Facts {
    Facts {
        slug,
        status,
        title,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_listed_once_in_the_order_of_the_enum() {
        for (at, problem) in ProblemType::ALL.into_iter().enumerate() {
            assert_eq!(problem as usize, at);
        }
        assert_eq!(ProblemType::Overloaded as usize + 1, ProblemType::ALL.len());
    }
}
