//! The protocol of STS and IAM, AWS's query protocol: a signed form is posted to `/`, and XML comes
//! back.

mod error;
mod form;
mod response;
mod signature;

pub(super) use error::QueryError;
pub(super) use form::Form;
pub(super) use response::{CallResult, element, respond};
pub(super) use signature::Signature;
