//! What a request says, read strictly: one part of it a file.

pub(crate) mod accept;
pub(crate) mod bearer;
pub(crate) mod body;
pub(crate) mod client_address;
pub(crate) mod narrowing;
pub(crate) mod query;
