//! The public APIs, a file each. A dialect reads a request, renders a session and words a refusal.

pub(crate) mod access_key;
pub(crate) mod container;
pub(crate) mod dialect;
pub(crate) mod revoke;
pub(crate) mod session;
pub(crate) mod storage;
pub(crate) mod storage_boto;
pub(crate) mod storage_sessions;
pub(crate) mod sts;
pub(crate) mod v1;
pub(crate) mod workspace;
