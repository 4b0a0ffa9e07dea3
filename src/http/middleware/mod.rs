//! What is around every route: the request's id and its log line, draining, CORS.

pub(crate) mod cors;
pub(crate) mod drain;
pub(crate) mod request_log;
pub(crate) mod seen;
