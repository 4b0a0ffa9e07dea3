//! The S3 API: who may call what, the calls, and the index that finds objects.

mod access;
mod actions;
mod calls;
mod cors;
mod error_messages;
mod index;
mod listing;
mod object_key;
mod object_store;
mod uploads;

pub(super) use access::Access;
pub(super) use cors::{Cors, CorsRequest};
pub(super) use error_messages::complete_error;
pub(super) use object_store::ObjectStore;
