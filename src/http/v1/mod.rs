//! `/v1/…`

pub(super) mod credentials;
