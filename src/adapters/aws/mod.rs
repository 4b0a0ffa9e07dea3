//! The store: buckets over S3, sessions over STS, with what differs between engines as data.

mod administrator;
mod client;
mod failure;
mod iam;
mod intruder;
mod minio_admin;
mod minio_crypto;
mod minio_keys;
mod objects;
mod pair;
mod pools;
mod quirks;
mod rgw;
mod s3;
mod signed;
mod sts;
mod throw_away;
mod transport;

#[cfg(test)]
mod tests;

pub use client::{AuthoritiesError, AwsClients, AwsSettings, StaticIdentity};
pub use iam::IamBroker;
pub use intruder::S3Attacker;
pub use minio_keys::MinioBroker;
pub use objects::S3Objects;
pub use quirks::{Engine, InvalidEngine};
pub use rgw::CephBroker;
pub use s3::S3Buckets;
pub use sts::StsSessions;
pub use throw_away::S3ThrowAway;
