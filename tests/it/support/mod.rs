//! `spawn_app()` and the helpers of the tests.

mod answer;
mod app;
mod fake;
pub(crate) mod faulty_proxy;
mod issuer;
mod process;
mod raw;
mod ready;
mod reserved;
mod serve;
mod setup;
mod tags;
mod tls;

pub(crate) use answer::{Answer, Credentials, until_limited};
pub(crate) use app::{App, dev_token, s3, spawn_app};
pub(crate) use fake::{
    SESSION, fake_authorization_server, fake_store, furnish_store, introspection_says, session_of,
    time_in,
};
pub(crate) use issuer::{AUDIENCE, Issuer, SigningKey, encode, seconds};
pub(crate) use process::{Process, cloakroom, limited};
pub(crate) use raw::{Raw, RawAnswer, request};
pub(crate) use ready::until_ready;
pub(crate) use reserved::Reserved;
pub(crate) use serve::Serve;
pub(crate) use setup::Setup;
pub(crate) use tags::PRODUCTION;
pub(crate) use tls::{Authority, in_front_of};

/// The scope that access tokens need.
pub(crate) const SCOPE: &str = "com.cleverbase.storage";

/// `printf '%s\0%s\0%s' "" demo alice | sha256sum | cut -c1-63`
pub(crate) const ALICES_BUCKET: &str =
    "5c3b3bb8e6448a51b8ad7992994f7220a88e07baef43de9f0000dc1e1323e0a";
