use std::time::Duration;

use actix_web::http::Method;

use crate::service::{Limit, Refusal};

use crate::http::problems::cause::Cause;
use crate::http::problems::failure::Failure;

/// Told of every answer and every refusal, for metrics.
pub trait Observer: Send + Sync {
    /// A request was answered.
    fn answered(&self, answered: &Answered<'_>);

    /// A request was refused in this dialect, for this cause.
    fn refused(&self, dialect: &'static str, cause: &'static str);
}

/// An answer, as far as it may be counted: nothing of it comes from the request but the method.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// One of [`ROUTES`](crate::http::ROUTES), or `none`.
    pub route: &'static str,
    /// The answer's status.
    pub status: u16,
    /// How long the answer took.
    pub took: Duration,
}

/// The dialect of routes that have none, and of bytes that are no request.
pub(crate) const NO_DIALECT: &str = "none";

/// The cause of a failure, as metrics write it: a rate limit by its name.
pub(crate) fn cause_of(failure: &Failure) -> &'static str {
    match failure {
        Failure::Refused(Refusal::RateLimited { limit, .. }) => match limit {
            Limit::Owner => "rate-owner",
            Limit::Caller => "rate-caller",
            Limit::Address => "rate-address",
        },
        Failure::Refused(Refusal::AuthorizationServerBusy) => "authorization-server-busy",
        _ => failure.cause().as_str(),
    }
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::NoCredential => "no-credential",
            Self::BadCredential | Self::BadApiKey => "bad-credential",
            Self::ExpiredCredential => "expired-credential",
            Self::MissingClaims => "missing-claims",
            Self::MissingScope => "missing-scope",
            Self::NotEntitled => "not-entitled",
            Self::Network => "network",
            Self::BadCapability => "bad-capability",
            Self::BadSession => "bad-session",
            Self::Malformed => "malformed",
            Self::Unprocessable => "unprocessable",
            Self::Conflict => "conflict",
            Self::Rate => "rate",
            Self::AuthorizationServer => "authorization-server",
            Self::AuthorizationServerTimeout => "authorization-server-timeout",
            Self::Store => "store",
            Self::StoreTimeout => "store-timeout",
            Self::Ours => "internal",
            Self::Overloaded => "overloaded",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::PayloadTooLarge => "payload-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::ClientTooOld => "client-too-old",
            Self::NotQueued => "not-recorded",
        }
    }
}
