//! Errors: from a refusal to a cause, from a cause to a problem type (RFC 9457), and their pages.

pub(crate) mod cause;
pub(crate) mod explanation;
pub(crate) mod failure;
pub(crate) mod pages;
pub(crate) mod problem;
pub(crate) mod types;
pub(crate) mod unreadable;
