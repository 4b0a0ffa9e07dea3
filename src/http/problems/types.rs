use actix_web::http::StatusCode;
use serde_json::{Value, json};

/// Declares the enum and the list of its cases from one table, so that no list can lack a type.
macro_rules! problem_types {
    ($($name:ident, $slug:literal, $status:ident, $title:literal, $detail:literal;)*) => {
        /// A problem type (RFC 9457 section 3.1.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ProblemType {
            $($name,)*
        }

        impl ProblemType {
            /// Every type, for the contract and the documentation.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The last part of the type's address.
            pub(crate) fn slug(self) -> &'static str {
                match self {
                    $(Self::$name => $slug,)*
                }
            }

            pub(crate) fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            pub(crate) fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }

            /// The sentence of answers that have no better one.
            pub(crate) fn detail(self) -> &'static str {
                match self {
                    $(Self::$name => $detail,)*
                }
            }
        }
    };
}

problem_types! {
    MissingClaims, "missing-claims", BAD_REQUEST, "Missing claims",
        "The access token does not name both a subject (sub) and a client (client_id).";
    InvalidRequest, "invalid-request", BAD_REQUEST, "Invalid request",
        "The request is malformed.";
    MissingToken, "missing-token", UNAUTHORIZED, "Missing token",
        "Send an access token in the Authorization header: 'Authorization: Bearer <token>'.";
    InvalidToken, "invalid-token", UNAUTHORIZED, "Invalid token",
        "The access token is not valid here: it may be expired, revoked, or meant for another service.";
    InsufficientScope, "insufficient-scope", FORBIDDEN, "Insufficient scope",
        "The access token was issued without the scope that this service requires.";
    InvalidApiKey, "invalid-api-key", UNAUTHORIZED, "Invalid API key",
        "Send a valid API key in the header x-api-key.";
    StorageNotEntitled, "storage-not-entitled", FORBIDDEN, "Storage not entitled",
        "This credential opens no storage here.";
    NotFound, "not-found", NOT_FOUND, "Not found",
        "There is nothing at this address.";
    MethodNotAllowed, "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "This address does not take this method; the Allow header says which it takes.";
    BucketConflict, "bucket-conflict", CONFLICT, "Bucket conflict",
        "The bucket that belongs to this token exists and is not known to be its owner's.";
    PayloadTooLarge, "payload-too-large", PAYLOAD_TOO_LARGE, "Payload too large",
        "The request's body is longer than 64 KiB.";
    HeadersTooLarge, "headers-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "Headers too large",
        "The request's line and headers are longer than 64 KiB, or more than 96 headers.";
    RequestTimeout, "request-timeout", REQUEST_TIMEOUT, "Request timeout",
        "The request's headers took too long to arrive.";
    UnsupportedMediaType, "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "A body, if there is one, must be application/json.";
    ClientTooOld, "client-too-old", UPGRADE_REQUIRED, "Client too old",
        "The X-Client-Version is below the lowest that this service takes.";
    RateLimited, "rate-limited", TOO_MANY_REQUESTS, "Rate limited",
        "Too many calls; credentials can be kept until they expire.";
    InternalError, "internal-error", INTERNAL_SERVER_ERROR, "Internal error",
        "Something went wrong on our side.";
    ProvisioningFailed, "provisioning-failed", INTERNAL_SERVER_ERROR, "Provisioning failed",
        "The store cannot be asked for credentials at the moment.";
    IdentificationUnavailable, "identification-unavailable", BAD_GATEWAY, "Identification unavailable",
        "The authorization server cannot be asked about the token at the moment.";
    StorageUnavailable, "storage-unavailable", BAD_GATEWAY, "Storage unavailable",
        "The store cannot be asked for credentials at the moment.";
    Overloaded, "overloaded", SERVICE_UNAVAILABLE, "Overloaded",
        "Too many requests are under way, or the gateway is stopping.";
}

impl ProblemType {
    /// The type with this slug, if there is one.
    pub(crate) fn parse(slug: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|problem| problem.slug() == slug)
    }

    /// An answer of this type, as a gateway at this address writes it.
    pub(crate) fn example(self, public_url: &str) -> Value {
        json!({
            "type": format!("{public_url}/problems/{}", self.slug()),
            "status": self.status().as_u16(),
            "title": self.title(),
            "detail": self.detail(),
            "instance": "urn:uuid:0f5f9c3e-5a3c-4a6e-9d0b-1f6b0a5a7c11",
        })
    }
}
