//! `POST /v1/credentials`

mod buckets;
mod client_authentication;
mod introspection;
mod jwt;
mod limits;
mod refusals;
mod secrets;
mod store_failures;
mod tokens;
mod vending;
