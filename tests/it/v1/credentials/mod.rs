//! `POST /v1/credentials`

mod buckets;
mod client_authentication;
mod dead_connections;
mod dead_oauth_connections;
mod forgeries;
mod formats;
mod introspection;
mod jwt;
mod limits;
mod narrowing;
mod refusals;
mod secrets;
mod session_length;
mod store_answers;
mod store_failures;
mod success;
mod tokens;
mod unauthorized;
