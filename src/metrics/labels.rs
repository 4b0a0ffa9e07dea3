//! The labels. Their values are words of the code itself (`'static`), numbers, or keys of the
//! configuration, so nothing from a request can become one.

use prometheus_client::encoding::EncodeLabelSet;

/// A set of labels; its fields are their names.
pub(super) trait Labels {
    const NAMES: &'static [&'static str];
}

/// Declares sets of labels.
macro_rules! labels {
    ($($(#[$meta:meta])* $set:ident { $($name:ident: $value:ty),+ $(,)? })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
        pub(crate) struct $set {
            $(pub(crate) $name: $value,)+
        }

        impl Labels for $set {
            const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];
        }
    )+};
}

labels! {
    /// OpenTelemetry's stable convention for HTTP servers.
    #[expect(clippy::struct_field_names, reason = "the convention's names")]
    ServerRequest {
        http_request_method: &'static str,
        http_route: &'static str,
        http_response_status_code: u16,
    }

    /// The one for HTTP clients, with the upstream in place of its address. A request without an
    /// answer has an `error_type` and no status.
    ClientRequest {
        http_request_method: &'static str,
        upstream: &'static str,
        http_response_status_code: Option<u16>,
        error_type: Option<&'static str>,
    }

    IssuedSession {
        dialect: &'static str,
        owner_kind: &'static str,
        access: &'static str,
    }

    Refusal {
        dialect: &'static str,
        cause: &'static str,
    }

    Outcome {
        outcome: &'static str,
    }

    Limit {
        limit: &'static str,
    }

    Alarm {
        kind: &'static str,
    }

    File {
        key: String,
    }

    Build {
        version: &'static str,
        engine: &'static str,
        database: &'static str,
    }
}
