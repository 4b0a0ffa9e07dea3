//! Strict readers of requests, one file for each part.

pub(crate) mod accept;
pub(crate) mod api_key;
pub(crate) mod bearer;
pub(crate) mod body;
pub(crate) mod client_address;
pub(crate) mod narrowing;
pub(crate) mod paging;
pub(crate) mod query;
pub(crate) mod trace_parent;
