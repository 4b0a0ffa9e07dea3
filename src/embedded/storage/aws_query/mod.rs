//! AWS's query protocol, which STS and IAM speak: a signed form is posted to `/`, and the response
//! is XML.

mod error;
mod form;
mod response;
mod signature;

pub(super) use error::QueryError;
pub(super) use form::Form;
pub(super) use response::{CallResult, date, respond};
pub(super) use signature::Signature;
