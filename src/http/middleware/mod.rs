//! Around every route: the request's id and its line in the log, draining, CORS.

pub(crate) mod cors;
pub(crate) mod drain;
pub(crate) mod log_line;
pub(crate) mod request_log;
pub(crate) mod trace;
